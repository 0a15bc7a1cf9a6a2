"""Which server and carrier a command is about, by flags, variables and smdp.toml; what is read and said for it."""

from smdp.cli import output
from smdp.client import Client
from smdp.errors import SmdpError, UsageError
from smdp.model import Profile
from smdp.rsp.ids import EID_DIGITS, is_eid, is_iccid, ungrouped
from smdp.settings import Settings

_chosen: dict[str, str | None] = {}


def choose(url: str | None, carrier: str | None) -> None:
    """Note the global flags `--url` and `--carrier`."""
    _chosen.update(url=url, carrier=carrier)


def chosen_url() -> str | None:
    """Return what `--url` said."""
    return _chosen.get("url")


def chosen() -> dict[str, str | None]:
    """Return what the global flags said, by the names of the settings."""
    return dict(_chosen)


def client() -> Client:
    """Return the client that the settings describe."""
    settings = Settings.load(flags=_chosen)
    for warning in settings.warnings:
        output.talk(f"smdp: {warning}")
    return Client(settings.url, carrier=settings.carrier, token=settings.client_token())


def eid(text: str) -> str:
    """Read an EID as people write it, in groups perhaps. Raises UsageError."""
    digits = ungrouped(text)
    if is_eid(digits):
        return digits
    problem = f"this has {len(digits)}" if digits.isdecimal() else "this has something else in it"
    raise UsageError(f"{text[:64]!r} is no EID: an EID has {EID_DIGITS} decimal digits, {problem}.")


def iccid(text: str) -> str:
    """Read an ICCID. Raises UsageError."""
    digits = ungrouped(text)
    if not is_iccid(digits):
        raise UsageError(f"{text[:64]!r} is no ICCID: an ICCID has 18 to 20 decimal digits.")
    return digits


def filters(text: str) -> dict[str, str]:
    """Read what may be an ICCID or an EID, as the filter that finds it. Raises UsageError."""
    digits = ungrouped(text)
    if is_eid(digits):
        return {"eid": digits}
    if is_iccid(digits):
        return {"iccid": digits}
    raise UsageError(f"{text[:64]!r} is neither an ICCID (18 to 20 digits) nor an EID ({EID_DIGITS} digits).")


def profiles(server: Client, name: str) -> list[Profile]:
    """Return the profile of an ICCID, or those of an EID, oldest first; at least one. Raises SmdpError."""
    which = filters(name)
    if "iccid" in which:
        return [server.profile(which["iccid"])]
    found = sorted(server.profiles(eid=which["eid"]), key=lambda profile: profile.created_at)
    if not found:
        raise SmdpError(f"Carrier {server.carrier} has no profile for this EID; issue one: smdp profile issue {name}")
    return found


def one_profile(server: Client, name: str, states: tuple[str, ...]) -> Profile:
    """Return the profile that a command is about: of an EID's, the one in these states. Raises SmdpError."""
    found = profiles(server, name)
    fitting = [profile for profile in found if profile.state in states] or found
    if len(fitting) > 1:
        raise UsageError(f"{len(fitting)} profiles fit; name one: {', '.join(p.iccid for p in fitting[:5])}.")
    return fitting[0]
