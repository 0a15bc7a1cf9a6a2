"""What is still under way when a server wants to stop."""

from smdp.storage.connection import Connection

_LOOKED_AT = 200


def running_sessions(connection: Connection, since: int) -> int:
    """Count the RSP sessions that did a step since then (microseconds since 1970, real time) and have more to do."""
    carriers = connection.execute("SELECT name FROM carriers").fetchall()
    values = {"since": since, "limit": _LOOKED_AT}
    found = 0
    for row in carriers:
        count = connection.execute(
            "SELECT count(DISTINCT e.session) AS count FROM (SELECT session, type, wall FROM events "
            "WHERE carrier = :carrier ORDER BY id DESC LIMIT :limit) e "
            "JOIN sessions s ON s.carrier = :carrier AND s.transaction_id = e.session "
            "WHERE e.wall >= :since AND e.type IN ('session.opened', 'session.step') "
            "AND s.outcome IN ('open', 'downloaded') AND s.stage <> 'closed'",
            values | {"carrier": row["name"]},
        ).fetchone()
        found += count["count"]
    return found
