"""What an operator does for a customer whose profile is of no use any more, or who has yet to fetch it."""

from smdp.carrier import activation, journal, orders, profiles
from smdp.carrier.errors import CONFLICT, CarrierError
from smdp.carrier.issue import IssueOrder, happening, prepare
from smdp.carrier.scope import Scope
from smdp.carrier.service import Service
from smdp.model import Profile
from smdp.rsp.crypto import Entropy
from smdp.rsp.ids import is_eid, ungrouped
from smdp.rsp.server.session import Change, Happening
from smdp.rsp.states import Trigger
from smdp.storage import Row
from smdp.storage.queries import profiles as queries

NOTICE = "Mobile Plan is Ready to be Installed"
"""What iOS tells the user of a plan that the carrier offers (apple-mdm.md §2.1)."""
_REISSUED = "reissued"


def reissue(scope: Scope, iccid: str, eid: str | None, entropy: Entropy) -> Row:
    """Issue a profile in the place of another one: new ICCID, IMSI, keys and MatchingID; same plan and number.

    It is for the same EID, or for another one, the device that comes next. The old profile is unavailable and its line
    terminated. Raises CarrierError where there is no line to move.
    """
    old = profiles.find(scope, iccid)
    if old["state"] == "unavailable":
        because = f"The profile {iccid} was revoked or reissued before: its number is not its own any more."
        raise CarrierError("state-forbids", because, "Issue another one: smdp profile issue.", CONFLICT)
    eid = eid and ungrouped(eid)
    if eid is not None and not is_eid(eid):
        because = f"An EID has 32 decimal digits; {eid[:40]!r} has not."
        raise CarrierError("eid-invalid", because, "Give all of it.")
    plan = orders.plan_of(old)
    if not plan.personalise and (plan.upp is not None or old["upp"] is not None):
        because = f"The profile {iccid} is a package that is used as it is, so there can't be another ICCID for it."
        raise CarrierError("package-fixed", because, "Issue one with another package, or personalise the plan's.")
    ended = _end(scope, old)
    same_device = eid in (None, old["eid"])
    order = IssueOrder(
        eid=eid or old["eid"],
        plan=old["plan"],
        msisdn=old["msisdn"],
        imei=old["imei"] if same_device else None,
        upp=None if old["upp"] is None else bytes(old["upp"]).hex(),
    )
    row = prepare(scope, [order], entropy)[0]
    row["confirmation_code_hash"] = old["confirmation_code_hash"]
    queries.insert(scope.connection, [row])
    journal.append(scope, [*ended, happening(row, replaces=iccid)])
    if row["expires_at"] is not None:
        scope.wake()
    return profiles.find(scope, row["iccid"])


def _end(scope: Scope, old: Row) -> tuple[Happening, ...]:
    """Take the old profile and its line out of service."""
    terminated: tuple[Happening, ...] = ()
    if old["activation_state"] != "terminated":
        terminated = activation.force(scope, old, "terminated", _REISSUED)
    revoked = orders.apply(scope, Change(iccid=old["iccid"], trigger=Trigger.REVOKED)) or ()
    return (*revoked, *terminated)


def offer(scope: Scope, iccid: str) -> Row:
    """Tell a device that its plan is ready to be installed (eSIM network activation). Raises CarrierError."""
    row = profiles.find(scope, iccid)
    if row["eid"] is None:
        because = f"The profile {iccid} is for whoever comes first, so there is no device to offer it to."
        raise CarrierError("eid-missing", because, "Give it an EID: PATCH the profile, or issue another one.", CONFLICT)
    if row["state"] != "released":
        because = f"The profile {iccid} is {row['state']}; only one that can be downloaded is offered."
        fix = "Release it: smdp profile release." if row["state"] == "confirmed" else "Issue another one."
        raise CarrierError("state-forbids", because, fix, CONFLICT)
    journal.append(scope, [Happening(type="profile.offered", iccid=iccid, data={"eid": row["eid"], "text": NOTICE})])
    return row


def shown(scope: Scope, iccid: str, eid: str) -> None:
    """Note that a device shows the offer."""
    journal.append(scope, [Happening(type="user.notice", iccid=iccid, data={"eid": eid, "text": NOTICE})])


class Helpdesk:
    """Does it, a transaction each."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def reissue(self, carrier: str, iccid: str, eid: str | None) -> Profile:
        """Issue a profile in the place of another one, for the same EID or for another. Raises CarrierError."""

        def reissued(scope: Scope) -> Profile:
            entropy = self._service.entropy(scope.connection, scope.name)
            return profiles.view(scope, reissue(scope, iccid, eid, entropy))

        return await self._service.write(carrier, reissued)

    async def offer(self, carrier: str, iccid: str) -> Profile:
        """Tell a profile's device that it is ready to be installed. Raises CarrierError."""
        return await self._service.write(carrier, lambda scope: profiles.view(scope, offer(scope, iccid)))

    async def shown(self, carrier: str, iccid: str, eid: str) -> None:
        """Note that a device shows an offer."""
        await self._service.write(carrier, shown, iccid, eid)
