"""What is done to a database while no server needs to run: looked at, and brought to this release's schema."""

from smdp.storage.inspect import Report, check, upgrade

__all__ = ["Report", "check", "upgrade"]
