"""Scenarios: situations that an MDM has to cope with, each a file of settings, plans, orders and faults for one EID.

The files in `smdp/scenarios` have the tables of a carrier's document (carrier, plans, profiles, faults), and say
beside them what happens and how a test tells. `{eid}` stands for the EID they are applied to, `{mistyped}` for the same
with two digits swapped, `advance` lets time pass in the end, and a fault that is `always` there has no `times`.
`[device]` is what happens to the device itself before the MDM comes: for a device that this server hosts it is done
after the carrier's half (`smdp.http.staging`), for any other the answer says that it wasn't.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from smdp.carrier import carriers, clocks, contents, document, faults, plans
from smdp.carrier.errors import UNKNOWN, CarrierError, did_you_mean
from smdp.carrier.scope import Scope
from smdp.carrier.service import Service
from smdp.carrier.transactions import Written
from smdp.durations import parse_duration
from smdp.model import Scenario
from smdp.rsp.ids import is_eid, ungrouped
from smdp.storage.queries import carriers as queries


class DeviceHalf(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What happens to the device, in this order: each member is left out if it doesn't.

    `refresh`: it downloads its plan. `restrictions`: a configuration profile with these keys of
    com.apple.applicationaccess is installed. `offer`: the carrier tells its holder that the plan is ready. `transfer`:
    its holder moves the line to another device, which is made. `erase`: it is wiped, keeping its eSIMs or not.
    """

    refresh: bool = False
    restrictions: dict[str, bool] = {}
    offer: bool = False
    transfer: bool = False
    erase: Literal["keeping", "removing"] | None = None

    def __str__(self) -> str:
        """Say what is to be done."""
        wanted = {
            "download the plan": self.refresh,
            f"install a profile with {self._restrictions()}": bool(self.restrictions),
            "show the carrier's offer": self.offer,
            "move the line to another device": self.transfer,
            "send EraseDevice with PreserveDataPlan": self.erase == "keeping",
            "send EraseDevice without PreserveDataPlan": self.erase == "removing",
        }
        return ", then ".join(text for text, is_wanted in wanted.items() if is_wanted)

    def _restrictions(self) -> str:
        return ", ".join(f"{key} {str(value).lower()}" for key, value in self.restrictions.items())


class Recipe(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A file: what it says, and what it does."""

    title: str
    happens: str
    mdm: str
    check: str = msgspec.field(name="assert")
    reason: str | None = None
    carrier: dict[str, Any] = {}
    plans: list[dict[str, Any]] = []
    profiles: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    advance: str | None = None
    device: DeviceHalf | None = None


@cache
def recipes() -> dict[str, Recipe]:
    """Read the scenarios of this release, by name."""
    folder = files("smdp") / "scenarios"
    found = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml"))
    return {
        name.removesuffix(".toml"): msgspec.convert(tomllib.loads((folder / name).read_text("utf-8")), Recipe)
        for name in found
    }


def scenarios() -> list[Scenario]:
    """List the scenarios as the control API shows them."""
    return [_shown(name, recipe) for name, recipe in recipes().items()]


def scenario(name: str) -> Scenario:
    """Return a scenario. Raises CarrierError (404)."""
    return _shown(name, find(name))


def find(name: str) -> Recipe:
    """Return the recipe of a scenario. Raises CarrierError (404)."""
    known = recipes()
    if name not in known:
        because = f"There is no scenario {name[:60]!r}."
        raise CarrierError("scenario-unknown", because, did_you_mean(name, known), UNKNOWN)
    return known[name]


def _shown(name: str, recipe: Recipe) -> Scenario:
    tables = {"carrier", "plans", "profiles", "faults", "advance", "device"}
    does = {table: value for table, value in msgspec.to_builtins(recipe).items() if table in tables and value}
    return Scenario(
        name=name,
        title=recipe.title,
        happens=recipe.happens,
        mdm=recipe.mdm,
        check=recipe.check,
        reason=recipe.reason,
        does=does,
    )


class Stage:
    """Where scenarios are applied to carriers."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def apply(self, carrier: str, name: str, eid: str) -> Written:
        """Put a carrier into a scenario for an EID; it is made if there is none. The value is a Scenario.

        Raises CarrierError.
        """
        recipe, eid = find(name), ungrouped(eid)
        if not is_eid(eid):
            because = f"An EID has 32 decimal digits; {eid[:40]!r} has not."
            raise CarrierError("eid-invalid", because, "Give all of it.")
        applied = await self._service.ensure(carrier, self._apply, recipe, eid)
        return Written(_shown(name, recipe), applied.carrier_created)

    def _apply(self, scope: Scope, recipe: Recipe, eid: str) -> None:
        if recipe.carrier:
            changed = carriers.change(scope.connection, scope.carrier, recipe.carrier)
            scope = self._service.scope(scope.connection, changed)
        for plan in recipe.plans:
            _put_plan(scope, plan)
        entries = document.read({"profiles": filled(recipe.profiles, eid)}).profiles
        contents.put_profiles(scope, entries, self._service.entropy(scope.connection, scope.name))
        for entry in filled(recipe.faults, eid):
            if entry.pop("always", False):
                entry["times"] = None
            faults.arm(scope, faults.read(entry))
        scope.wake()
        if recipe.advance is not None:
            clocks.advance(scope, parse_duration(recipe.advance), self._service.clock)


def _put_plan(scope: Scope, settings: dict[str, Any]) -> None:
    name = settings["name"]
    if queries.plan(scope.connection, scope.name, name) is None:
        plans.create(scope.connection, scope.name, settings)
    else:
        plans.change(scope.connection, scope.name, name, settings)


def filled(value: Any, eid: str) -> Any:
    """Put an EID where a recipe has `{eid}` and `{mistyped}`."""
    if isinstance(value, dict):
        return {name: filled(member, eid) for name, member in value.items()}
    if isinstance(value, list):
        return [filled(member, eid) for member in value]
    return value.format(eid=eid, mistyped=mistyped(eid)) if isinstance(value, str) else value


def mistyped(eid: str) -> str:
    """Swap the last two neighbours of an EID, before its check digits, that differ."""
    for at in range(len(eid) - 4, 0, -1):
        if eid[at] != eid[at + 1]:
            return eid[:at] + eid[at + 1] + eid[at] + eid[at + 2 :]
    return ("1" if eid[0] == "0" else "0") + eid[1:]
