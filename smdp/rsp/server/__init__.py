"""The server's half of RSP: one module a function, each with its checks as one ordered list."""
