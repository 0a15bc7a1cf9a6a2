"""HTTP as a managed device speaks it: bounded in size and time, no redirects, its identity shown where it has one."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from smdp.device.mdm.enrollment import host_of
from smdp.device.mdm.failure import mdm_failure
from smdp.device.mdm.identity import private_key
from smdp.device.resolve import Resolve, Resolver, system_text
from smdp.pki.tls import private_file

WITHIN = 30.0
"""Seconds until an answer must be there, all of it."""
MAX_BODY = 1024 * 1024
"""Longest answer in bytes."""
_KEPT_ALIVE = 5.0
"""Seconds that an idle connection is kept; open, it costs asyncio 300 KiB."""
_REDIRECTS = 301, 302, 303, 307, 308


class Answered(NamedTuple):
    """An HTTP answer that is no redirect: status, Content-Type without parameters, body."""

    status: int
    kind: str
    body: bytes


class Web:
    """Calls servers for one device. Close it in the end.

    A request on a kept connection that the server has closed in the meantime is sent once more, on a new one.
    The system's roots cost 0.8 MB and 40 ms a device, so they are asked only where `anchors` (DER) do not suffice:
    the handshake is done again with them. `chain` and `key` are the identity that is shown, DER.
    """

    def __init__(
        self,
        anchors: Iterable[bytes] = (),
        *,
        chain: Sequence[bytes] = (),
        key: bytes = b"",
        resolve: Resolve | None = None,
        within: float = WITHIN,
    ) -> None:
        self._anchors = b"".join(anchors)
        self._chain, self._key = chain, key
        self._resolve = resolve
        self._within = within
        self._tls: ssl.SSLContext | None = None
        self._http: aiohttp.ClientSession | None = None
        self._system_roots = False

    async def close(self) -> None:
        """Close the connections; used again, it opens new ones in the same TLS context."""
        if self._http is not None:
            await self._http.close()
        self._http = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_BODY,
    ) -> Answered:
        """Send a request and read the answer, whatever its status. Raises MdmError, also for a redirect."""
        host = host_of(url)
        sent = {"Accept-Encoding": "identity"} | dict(headers or {})
        try:
            async with asyncio.timeout(self._within):
                return await self._trusting(method, url, body, sent, limit)
        except TimeoutError:
            raise mdm_failure("mdm-timeout", host=host, seconds=self._within) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise mdm_failure("tls-untrusted", host=host, problem=system_text(error.certificate_error)) from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise mdm_failure("tls-failed", host=host, problem=system_text(error)) from None
        except aiohttp.ClientPayloadError:
            raise mdm_failure("answer-cut", host=host) from None
        except aiohttp.ClientResponseError as error:
            raise mdm_failure("answer-malformed", host=host, problem=error.message[:200].rstrip(".")) from None
        except (aiohttp.InvalidURL, ValueError):
            raise mdm_failure("url-malformed", key="The URL", url=repr(url[:200])) from None
        except aiohttp.ClientConnectorError as error:
            raise mdm_failure("mdm-unreachable", host=host, problem=system_text(error)) from None
        except (aiohttp.ClientError, OSError) as error:
            reason = "tls-failed" if isinstance(error.__cause__, ssl.SSLError) else "hung-up"
            raise mdm_failure(reason, host=host, problem=system_text(error.__cause__ or error)) from None

    async def _trusting(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limit: int
    ) -> Answered:
        """Send with the anchors alone, and once more with the system's roots if they do not suffice."""
        try:
            return await self._send(method, url, body, headers, limit)
        except aiohttp.ClientConnectorCertificateError:
            if self._system_roots or self._tls is None:
                raise
            self._system_roots = True
            await asyncio.to_thread(self._tls.load_default_certs)
            return await self._send(method, url, body, headers, limit)

    async def _send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limit: int
    ) -> Answered:
        session = self._session()
        async with session.request(method, url, data=body, headers=headers, allow_redirects=False) as response:
            if response.status in _REDIRECTS:
                raise mdm_failure("redirect", host=host_of(url), status=response.status)
            found = bytearray()
            async for chunk in response.content.iter_any():
                found += chunk
                if len(found) > limit:
                    raise mdm_failure("answer-too-large", host=host_of(url), limit=limit)
            return Answered(response.status, response.content_type, bytes(found))

    def _session(self) -> aiohttp.ClientSession:
        """Open the connection pool on first use, in the loop that uses it."""
        if self._http is None:
            self._tls = self._tls or tls_context(self._anchors, self._chain, self._key)
            connector = aiohttp.TCPConnector(
                ssl=self._tls,
                resolver=Resolver(self._resolve),
                use_dns_cache=False,
                limit=2,
                keepalive_timeout=_KEPT_ALIVE,
            )
            self._http = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        return self._http


def tls_context(anchors: bytes, chain: Sequence[bytes] = (), key: bytes = b"") -> ssl.SSLContext:
    """Make a context that trusts these (DER, one after the other) and shows an identity. Raises MdmError 23000."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if anchors:
            context.load_verify_locations(cadata=anchors)
        if chain:
            with private_file(_pem(chain, key)) as path:
                context.load_cert_chain(path)
    except ssl.SSLError as error:
        raise mdm_failure("identity-unusable", problem=system_text(error)) from None
    except (ValueError, TypeError, x509.InvalidVersion):
        raise mdm_failure("identity-unusable", problem="its certificate or key cannot be read") from None
    return context


def _pem(chain: Sequence[bytes], key: bytes) -> bytes:
    secret = private_key(key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return b"".join(x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in chain) + secret
