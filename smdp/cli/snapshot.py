"""`smdp snapshot`: what a carrier and its hosted devices were, to go back to."""

from smdp.cli import output, session
from smdp.cli.output import Json


def take_(name: str, /, *, json: Json = False) -> None:
    """Keep what the carrier and its devices are now.

    Args:
        name: The snapshot's; one of the same name is replaced.
    """
    taken = session.client().take_snapshot(name)
    if json:
        output.emit(taken)
    else:
        profiles, devices = output.counted(taken.profiles, "profile"), output.counted(taken.devices, "device")
        output.say(f"{taken.name} holds {profiles} and {devices}")


def restore_(name: str, /, *, json: Json = False) -> None:
    """Make the carrier and its devices what they were; the timeline goes on.

    Args:
        name: The snapshot's.
    """
    server = session.client()
    carrier = server.restore_snapshot(name)
    if json:
        output.emit(carrier)
    else:
        output.say(f"{carrier.name} is what it was at {output.when(server.snapshot(name).at)}")


def list_(*, json: Json = False) -> None:
    """List the carrier's snapshots, the oldest first."""
    found = session.client().snapshots()
    if json:
        output.emit(found)
    elif found:
        rows = [(one.name, output.when(one.at), str(one.profiles), str(one.devices), str(one.bytes)) for one in found]
        output.table(("SNAPSHOT", "TAKEN", "PROFILES", "DEVICES", "BYTES"), rows)
    else:
        output.talk("No snapshots.")


def delete_(name: str, /) -> None:
    """Forget a snapshot.

    Args:
        name: The snapshot's.
    """
    session.client().delete_snapshot(name)
    output.say(f"{name} is deleted")
