"""What can be wrong with a database, in sentences."""

from smdp.errors import StartError


class StorageError(StartError):
    """The database cannot be used: the message says which, why, and what to do. Nothing was written."""


EMPTY = "it is empty; smdp serve fills it."
"""What is said of a database that nobody has written to yet."""
