"""Sockets: bind what the settings ask for, one port on every address, and say clearly what is in the way."""

import errno
import socket
from collections.abc import Sequence

from smdp.errors import StartError

_BACKLOG = 512
_TRIES = 20


def bind(hosts: Sequence[str], port: int, what: str) -> list[socket.socket]:
    """Bind one port on all these addresses; 0 picks a port that is free on each.

    An address family that the machine lacks is left out, as long as one address remains. Raises StartError.
    """
    for _ in range(_TRIES):
        sockets = _bind_once(hosts, port, what)
        if sockets is not None:
            return sockets
    raise StartError(f"No port is free on all of {', '.join(hosts)} for {what}.")


def _bind_once(hosts: Sequence[str], port: int, what: str) -> list[socket.socket] | None:
    """Bind, or return None if the port that was picked on the first address is taken on another."""
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for host in hosts:
        wanted = port or (sockets[0].getsockname()[1] if sockets else 0)
        try:
            sockets.append(_socket(host, wanted))
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                missing = error
                continue
            _close(sockets)
            if error.errno == errno.EADDRINUSE and port == 0:
                return None
            raise StartError(_because(error, host, wanted, what)) from None
    if not sockets:
        why = f"Cannot listen on {', '.join(hosts)} for {what}: {missing.strerror if missing else ''}."
        raise StartError(f"{why} Give --host an address of this machine, such as 127.0.0.1.")
    return sockets


def _socket(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _because(error: OSError, host: str, port: int, what: str) -> str:
    if isinstance(error, socket.gaierror):
        return f"{host} is no address of this machine. Give --host an address such as 127.0.0.1."
    flag = {"devices": "--port", "control API": "--control-port"}.get(what, "--plain-port")
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken ({what}). Stop what uses it, or choose another: {flag} 0 picks a free one."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} on {host} needs privileges ({what}). Choose one above 1023 with {flag}."
    return f"Cannot listen on {host} port {port} ({what}): {error.strerror or error}."


def _close(sockets: Sequence[socket.socket]) -> None:
    for listener in sockets:
        listener.close()
