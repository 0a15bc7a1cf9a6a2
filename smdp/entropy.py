"""The operating system's randomness, as `rsp.crypto.Entropy`: what a server uses that was given no seed."""

import os

from cryptography.hazmat.primitives.asymmetric import ec

from smdp.rsp.crypto import CURVES, PrivateKey


class SystemEntropy:
    """Bytes from the kernel, keys from OpenSSL."""

    __slots__ = ()

    def take(self, length: int) -> bytes:
        """Return `length` fresh bytes."""
        return os.urandom(length)

    def private_key(self, curve: str) -> PrivateKey:
        """Make a fresh key on the named curve."""
        return ec.generate_private_key(CURVES[curve])
