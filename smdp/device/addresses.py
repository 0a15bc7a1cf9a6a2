"""What the URL of an eSIM server comes to: the address that a device asks, and the path that it puts before ES9+'s."""

from urllib.parse import urlsplit

from smdp.device.failure import failure
from smdp.device.lpa import Order

_HTTPS_PORT = 443
_LONGEST_PATH = 1000


def order_at(url: str) -> Order:
    """Ask for what an eSIM server has for this EID. Raises DownloadError."""
    return Order(address_of(url), below=urlsplit(url.strip()).path[:_LONGEST_PATH])


def address_of(url: str) -> str:
    """Reduce the URL of an eSIM server to host[:port]; 443 is not written. Raises DownloadError."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise failure("url-malformed", url=repr(url[:200])) from None
    if parts.scheme not in ("http", "https"):
        raise failure("url-scheme", url=url[:200])
    if not host:
        raise failure("url-malformed", url=repr(url[:200]))
    name = f"[{host}]" if ":" in host else host
    return name if port in (None, _HTTPS_PORT) else f"{name}:{port}"
