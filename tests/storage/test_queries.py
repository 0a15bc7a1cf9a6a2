"""What the statements promise: once, in order, and nobody else's."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.model import Carrier, Device, Event, Plan
from smdp.storage.connection import micros, moment
from smdp.storage.queries import carriers, devices, events, profiles, sessions

NOW = datetime(2026, 12, 1, tzinfo=UTC)
EID = "89049032123451234512345678901235"
OTHER = "89049032123451234512345678901332"
_numbers = itertools.count(1)


def profile(carrier="acme", **more):
    number = next(_numbers)
    return {
        "carrier": carrier, "iccid": f"{number:019}", "number": number, "plan": "default", "eid": None, "imei": None,
        "imsi": "1", "msisdn": None, "state": "released", "matching_id": "", "confirmation_code_hash": None,
        "created_at": 0, "expires_at": None, "activation_since": 0, "upp": None, "credentials": "{}", "warnings": "[]",
        **more,
    }  # fmt: skip


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds it
def test_times_come_back_to_the_microsecond(time):
    assert moment(micros(time)) == time


def test_a_time_in_another_zone_is_the_same_moment():
    assert moment(micros(datetime.fromisoformat("2026-12-01T01:00:00+01:00"))) == NOW


# --- counters


async def test_counters_only_grow_also_over_a_deletion(database):
    def use(connection):
        events.append(connection, "acme", [events.NewEvent("carrier.created")] * 3, (NOW, NOW), 10**6)
        return carriers.next_entropy(connection, "acme"), carriers.next_serials(connection, "acme", 10)

    def again(connection):
        assert carriers.delete_carrier(connection, "acme")
        assert carriers.insert_carrier(connection, Carrier(name="acme"), NOW)
        stored = events.append(connection, "acme", [events.NewEvent("carrier.created")], (NOW, NOW), 10**6)
        return stored[0].id, carriers.next_entropy(connection, "acme"), carriers.next_serials(connection, "acme", 1)

    assert await database.write(use) == (1, 1)
    assert await database.write(again) == (4, 2, 11)


async def test_each_carrier_has_a_block_of_serials_of_its_own(database):
    def blocks(connection):
        return [carriers.block_of(connection, name) for name in ("beta", "acme", "beta")]

    assert await database.write(blocks) == [0, 1, 0]


async def test_a_host_leads_to_one_carrier(database):
    assert await database.write(carriers.set_hosts, "acme", ["a.test", "b.test"]) is None
    assert await database.write(carriers.set_hosts, "beta", ["c.test", "b.test"]) == "b.test"
    assert await database.read(carriers.carrier_of_host, "b.test") == "acme"
    assert await database.read(carriers.carrier_of_host, "x.test") is None


async def test_plans_are_listed_in_the_order_of_their_creation(database):
    def make(connection):
        for name in ("z", "a", "m"):
            assert carriers.insert_plan(connection, "acme", Plan(name=name))
        assert not carriers.insert_plan(connection, "acme", Plan(name="a"))
        profiles.insert(connection, [profile(plan="a")])
        return [carriers.delete_plan(connection, "acme", name) for name in ("a", "m", "none")]

    assert await database.write(make) == [False, True, False]
    assert list(await database.read(carriers.plans, "acme")) == ["default", "z", "a"]
    assert await database.read(carriers.plan, "beta", "a") is None


# --- profiles


async def test_a_profile_is_claimed_once(database):
    row = profile(matching_id="M")
    await database.write(profiles.insert, [row])

    def claim(connection, eid, by, carrier="acme"):
        return profiles.claim(
            connection, carrier, row["iccid"], eid=eid, sources=["released"], by=by, consumed_at=micros(NOW)
        )

    assert await database.write(claim, EID, "S0", "beta") is None
    won = await database.write(claim, EID, "S1")
    assert (won["state"], won["eid"], won["consumed_at"], won["consumed_by"]) == ("downloaded", EID, micros(NOW), "S1")
    assert await database.write(claim, EID, "S2") is None
    assert await database.write(claim, OTHER, "S3") is None


async def test_only_the_linked_eid_can_claim(database):
    row = profile(eid=EID)
    await database.write(profiles.insert, [row])
    options = {"sources": ["released", "downloaded"], "by": "S", "consumed_at": None}
    assert await database.write(profiles.claim, "acme", row["iccid"], eid=OTHER, **options) is None
    again = [await database.write(profiles.claim, "acme", row["iccid"], eid=EID, **options) for _ in range(2)]
    assert [won["consumed_at"] for won in again] == [None, None]


async def test_a_move_takes_each_state_to_its_own_target_and_others_nowhere(database):
    rows = [profile(state=state) for state in ("released", "downloaded", "installed")]
    await database.write(profiles.insert, rows)
    moves = {"released": "error", "downloaded": "released"}

    def move(connection, row):
        moved = profiles.move(connection, "acme", row["iccid"], moves, {"reason": "x"})
        return moved and (moved["state"], moved["reason"])

    assert [await database.write(move, row) for row in rows] == [("error", "x"), ("released", "x"), None]


@pytest.mark.parametrize("name", ["state", "carrier", "iccid; DROP TABLE profiles", "credentials"])
async def test_a_change_reaches_no_column_but_the_listed(database, name):
    with pytest.raises(ValueError, match="cannot be changed"):
        await database.write(profiles.change, "acme", "1", {name: "x"})


async def test_a_matching_id_is_free_again_once_its_order_has_ended(database):
    first = profile(matching_id="M")
    await database.write(profiles.insert, [first])
    assert await database.read(profiles.used_matching_ids, "acme", ["M", "N"]) == {"M"}
    assert await database.read(profiles.used_matching_ids, "beta", ["M"]) == set()
    await database.write(profiles.move, "acme", first["iccid"], {"released": "unavailable"}, {})
    assert await database.read(profiles.used_matching_ids, "acme", ["M"]) == set()
    await database.write(profiles.insert, [profile(matching_id="M")])
    found = await database.read(profiles.of_matching_id, "acme", "M")
    assert [row["state"] for row in found] == ["released", "unavailable"]


async def test_orders_of_an_eid_come_what_waits_first_then_oldest(database):
    states = ["error", "confirmed", "downloaded", "released", "released"]
    await database.write(profiles.insert, [profile(eid=EID, state=state) for state in states])
    found = await database.read(profiles.of_eid, "acme", EID)
    assert [row["state"] for row in found] == ["released", "released", "confirmed", "downloaded", "error"]
    assert found[0]["number"] < found[1]["number"]
    assert await database.read(profiles.of_eid, "beta", EID) == []


async def test_no_order_has_the_empty_matching_id(database):
    await database.write(profiles.insert, [profile(), profile()])
    assert await database.read(profiles.of_matching_id, "acme", "") == []


async def test_lists_filter_and_go_on_where_they_stopped(database):
    await database.write(profiles.insert, [profile(eid=EID if place % 2 else None) for place in range(10)])
    first = await database.read(profiles.profiles, "acme", {"eid": EID}, 0, 3)
    rest = await database.read(profiles.profiles, "acme", {"eid": EID}, first[-1]["number"], 3)
    assert len(first) == 3
    assert len(rest) == 2
    assert [await database.read(profiles.profiles, "acme", {"q": q}, 0, 100) for q in ("%", "_", "!")] == [[]] * 3
    assert len(await database.read(profiles.profiles, "acme", {"q": EID[4:20]}, 0, 100)) == 5
    assert await database.read(profiles.profiles, "beta", {}, 0, 100) == []


async def test_the_next_due_time_is_the_earliest_of_each_carrier(database):
    rows = [profile(expires_at=50), profile(expires_at=20, state="installed"), profile("beta", expires_at=70)]
    await database.write(profiles.insert, rows)
    await database.write(profiles.change, "acme", rows[0]["iccid"], {"activation_due_at": 30})
    assert await database.read(profiles.next_due) == {"acme": 30, "beta": 70}
    assert await database.read(profiles.expired, "acme", 50) == [rows[0]["iccid"]]
    assert await database.read(profiles.expired, "acme", 49) == []
    assert [row["iccid"] for row in await database.read(profiles.due_activations, "acme", 30)] == [rows[0]["iccid"]]


# --- sessions


async def open_session(database, carrier="acme", identifier="AB", at=0):
    return await database.write(sessions.insert, carrier, identifier, "initiated", at, b"one")


def swap(connection, carrier, expected, stage):
    changed = {"eid": EID, "iccid": None, "outcome": "open", "refusal": None, "content": b"2"}
    return sessions.swap(connection, carrier, "AB", expected, stage=stage, **changed)


async def test_a_session_moves_once_from_each_stage(database):
    await open_session(database)
    assert await database.write(swap, "acme", "initiated", "authenticated")
    assert not await database.write(swap, "acme", "initiated", "authenticated")
    assert (await database.read(sessions.session, "acme", "AB"))["content"] == b"2"


async def test_another_carriers_session_is_unknown(database):
    await open_session(database)
    assert await database.read(sessions.session, "beta", "AB") is None
    assert not await database.write(swap, "beta", "initiated", "authenticated")
    assert await database.read(sessions.sessions, "beta", {}, 0) == []
    assert await database.read(sessions.messages, "beta", ["AB"]) == []


async def test_the_first_answer_to_a_step_is_kept(database):
    await open_session(database)
    message = {"request": b"q", "digest": b"d", "at": 1, "ms": 0.5}
    assert await database.write(sessions.insert_message, "acme", "AB", "step", response=b"first", **message)
    assert not await database.write(sessions.insert_message, "acme", "AB", "step", response=b"second", **message)
    assert (await database.read(sessions.message, "acme", "AB", "step"))["response"] == b"first"
    assert await database.read(sessions.message, "beta", "AB", "step") is None


async def test_sessions_are_listed_newest_first_and_old_open_ones_count_as_expired(database):
    for number in range(5):
        await open_session(database, identifier=f"{number:02}", at=number)
    listed = await database.read(sessions.sessions, "acme", {}, 0, None, 2)
    assert [row["transaction_id"] for row in listed] == ["04", "03"]
    rest = await database.read(sessions.sessions, "acme", {}, 0, listed[-1]["number"], 10)
    assert [row["transaction_id"] for row in rest] == ["02", "01", "00"]
    expired = await database.read(sessions.sessions, "acme", {"outcome": "expired"}, 3)
    assert [row["transaction_id"] for row in expired] == ["02", "01", "00"]


async def test_pruning_keeps_the_sessions_whose_package_is_out(database):
    outcomes = ["refused", "downloaded", "open", "installed", "open", "refused"]
    for number, outcome in enumerate(outcomes):
        await open_session(database, identifier=f"{number:02}", at=number)
        await database.write(sessions.set_outcome, "acme", f"{number:02}", outcome)
    await open_session(database, "beta")
    await database.write(
        sessions.insert_message, "acme", "00", "step", request=b"", digest=b"", response=b"", at=0, ms=0
    )
    assert await database.write(sessions.prune, "acme", 1, 3, 10) == 3
    left = await database.read(sessions.sessions, "acme", {}, 0)
    assert [row["transaction_id"] for row in left] == ["05", "04", "01"]
    assert await database.read(sessions.messages, "acme", ["00"]) == []
    assert await database.read(sessions.session, "beta", "AB") is not None


async def test_pruning_keeps_what_was_cancelled_after_its_package_went_out(database):
    for number in range(3):
        await open_session(database, identifier=f"{number:02}", at=number)
        await database.write(sessions.set_outcome, "acme", f"{number:02}", "cancelled")
    for identifier, refusal in (("00", None), ("01", "GB#1")):
        message = {"request": b"", "digest": b"", "response": b"", "at": 0, "ms": 0, "refusal": refusal}
        await database.write(sessions.insert_message, "acme", identifier, "getBoundProfilePackage", **message)
    assert await database.write(sessions.prune, "acme", 0, 0, 10) == 2
    assert [row["transaction_id"] for row in await database.read(sessions.sessions, "acme", {}, 0)] == ["00"]


async def test_pruning_bounds_what_is_open(database):
    for number in range(5):
        await open_session(database, identifier=f"{number:02}", at=100)
    assert await database.write(sessions.prune, "acme", 1, 0, 3) == 2
    assert [row["transaction_id"] for row in await database.read(sessions.sessions, "acme", {}, 0)] == [
        "04",
        "03",
        "02",
    ]


async def test_a_notification_sent_twice_is_one(database):
    told = {
        "raw": b"n",
        "at": 0,
        "kind": "install",
        "verified": False,
        "eid": EID,
        "iccid": None,
        "transaction_id": "AB",
    }
    assert await database.write(sessions.insert_notification, "acme", b"digest", **told)
    assert not await database.write(sessions.insert_notification, "acme", b"digest", **told)
    assert await database.write(sessions.insert_notification, "beta", b"digest", **told)
    assert await database.write(sessions.insert_notification, "acme", b"true", **{**told, "verified": True})
    assert [row["raw"] for row in await database.read(sessions.notifications, "acme", "AB")] == [b"n", b"n"]
    assert await database.write(sessions.prune_notifications, "acme", 0) == 1
    assert (await database.read(sessions.notification, "acme", b"true"))["verified"]


# --- events


def append(connection, carrier, *types, journal=10**6, **more):
    fresh = [events.NewEvent(name, **more) for name in types]
    return events.append(connection, carrier, fresh, (NOW, NOW + timedelta(days=1)), journal)


async def test_events_count_per_carrier_and_come_back_as_they_were(database):
    told = []
    database.listen(told.extend)
    await database.write(append, "acme", "profile.issued", "profile.released", eid=EID, data={"a": [1, {"b": "ü"}]})
    await database.write(append, "beta", "profile.issued")
    found = await database.read(events.events, "acme")
    assert [event.id for event in found] == [1, 2]
    assert found[0] == Event(
        id=1, at=NOW, wall=NOW + timedelta(days=1), type="profile.issued", carrier="acme", eid=EID,
        data={"a": [1, {"b": "ü"}]},
    )  # fmt: skip
    assert [event.id for event in await database.read(events.events, "beta")] == [1]
    assert told == [*found, *await database.read(events.events, "beta")]
    assert await database.read(events.last_id, "acme") == 2
    assert await database.read(events.last_id, "none") == 0


async def test_events_are_filtered(database):
    await database.write(append, "acme", "profile.issued", eid=EID, iccid="1", session="A")
    await database.write(append, "acme", "profile.released", "session.refused", eid=OTHER)

    async def ids(**filters):
        return [event.id for event in await database.read(events.events, "acme", **filters)]

    assert await ids(eid=EID) == [1]
    assert await ids(iccid="1") == [1]
    assert await ids(session="A") == [1]
    assert await ids(types=["profile.issued", "session.refused"]) == [1, 3]
    assert await ids(after=1, limit=1) == [2]
    assert (await database.read(events.last, "acme", eid=OTHER)).id == 3
    assert await database.read(events.last, "beta") is None


async def test_the_journal_is_bounded_by_bytes_and_ids_never_go_back(database):
    for _ in range(60):
        await database.write(append, "acme", "profile.issued", journal=5000, data={"text": "x" * 100})
    found = await database.read(events.events, "acme", limit=1000)
    assert found[-1].id == 60
    assert [event.id for event in found] == list(range(found[0].id, 61))
    assert 15 < len(found) < 30


async def test_the_journal_stays_bounded_when_many_events_come_at_once(database):
    many = [events.NewEvent("profile.issued")] * 5000
    for _ in range(4):
        await database.write(events.append, "acme", many, (NOW, NOW), 1_000_000)
    found = await database.read(events.events, "acme", limit=20_000)
    assert [event.id for event in found] == list(range(found[0].id, 20_001))
    assert 7000 < len(found) < 1_000_000 // 120


async def test_undone_events_take_no_id(database):
    def fails(connection):
        append(connection, "acme", "profile.issued")
        raise KeyError

    with pytest.raises(KeyError):
        await database.write(fails)
    assert [event.id for event in await database.write(append, "acme", "profile.issued")] == [1]


# --- devices


async def test_a_device_is_kept_with_its_state(database):
    device = Device(eid=EID, udid="u", serial="s", imei="i", carrier="acme")
    assert await database.write(devices.insert, device, b"state", waiting=False)
    assert not await database.write(devices.insert, device, b"other", waiting=False)
    device.name = "renamed"
    assert not await database.write(devices.update, device, b"of another life", number=2, waiting=True)
    assert await database.write(devices.update, device, b"new", number=1, waiting=True)
    stored = await database.read(devices.device, EID)
    assert (stored.device, stored.state, stored.waiting) == (device, b"new", True)
    assert [one.device.eid for one in await database.read(devices.devices, "acme")] == [EID]
    assert await database.read(devices.devices, "beta") == []
    assert await database.write(devices.delete, EID)
    assert not await database.write(devices.delete, EID)
    assert not await database.write(devices.update, device, b"", number=1, waiting=False)
    assert await database.read(devices.device, EID) is None
