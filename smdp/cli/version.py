"""`smdp version` as the help shows it."""

from smdp.cli import fast


def version() -> int:
    """Print the version."""
    return fast.version()
