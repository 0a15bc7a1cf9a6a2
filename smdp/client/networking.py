"""The part of the client that is a device on the network: who it is, and the proof (AKA)."""

from smdp.client.scope import OfCarrier
from smdp.client.steps import Steps, call, verb
from smdp.model import Attachment, NetworkChallenge


class Networking(OfCarrier):
    """A carrier's network; RAND, RES and AUTS are hexadecimal."""

    @verb
    def attach(self, imsi: str) -> Steps[NetworkChallenge]:
        """Ask to be let in as an IMSI: the network challenges its USIM."""
        return call("POST", self._path("network", "attach"), {"imsi": imsi}, into=NetworkChallenge)

    @verb
    def authenticate(self, imsi: str, rand: str, res: str) -> Steps[Attachment]:
        """Answer a challenge; raises ApiError with the reason where the network turns the device away."""
        body = {"imsi": imsi, "rand": rand, "res": res}
        return call("POST", self._path("network", "attach"), body, into=Attachment)

    @verb
    def resynchronise(self, imsi: str, rand: str, auts: str) -> Steps[NetworkChallenge]:
        """Answer a challenge whose sequence number is stale, and get another one."""
        body = {"imsi": imsi, "rand": rand, "auts": auts}
        return call("POST", self._path("network", "attach"), body, into=NetworkChallenge)
