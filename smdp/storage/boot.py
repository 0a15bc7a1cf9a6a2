"""Whether the machine was started anew since a file was opened last: then a power cut may have taken transactions back.

Only those that need not last (`Database.write_lightly`). Their event ids and entropy streams were given away, though,
and may be known elsewhere: so the counters leap over them, and nothing is ever given twice.
"""

import uuid
from pathlib import Path

from smdp.storage.connection import Connection

LEAP = 10_000
"""More than a power cut can take back: `writer.UNSYNCED` transactions and a batch, a few events each."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def leap(connection: Connection) -> None:
    """Let the counters leap if this is another boot than the last one that opened the file."""
    boot = current()
    row = connection.execute("SELECT value FROM meta WHERE key = 'boot'").fetchone()
    if row is None:
        connection.execute("INSERT INTO meta (key, value) VALUES ('boot', :boot)", {"boot": boot})
    elif row["value"] != boot:
        connection.execute("UPDATE counters SET events = events + :leap, entropy = entropy + :leap", {"leap": LEAP})
        connection.execute("UPDATE meta SET value = :boot WHERE key = 'boot'", {"boot": boot})


def current() -> str:
    """Name this boot of the machine; where it can't be told, every opening counts as one."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return uuid.uuid4().hex
