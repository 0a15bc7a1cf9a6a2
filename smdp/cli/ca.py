"""`smdp ca`: what devices have to trust."""

import ssl
import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from smdp.cli import output, session
from smdp.errors import ServerUnreachable, UsageError

_END = "-----END CERTIFICATE-----"


def ca(*, form: Annotated[Literal["pem", "der"], Parameter(name="--as")] = "pem") -> None:
    """Print the CA certificates that a device has to trust to use this server.

    Args:
        form: pem prints all of them, der the first one in binary.
    """
    pem = session.client().ca_pem()
    if _END not in pem:
        raise ServerUnreachable("The server sends no certificate.")
    if form == "pem":
        output.say(pem.rstrip())
        return
    if sys.stdout.isatty():
        raise UsageError("DER is binary; write it into a file: smdp ca --as der > ca.der")
    first = pem[pem.index("-----BEGIN CERTIFICATE-----") : pem.index(_END) + len(_END)]
    sys.stdout.buffer.write(ssl.PEM_cert_to_DER_cert(first))
    sys.stdout.buffer.flush()
