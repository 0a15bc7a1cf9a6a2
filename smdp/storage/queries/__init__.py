"""The statements: plain functions of a connection, one module a table or two. They keep rows; the carrier decides."""
