"""A device's half of MDM and SCEP, by cryptography, asn1crypto and openssl: no code of smdp."""

import base64
import datetime as dt
import hashlib
import plistlib
import secrets
import ssl
import subprocess
from functools import cache

import aiohttp
from asn1crypto import cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID

from tests.minted import name

UDID = "00008020-000915083C80012E"
OTHER = "00008020-000915083C80012F"
CHECK_IN = "application/x-apple-aspen-mdm-checkin"
CONNECT = "application/x-apple-aspen-mdm; charset=UTF-8"
OIDS = {kind: f"2.16.840.1.113733.1.9.{number}" for kind, number in
        {"type": 2, "status": 3, "fail": 4, "nonce": 5, "recipient": 6, "transaction": 7}.items()}  # fmt: skip
TOKEN = {"Token": b"t" * 32, "PushMagic": "magic"}


@cache
def rsa_key(number=0):
    """One of a few RSA keys, made once: they take their time."""
    return rsa.generate_private_key(65537, 2048)


class Identity:
    """A certificate and its key."""

    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key

    def sign(self, body, digest=None):
        """The Mdm-Signature of a body."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(body)
        options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
        signed = builder.add_signer(self.certificate, self.key, digest or hashes.SHA256()).sign(Encoding.DER, options)
        return base64.b64encode(signed).decode()

    def files(self, folder):
        (folder / "identity.pem").write_bytes(
            self.certificate.public_bytes(Encoding.PEM)
            + self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return folder / "identity.pem"


def certificate(key, issuer=None, *, purpose=ExtendedKeyUsageOID.CLIENT_AUTH, begin=-1, end=30, cn="device"):
    """A certificate by an Authority of the small MDM, or self-signed; begin and end in days from now."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(cn=cn))
        .issuer_name(issuer.certificate.subject if issuer else name(cn=cn))
        .public_key(key.public_key())
        .serial_number(secrets.randbits(64) + 1)
        .not_valid_before(now + dt.timedelta(days=begin))
        .not_valid_after(now + dt.timedelta(days=end))
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def identity(authority, **options):
    key = options.pop("key", None) or ec.generate_private_key(ec.SECP256R1())
    return Identity(certificate(key, authority, **options), key)


class Phone:
    """A device that signs its messages, or shows its certificate in TLS."""

    def __init__(self, mdm, udid=UDID, who=None, *, tls_from=None):
        self.mdm, self.udid, self.identity = mdm, udid, who
        context = ssl.create_default_context(cadata=mdm.ca)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        if tls_from is not None:
            context.load_cert_chain(who.files(tls_from))
            self.identity = None
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.session.close()

    async def get(self, path, **options):
        async with self.session.get(self.mdm.url + path, **options) as answer:
            return answer.status, await answer.read(), answer.headers

    async def send(self, message, *, kind=CONNECT, path="/mdm", headers=None, body=None):
        body = plistlib.dumps(message) if body is None else body
        if headers is None:
            headers = {"Mdm-Signature": self.identity.sign(body)} if self.identity else {}
        async with self.session.put(
            self.mdm.url + path, data=body, headers={"Content-Type": kind, **headers}
        ) as answer:
            return answer.status, await answer.read()

    async def check_in(self, message_type, **members):
        return await self.send(
            {"MessageType": message_type, "UDID": self.udid, **members}, kind=CHECK_IN, path="/checkin"
        )

    async def enroll(self):
        assert await self.check_in("Authenticate", Topic="com.apple.mgmt.x", OSVersion="26.1") == (200, b"")
        assert await self.check_in("TokenUpdate", **TOKEN) == (200, b"")

    async def answer(self, status="Idle", uuid=None, **members):
        """Say a status; the next command, or None."""
        named = {"CommandUUID": uuid} if uuid else {}
        code, body = await self.send({"UDID": self.udid, "Status": status, **named, **members})
        assert code == 200, body
        return plistlib.loads(body) if body else None


# --- SCEP


def request(key, challenge=None, cn="device"):
    """A PKCS #10 request in DER."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(cn=cn))
    if challenge is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode())
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def envelope(data, recipient, cipher=algorithms.AES256):
    return (
        pkcs7.PKCS7EnvelopeBuilder()
        .set_data(data)
        .set_content_encryption_algorithm(cipher)
        .add_recipient(recipient)
        .encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    )


def pki_message(content, signer, *, kind="19", transaction="T-1", nonce=b"n" * 16, leave_out=(), spoil=False):
    """Sign a pkiMessage around an envelope; `leave_out` names attributes that it lacks."""
    own = asn1_x509.Certificate.load(signer.certificate.public_bytes(Encoding.DER))
    attributes = {
        "content_type": cms.ContentType("data"),
        "message_digest": core.OctetString(hashlib.sha256(content).digest()),
        OIDS["type"]: core.PrintableString(kind),
        OIDS["transaction"]: core.PrintableString(transaction),
        OIDS["nonce"]: core.OctetString(nonce),
    }
    chosen = [{"type": key, "values": [value]} for key, value in attributes.items() if key not in leave_out]
    signed = cms.CMSAttributes(chosen)
    signature = signer.key.sign(signed.dump(), padding.PKCS1v15(), hashes.SHA256())
    info = {
        "version": "v1",
        "sid": {"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}},
        "digest_algorithm": {"algorithm": "sha256"},
        "signed_attrs": signed,
        "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
        "signature": bytes(len(signature)) if spoil else signature,
    }
    body = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {"content_type": "data", "content": content},
            "certificates": [own],
            "signer_infos": [info],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": body}).dump()


def attributes(answer):
    """The signed attributes of a CertRep by our names, unverified: openssl verifies."""
    signer = cms.ContentInfo.load(answer)["content"]["signer_infos"][0]
    names = {oid: kind for kind, oid in OIDS.items()}
    return {names[one["type"].native]: one["values"][0].native for one in signer["signed_attrs"]
            if one["type"].native in names}  # fmt: skip


def openssl(*words, data=b""):
    done = subprocess.run(["openssl", *map(str, words)], input=data, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def certificates(degenerate):
    """The certificates in a SignedData without signers, as openssl reads them."""
    pem = openssl("pkcs7", "-inform", "DER", "-print_certs", data=degenerate)
    return x509.load_pem_x509_certificates(pem)
