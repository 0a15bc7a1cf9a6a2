"""A carrier that is deleted between the look at a call and its transaction: nothing is left of the call."""

from smdp.carrier import contents, sessions
from smdp.carrier.download import Downloads
from smdp.carrier.notifications import Judged, keep
from smdp.http.app import security_of
from smdp.rsp.server.session import Session, Stage
from smdp.storage.queries import carriers
from tests.e2e.phone import Inside, Phone, eid_of, public_pki


def opened(now):
    return Session(
        transaction_id=b"\xab" * 16, stage=Stage.INITIATED, opened_at=now, server_address="a", euicc_challenge=b"",
        server_challenge=b"", svn=b"", signing_ci=b"", server_ci=b"",
    )  # fmt: skip


async def test_no_session_and_no_notification_is_kept_for_a_carrier_that_is_gone(bench):
    await bench.issue(eid=eid_of(1))

    def late(scope):
        contents.delete(scope)
        told = [sessions.insert(scope, opened(scope.now)), keep(scope, b"raw", Judged("unreadable"))]
        left = [scope.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - ours
                for table in ("sessions", "notifications", "profiles")]  # fmt: skip
        return told, left, carriers.carrier(scope.connection, scope.name)

    assert await bench.run(late) == ([False, False], [0, 0, 0], None)


async def test_a_call_that_found_its_carrier_just_before_is_answered_as_one_that_came_later(bench, monkeypatch):
    await bench.issue(eid=eid_of(1))
    carrier = await bench.service.carrier("acme")
    find = bench.service.find
    found = []

    def delete(connection):
        contents.delete(bench.service.scope(connection, carrier))

    async def late(*call):
        found.append(await find(*call))
        if len(found) == 1:
            bench.service.database._write_memory(delete)  # noqa: SLF001 - a write that does not let others run
        return found[-1]

    monkeypatch.setattr(bench.service, "find", late)
    downloads = Downloads(bench.service, security_of(public_pki()))
    phone = Phone(eid_of(1))
    answer = await Inside(downloads, "acme.smdp.localhost").ask("initiateAuthentication", phone.initiate())
    assert (answer.code, [row is not None for row in found]) == ("8.8.1/3.8", [True, False])
