"""One database, several processes: a profile has one winner, ids have no gap, nobody loses a write."""

import asyncio
import sys

from smdp.model import Carrier, Plan
from smdp.storage import Database
from smdp.storage.connection import moment
from smdp.storage.queries import carriers, events, profiles

_PROFILES, _PROCESSES, _ROUNDS = 10, 2, 8
_WORKER = """
import asyncio, sys
from smdp.storage import Database
from smdp.storage.connection import moment
from smdp.storage.queries import events, profiles

URL, NAME = sys.argv[1:]

def claim(connection, iccid, eid):
    won = profiles.claim(connection, "acme", iccid, eid=eid, sources=["released"], by=eid, consumed_at=1)
    if won is not None:
        events.append(connection, "acme", [events.NewEvent("profile.consumed", eid, iccid)], (moment(0),) * 2, 10**9)
    return won is not None

async def main():
    database = await Database.open(URL)
    print("ready", flush=True)
    sys.stdin.readline()
    jobs = [(f"{p:019}", f"{NAME}{r}") for r in range(ROUNDS) for p in range(PROFILES)]
    won = await asyncio.gather(*(database.write(claim, iccid, eid) for iccid, eid in jobs))
    print(sum(won), flush=True)
    await database.close()

asyncio.run(main())
"""


async def test_one_claim_wins_of_all_that_two_processes_make(lasting):
    url = lasting
    database = await Database.open(url)
    await database.write(_prepare)
    script = _WORKER.replace("ROUNDS", str(_ROUNDS)).replace("PROFILES", str(_PROFILES))
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, url, f"worker{number}-",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        for number in range(_PROCESSES)
    ]  # fmt: skip
    for worker in workers:
        assert await worker.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    assert sum(int(output) for output, _ in outputs) == _PROFILES
    told = await database.read(events.events, "acme", limit=1000)
    assert [event.id for event in told] == list(range(1, _PROFILES + 1))
    rows = await database.read(profiles.profiles, "acme", {}, -1, 100)
    assert {(row["iccid"], row["eid"]) for row in rows} == {(event.iccid, event.eid) for event in told}
    await database.close()


async def test_events_become_visible_in_their_order_whoever_writes_them(lasting):
    databases = [await Database.open(lasting) for _ in range(3)]
    await databases[0].write(_prepare)
    writing = True

    async def write(database):
        one = [events.NewEvent("profile.issued")]
        await asyncio.gather(*(database.write(events.append, "acme", one, (moment(0),) * 2, 10**9) for _ in range(150)))

    async def look(seen):
        while writing or not seen or seen[-1] < 300:
            seen += [event.id for event in await databases[2].read(events.events, "acme", after=len(seen), limit=500)]
            assert seen == list(range(1, len(seen) + 1))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look([]))
    await asyncio.gather(write(databases[0]), write(databases[1]))
    writing = False
    await asyncio.wait_for(looking, 20)
    for database in databases:
        await database.close()


def _prepare(connection):
    carriers.insert_carrier(connection, Carrier(name="acme"), moment(0))
    carriers.insert_plan(connection, "acme", Plan(name="default"))
    blank = dict.fromkeys(profiles.COLUMNS) | {
        "carrier": "acme", "plan": "default", "imsi": "1", "state": "released", "matching_id": "", "created_at": 0,
        "activation_since": 0, "credentials": "{}", "warnings": "[]",
    }  # fmt: skip
    profiles.insert(connection, [{**blank, "iccid": f"{place:019}", "number": place} for place in range(_PROFILES)])
