"""Carriers, the host names that lead to them, their counters, their plans."""

from datetime import datetime
from functools import lru_cache

import msgspec

from smdp.model import Carrier, Plan
from smdp.storage.connection import Connection, micros

_json = msgspec.json.Encoder().encode

# Every step of a download asks for carrier and plan, which hardly ever change: the same text is decoded once.
# Whoever changes one makes a new struct.
read_carrier = lru_cache(maxsize=1024)(msgspec.json.Decoder(Carrier).decode)
read_plan = lru_cache(maxsize=1024)(msgspec.json.Decoder(Plan).decode)

BLOCK = 10_000_000
"""How many serial numbers a carrier has to itself."""


# --- carriers


def insert_carrier(connection: Connection, carrier: Carrier, at: datetime) -> bool:
    """Create a carrier; False if there is one of that name."""
    values = {"name": carrier.name, "settings": _json(carrier).decode(), "at": micros(at)}
    created = connection.execute(
        "INSERT INTO carriers (name, settings, created_at) VALUES (:name, :settings, :at) ON CONFLICT DO NOTHING",
        values,
    ).rowcount
    connection.execute("INSERT INTO counters (carrier) VALUES (:name) ON CONFLICT DO NOTHING", values)
    return created == 1


def update_carrier(connection: Connection, carrier: Carrier) -> None:
    """Store a carrier's settings."""
    values = {"name": carrier.name, "settings": _json(carrier).decode()}
    connection.execute("UPDATE carriers SET settings = :settings WHERE name = :name", values)


def carrier(connection: Connection, name: str) -> Carrier | None:
    """Find a carrier by its name."""
    row = connection.execute("SELECT settings FROM carriers WHERE name = :name", {"name": name}).fetchone()
    return None if row is None else read_carrier(row["settings"])


def carriers(connection: Connection, after: str = "", limit: int = 100) -> list[Carrier]:
    """List carriers by name, those behind `after`."""
    values = {"after": after, "limit": limit}
    rows = connection.execute(
        "SELECT settings FROM carriers WHERE name > :after ORDER BY name LIMIT :limit", values
    ).fetchall()
    return [read_carrier(row["settings"]) for row in rows]


def carrier_names(connection: Connection) -> list[str]:
    """List the names of all carriers."""
    return [row["name"] for row in connection.execute("SELECT name FROM carriers ORDER BY name").fetchall()]


def delete_carrier(connection: Connection, name: str) -> bool:
    """Delete a carrier and all it has, except its counters: they never go back."""
    values = {"name": name}
    for table in (
        "hosts",
        "plans",
        "profiles",
        "sessions",
        "messages",
        "notifications",
        "events",
        "devices",
        "faults",
        "authentications",
        "snapshots",
        "webhooks",
        "deliveries",
    ):
        connection.execute(f"DELETE FROM {table} WHERE carrier = :name", values)
    connection.execute("UPDATE counters SET journal = 0 WHERE carrier = :name", values)
    return connection.execute("DELETE FROM carriers WHERE name = :name", values).rowcount == 1


# --- hosts


def carrier_of_host(connection: Connection, host: str) -> str | None:
    """Find the carrier that has this host (lower case, no port) among its `hosts`."""
    row = connection.execute("SELECT carrier FROM hosts WHERE host = :host", {"host": host}).fetchone()
    return None if row is None else row["carrier"]


def set_hosts(connection: Connection, carrier: str, hosts: list[str]) -> str | None:
    """Make these the hosts of a carrier, up to the first that is another one's, which is returned."""
    connection.execute("DELETE FROM hosts WHERE carrier = :carrier", {"carrier": carrier})
    for host in dict.fromkeys(hosts):
        values = {"host": host, "carrier": carrier}
        taken = connection.execute(
            "INSERT INTO hosts (host, carrier) VALUES (:host, :carrier) ON CONFLICT DO NOTHING", values
        ).rowcount
        if not taken:
            return host
    return None


# --- counters


def next_entropy(connection: Connection, carrier: str) -> int:
    """Count a stream drawn from the seed: each number is given once, ever."""
    row = connection.execute(
        "INSERT INTO counters (carrier, entropy) VALUES (:carrier, 1) "
        "ON CONFLICT (carrier) DO UPDATE SET entropy = counters.entropy + 1 RETURNING entropy",
        {"carrier": carrier},
    ).fetchone()
    number: int = row["entropy"]
    return number


def next_serials(connection: Connection, carrier: str, count: int) -> int:
    """Take `count` serial numbers and return the first: 1 in a fresh carrier."""
    values = {"carrier": carrier, "count": count}
    row = connection.execute(
        "UPDATE counters SET serials = serials + :count WHERE carrier = :carrier RETURNING serials", values
    ).fetchone()
    last: int = row["serials"]
    return last - count + 1


def block_of(connection: Connection, carrier: str) -> int:
    """Return the number of the carrier's block of serials, assigned when first asked for: 0 to whoever comes first."""
    values = {"carrier": carrier}
    connection.execute(
        "UPDATE counters SET block = (SELECT coalesce(max(block) + 1, 0) FROM counters) "
        "WHERE carrier = :carrier AND block IS NULL",
        values,
    )
    row = connection.execute("SELECT block FROM counters WHERE carrier = :carrier", values).fetchone()
    block: int = row["block"]
    return block


# --- plans


def insert_plan(connection: Connection, carrier: str, plan: Plan) -> bool:
    """Create a plan; False if there is one of that name."""
    values = {"carrier": carrier, "name": plan.name, "settings": _json(plan).decode()}
    return (
        connection.execute(
            "INSERT INTO plans (carrier, name, number, settings) VALUES (:carrier, :name, "
            "(SELECT coalesce(max(number), 0) + 1 FROM plans WHERE carrier = :carrier), :settings) "
            "ON CONFLICT DO NOTHING",
            values,
        ).rowcount
        == 1
    )


def update_plan(connection: Connection, carrier: str, plan: Plan) -> None:
    """Store a plan's settings."""
    values = {"carrier": carrier, "name": plan.name, "settings": _json(plan).decode()}
    connection.execute("UPDATE plans SET settings = :settings WHERE carrier = :carrier AND name = :name", values)


def plan(connection: Connection, carrier: str, name: str) -> Plan | None:
    """Find a plan by its name."""
    values = {"carrier": carrier, "name": name}
    row = connection.execute("SELECT settings FROM plans WHERE carrier = :carrier AND name = :name", values).fetchone()
    return None if row is None else read_plan(row["settings"])


def plans(connection: Connection, carrier: str) -> dict[str, Plan]:
    """Return a carrier's plans by name, in the order of their creation."""
    rows = connection.execute(
        "SELECT settings FROM plans WHERE carrier = :carrier ORDER BY number", {"carrier": carrier}
    ).fetchall()
    found = (read_plan(row["settings"]) for row in rows)
    return {plan.name: plan for plan in found}


def delete_plan(connection: Connection, carrier: str, name: str) -> bool:
    """Delete a plan that no profile is of; False if there are such, or no plan."""
    values = {"carrier": carrier, "name": name}
    return (
        connection.execute(
            "DELETE FROM plans WHERE carrier = :carrier AND name = :name "
            "AND NOT EXISTS (SELECT 1 FROM profiles WHERE carrier = :carrier AND plan = :name)",
            values,
        ).rowcount
        == 1
    )
