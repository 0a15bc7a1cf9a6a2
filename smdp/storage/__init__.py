"""Where rows are kept: migrations, queries as plain functions of a connection, and the database that runs them."""

from smdp.storage.connection import Connection, Row
from smdp.storage.database import Database
from smdp.storage.errors import StorageError

__all__ = ["Connection", "Database", "Row", "StorageError"]
