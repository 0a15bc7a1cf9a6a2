"""Somebody's own phone on a carrier's network: a USIM with a key, and what it says to a challenge."""

from smdp.upp import aka
from smdp.upp.milenage import Milenage


class Ue:
    """A USIM; `said` is what it answered last, `sequence` what it has accepted."""

    def __init__(self, profile, *, sequence=(0,) * 32):
        """Take a profile with its credentials."""
        self.imsi = profile.imsi
        self.functions = Milenage(bytes.fromhex(profile.credentials.ki), bytes.fromhex(profile.credentials.opc))
        self.sequence = sequence

    def answer(self, challenge):
        """Return {rand, res} or {rand, auts}, as the API takes them."""
        rand, autn = bytes.fromhex(challenge.rand), bytes.fromhex(challenge.autn)
        said = aka.authenticate(self.functions, rand, autn, self.sequence)
        if isinstance(said, aka.Synchronisation):
            return {"rand": challenge.rand, "auts": said.auts.hex()}
        assert isinstance(said, aka.Answer), "the network has another key"
        self.sequence = said.sequence
        return {"rand": challenge.rand, "res": said.res.hex()}

    def sqn(self, challenge):
        """Return the number that a challenge was made with, 48 bits."""
        rand, autn = bytes.fromhex(challenge.rand), bytes.fromhex(challenge.autn)
        return int.from_bytes(autn[:6], "big") ^ int.from_bytes(self.functions.f5(rand), "big")

    def attach(self, client):
        """Attach over the control API, resynchronising if need be."""
        said = self.answer(client.attach(self.imsi))
        if "auts" in said:
            said = self.answer(client.resynchronise(self.imsi, **said))
        return client.authenticate(self.imsi, **said)
