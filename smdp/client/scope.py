"""What every part of the client knows: its carrier, and the server."""

from smdp.client.wire import Wire
from smdp.client.words import join


class OfCarrier:
    """Calls that are about one carrier of one server."""

    carrier: str
    last_event: int | None
    wire: Wire
    """Where the control API is, and how it is spoken to."""

    def _path(self, *names: str) -> str:
        return join("/api/v1/carriers", self.carrier, *names)
