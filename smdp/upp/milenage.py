"""Milenage, the algorithm that a network and a USIM authenticate with (3GPP TS 35.206), by default constants."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 16
_ROTATIONS = (64, 0, 32, 64, 96)  # r1 to r5, in bits
_CONSTANTS = (0, 1, 2, 4, 8)  # c1 to c5
_ALL = (1 << 128) - 1


def opc(ki: bytes, op: bytes) -> bytes:
    """Derive OPc, 16 bytes, from the key and the operator's OP, 16 bytes each."""
    encryptor = Cipher(algorithms.AES(ki), modes.ECB()).encryptor()  # noqa: S305 - Milenage is made of single blocks
    return xor(encryptor.update(op), op)


def xor(first: bytes, second: bytes) -> bytes:
    """Exclusive or of two values of one length."""
    return (int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).to_bytes(len(first), "big")


class Milenage:
    """The functions f1 to f5*, for one key and OPc, 16 bytes each. Raises ValueError for other lengths."""

    def __init__(self, ki: bytes, opc: bytes) -> None:
        """Schedule the key."""
        if len(ki) != BLOCK or len(opc) != BLOCK:
            message = f"Milenage takes a key and an OPc of {BLOCK} bytes"
            raise ValueError(message)
        self._encrypt = Cipher(algorithms.AES(ki), modes.ECB()).encryptor().update  # noqa: S305 - as above
        self._opc = int.from_bytes(opc, "big")

    def __repr__(self) -> str:
        """Show no key."""
        return "Milenage(…)"

    def _block(self, value: int) -> int:
        return int.from_bytes(self._encrypt(value.to_bytes(BLOCK, "big")), "big")

    def _temp(self, rand: bytes) -> int:
        if len(rand) != BLOCK:
            message = f"RAND takes {BLOCK} bytes, not {len(rand)}"
            raise ValueError(message)
        return self._block(int.from_bytes(rand, "big") ^ self._opc)

    def _out(self, number: int, rotated: int, plain: int = 0) -> bytes:
        """Compute OUTn: E(plain xor rot(rotated xor OPc, rn) xor cn) xor OPc."""
        bits = _ROTATIONS[number - 1]
        value = rotated ^ self._opc
        value = (value << bits | value >> (128 - bits)) & _ALL
        return (self._block(plain ^ value ^ _CONSTANTS[number - 1]) ^ self._opc).to_bytes(BLOCK, "big")

    def _macs(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        return self._out(1, int.from_bytes((sqn + amf) * 2, "big"), self._temp(rand))

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A, 8 bytes, over RAND (16), SQN (6) and AMF (2)."""
        return self._macs(rand, sqn, amf)[:8]

    def f1star(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-S, 8 bytes, for resynchronisation."""
        return self._macs(rand, sqn, amf)[8:]

    def f2(self, rand: bytes) -> bytes:
        """RES, 8 bytes."""
        return self._out(2, self._temp(rand))[8:]

    def f3(self, rand: bytes) -> bytes:
        """CK, 16 bytes."""
        return self._out(3, self._temp(rand))

    def f4(self, rand: bytes) -> bytes:
        """IK, 16 bytes."""
        return self._out(4, self._temp(rand))

    def f5(self, rand: bytes) -> bytes:
        """AK, 6 bytes, which hides the SQN in AUTN."""
        return self._out(2, self._temp(rand))[:6]

    def f5star(self, rand: bytes) -> bytes:
        """AK, 6 bytes, which hides the SQN in AUTS."""
        return self._out(5, self._temp(rand))[:6]


class TestAlgorithm:
    """The XOR algorithm of test USIMs (3GPP TS 34.108 §8.1.2), with a RES of 128 bits and the functions of Milenage."""

    __test__ = False  # no pytest class, whatever its name

    def __init__(self, ki: bytes) -> None:
        """Take the key, 16 bytes. Raises ValueError for another length."""
        if len(ki) != BLOCK:
            message = f"the test algorithm takes a key of {BLOCK} bytes"
            raise ValueError(message)
        self._ki = ki

    def __repr__(self) -> str:
        """Show no key."""
        return "TestAlgorithm(…)"

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A, 8 bytes."""
        return xor(self.f2(rand)[:8], sqn + amf)

    f1star = f1

    def f2(self, rand: bytes) -> bytes:
        """RES, 16 bytes."""
        return xor(self._ki, rand)

    def f3(self, rand: bytes) -> bytes:
        """CK, 16 bytes."""
        res = self.f2(rand)
        return res[1:] + res[:1]

    def f4(self, rand: bytes) -> bytes:
        """IK, 16 bytes."""
        res = self.f2(rand)
        return res[2:] + res[:2]

    def f5(self, rand: bytes) -> bytes:
        """AK, 6 bytes."""
        return self.f2(rand)[3:9]

    f5star = f5
