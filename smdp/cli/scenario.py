"""`smdp scenario`: situations that an MDM has to cope with."""

from smdp.cli import output, session
from smdp.cli.output import Json
from smdp.errors import SmdpError, UsageError
from smdp.model import Scenario


def list_(*, json: Json = False) -> None:
    """List the scenarios."""
    found = session.client().scenarios()
    if json:
        output.emit(found)
    else:
        output.table(("SCENARIO", "WHAT"), [(one.name, one.title) for one in found])


def show_(name: str, /, *, json: Json = False) -> None:
    """Show what happens in a scenario, what the MDM sees, and how a test tells.

    Args:
        name: Which: smdp scenario list.
    """
    _show(session.client().scenario(name), as_json=json)


def apply_(name: str, /, *, eid: str | None = None, json: Json = False) -> None:
    """Put the carrier into a scenario for a device.

    Args:
        name: Which: smdp scenario list.
        eid: For which device; not needed if the carrier has one only.
    """
    server = session.client()
    if eid is None:
        eids = [device.eid for device in server.devices()]
        if not eids:
            raise SmdpError(f"Carrier {server.carrier} has no simulated device; make one: smdp device new")
        if len(eids) > 1:
            raise UsageError(f"There are {len(eids)} devices; say which with --eid, for instance --eid {eids[0]}")
        eid = eids[0]
    applied = server.apply_scenario(name, session.eid(eid))
    _show(applied, as_json=json)


def _show(scenario: Scenario, *, as_json: bool) -> None:
    if as_json:
        output.emit(scenario)
        return
    output.say(output.wrapped(scenario.title))
    output.facts(
        [
            ("happens", output.wrapped(scenario.happens, 11)),
            ("MDM", output.wrapped(scenario.mdm, 11)),
            ("assert", output.wrapped(scenario.check, 11)),
            *([("left", output.wrapped(scenario.left, 11))] if scenario.left else []),
        ]
    )
