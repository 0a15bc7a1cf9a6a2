"""The part of the client that is a device on the network: who it is, and the proof (AKA)."""

from smdp.client.transport import Transport
from smdp.client.words import join
from smdp.model import Attachment, NetworkChallenge


class Networking:
    """A carrier's network; RAND, RES and AUTS are hexadecimal."""

    carrier: str
    _transport: Transport

    def _path(self, *names: str) -> str:
        return join("/api/v1/carriers", self.carrier, *names)

    def attach(self, imsi: str) -> NetworkChallenge:
        """Ask to be let in as an IMSI: the network challenges its USIM."""
        return self._transport.call("POST", self._path("network", "attach"), {"imsi": imsi}, into=NetworkChallenge)

    def authenticate(self, imsi: str, rand: str, res: str) -> Attachment:
        """Answer a challenge; raises ApiError with the reason where the network turns the device away."""
        body = {"imsi": imsi, "rand": rand, "res": res}
        return self._transport.call("POST", self._path("network", "attach"), body, into=Attachment)

    def resynchronise(self, imsi: str, rand: str, auts: str) -> NetworkChallenge:
        """Answer a challenge whose sequence number is stale, and get another one."""
        body = {"imsi": imsi, "rand": rand, "auts": auts}
        return self._transport.call("POST", self._path("network", "attach"), body, into=NetworkChallenge)
