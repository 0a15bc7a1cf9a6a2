"""A SCEP server for tests that shares no code with our client: openssl opens requests, DER written by hand answers."""

import base64
import hashlib
import os
import re

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import AttributeOID

from tests.mdm_identities import DER, certificate, der, key_usage, pem_of, rsa_key
from tests.openssl import openssl

VERISIGN = bytes.fromhex("060A6086480186F8450109")
CAPS = "POSTPKIOperation\nSHA-256\nAES\n"
SHA256 = bytes.fromhex("300B0609608648016503040201")
RSA = bytes.fromhex("300D06092A864886F70D0101010500")
DATA = bytes.fromhex("06092A864886F70D010701")
SIGNED_DATA = bytes.fromhex("06092A864886F70D010702")
CONTENT_TYPE, MESSAGE_DIGEST = bytes.fromhex("06092A864886F70D010903"), bytes.fromhex("06092A864886F70D010904")


def tlv(tag, *parts):
    value = b"".join(parts)
    if len(value) < 0x80:
        return bytes((tag, len(value))) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def attribute(which, message):
    """The value of a SCEP attribute, found by its OID: 06 0A … 31 LL tag LL value."""
    at = message.index(VERISIGN + bytes((which,))) + 12
    return message[at + 4 : at + 4 + message[at + 3]]


class FakeScep:
    """Knobs say how it answers; `asked` are the requests that it read: (messageType, CSR or None)."""

    def __init__(self, folder):
        self.folder = folder
        self.key = rsa_key(10)
        self.ca = certificate(self.key, "SCEP CA", ca=True, usage=key_usage(sign=True, encrypt=True, certs=True))
        self.ra = None
        self.port = 0
        self.caps = CAPS
        self.ca_answer = None
        self.cipher = ["-aes128"]
        self.pending = 0
        self.status, self.fail_info = "0", None
        self.signer = None  # (certificate, key)
        self.issue_for = None
        self.overrides = {}
        self.wrong_digest = False
        self.embeds = True
        self.asked = []
        self.methods = []
        self.raw = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/scep"

    def payload_content(self, **members):
        content = {
            "URL": self.url,
            "Name": "demo",
            "Subject": [[["O", "Example"]], [["CN", "device 1"]]],
            "Challenge": "s3cret",
            "Keysize": 2048,
            "Key Type": "RSA",
            "Key Usage": 5,
            **members,
        }
        return {key: value for key, value in content.items() if value is not None}

    async def handle(self, request):
        operation = request.query["operation"]
        self.methods.append((request.method, operation, request.query.get("message") if operation[0] == "G" else None))
        if operation == "GetCACaps":
            return web.Response(text=self.caps) if self.caps is not None else web.Response(status=404)
        if operation == "GetCACert":
            return self.certificates()
        body = await request.read() if request.method == "POST" else base64.b64decode(request.query["message"])
        self.raw.append(body)
        return web.Response(body=self.reply(body), content_type="application/x-pki-message")

    def certificates(self):
        if self.ca_answer is not None:
            return self.ca_answer
        if self.ra is None:
            return web.Response(body=der(self.ca), content_type="application/x-x509-ca-cert")
        body = pkcs7.serialize_certificates([self.ca, self.ra[0]], DER)
        return web.Response(body=body, content_type="application/x-x509-ca-ra-cert")

    def reply(self, message):
        """Read a request as openssl does, and answer it."""
        signer = self.folder / "signer.pem"
        enveloped = openssl("cms", "-verify", "-inform", "DER", "-noverify", "-binary", "-signer", signer, data=message)
        holder, key = self.ra or (self.ca, self.key)
        (self.folder / "recipient.pem").write_bytes(pem_of(key, holder))
        recipient = self.folder / "recipient.pem"
        content = openssl("cms", "-decrypt", "-inform", "DER", "-recip", recipient, "-inkey", recipient, data=enveloped)
        kind = attribute(2, message).decode()
        csr = x509.load_der_x509_csr(content) if kind == "19" else None
        self.asked.append((kind, csr if csr is not None else content))
        if self.pending:
            self.pending -= 1
            return self.signed(b"", message, "3")
        if self.status != "0":
            return self.signed(b"", message, self.status)
        first = next(csr for _, csr in self.asked if isinstance(csr, x509.CertificateSigningRequest))
        issued = certificate(self.issue_for or Public(first.public_key()), "device 1", self.ca, self.key)
        bag = pkcs7.serialize_certificates([issued], DER)
        arguments = ["-encrypt", "-binary", *self.cipher, "-outform", "DER", signer]
        return self.signed(openssl("cms", *arguments, data=bag), message, "0")

    def signed(self, content, message, status):
        """A CertRep: SignedData by hand."""
        holder, key = self.signer or self.ra or (self.ca, self.key)
        digest = hashlib.sha256(content + (b"x" if self.wrong_digest else b"")).digest()
        values = {
            2: tlv(0x13, b"3"),
            3: tlv(0x13, status.encode()),
            5: tlv(0x04, os.urandom(16)),
            6: tlv(0x04, attribute(5, message)),
            7: tlv(0x13, attribute(7, message)),
        }
        if self.fail_info is not None:
            values[4] = tlv(0x13, self.fail_info.encode())
        values |= self.overrides
        described = [
            tlv(0x30, CONTENT_TYPE, tlv(0x31, DATA)),
            tlv(0x30, MESSAGE_DIGEST, tlv(0x31, tlv(0x04, digest))),
            *(tlv(0x30, VERISIGN, bytes((which,)), tlv(0x31, value)) for which, value in values.items() if value),
        ]
        attributes = b"".join(sorted(described))
        issuer, serial = holder.issuer.public_bytes(), holder.serial_number
        number = tlv(0x02, serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
        signature = key.sign(tlv(0x31, attributes), padding.PKCS1v15(), hashes.SHA256())
        who = tlv(0x30, issuer, number)
        info = tlv(0x30, tlv(2, b"\1"), who, SHA256, tlv(0xA0, attributes), RSA, tlv(4, signature))
        inner = tlv(0x30, DATA, tlv(0xA0, tlv(0x04, content))) if content else tlv(0x30, DATA)
        holders = [tlv(0xA0, der(holder))] if self.embeds else []
        body = [tlv(2, b"\1"), tlv(0x31, SHA256), inner, *holders, tlv(0x31, info)]
        return tlv(0x30, SIGNED_DATA, tlv(0xA0, tlv(0x30, *body)))


class Public:
    """A key of which only the public half is known; enough to have a certificate."""

    def __init__(self, public):
        self.public_key = lambda: public


def challenge_of(csr):
    return csr.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value.decode()


def digest_of(message):
    """Which hash a request was signed with, as openssl says."""
    shown = openssl("cms", "-cmsout", "-print", "-inform", "DER", "-noout", data=message).decode()
    return re.search(r"digestAlgorithm: \s*algorithm: (\w+)", shown)[1]


def cipher_of(message):
    """Which cipher a request was encrypted with."""
    enveloped = openssl("cms", "-verify", "-inform", "DER", "-noverify", "-binary", data=message)
    shown = openssl("cms", "-cmsout", "-print", "-inform", "DER", "-noout", data=enveloped).decode()
    return re.search(r"contentEncryptionAlgorithm: \s*algorithm: ([\w-]+)", shown)[1]
