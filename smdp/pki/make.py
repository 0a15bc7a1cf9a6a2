"""Make a whole PKI: two CIs, the cross certificate between them, EUM and servers on both curves, an operator.

`python -m smdp.pki.make DIR` writes the certificates of the public PKI; made again, they are the same byte for byte.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_der_x509_certificate

from smdp.pki import names, profiles
from smdp.pki.keys import PUBLIC_SECRET, Derived, KeySource
from smdp.pki.profiles import stem
from smdp.rsp.certs import Certificate, Role
from smdp.rsp.crypto import CURVES
from smdp.rsp.server.security import Credential

PUBLIC_EID_PREFIXES = ("89",)
"""What EIDs that the public EUM certifies begin with; frozen, since its certificate is in everybody's checkout."""

ALL_EID_PREFIXES = tuple("0123456789")


def make(
    source: KeySource, permit: Iterable[str] = (), eid_prefixes: Sequence[str] = ALL_EID_PREFIXES
) -> dict[str, Credential]:
    """Make a PKI's credentials, named as their files are: "ci-p256", "ci-p256-by-brainpool", "eum-brainpool", ….

    `permit` are names and networks that the CIs may certify besides the test names, `eid_prefixes` what the EUMs may.
    Raises PkiError for a name that is none.
    """
    constraints = names.constraints(permit)
    cis = {curve: profiles.ci(source, curve, constraints) for curve in CURVES}
    p256, brainpool = cis["P-256"], cis["brainpoolP256r1"]
    made = {stem("ci", curve): ci for curve, ci in cis.items()}
    made["ci-p256-by-brainpool"] = profiles.cross_ci(source, p256, brainpool, constraints)
    for curve, ci in cis.items():
        made[stem("eum", curve)] = profiles.eum(source, ci, eid_prefixes)
        for role in (Role.DPAUTH, Role.DPPB, Role.DSAUTH):
            made[stem(role.name.lower(), curve)] = profiles.server(source, ci, role)
    made["operator"] = profiles.operator(source, p256)
    return made


def public() -> dict[str, Credential]:
    """Make the public PKI from its published secret."""
    return make(Derived(PUBLIC_SECRET), eid_prefixes=PUBLIC_EID_PREFIXES)


def pem(certificate: Certificate) -> bytes:
    """Write a certificate as PEM."""
    return load_der_x509_certificate(certificate.der).public_bytes(serialization.Encoding.PEM)


def main(directory: Path) -> None:
    """Write the public PKI's certificates."""
    for name, credential in public().items():
        (directory / f"{name}.pem").write_bytes(pem(credential.certificate))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
