"""What the checks of a BoundProfilePackage look at: the segment, its pieces, and what they say (SGP.22 §5.5)."""

from dataclasses import dataclass

from smdp.rsp import asn1, certs
from smdp.rsp.bpp import KEY_LENGTH, KEY_TYPE, Bsp, KeySet, ScpError
from smdp.rsp.crypto import public_key, verify
from smdp.rsp.decoder import Decoded
from smdp.rsp.euicc import segments
from smdp.rsp.euicc.commands import Findings, World
from smdp.rsp.euicc.metadata import OPERATIONAL, PROVISIONING, TEST, Metadata, read_metadata
from smdp.rsp.euicc.segments import Piece, Place
from smdp.rsp.euicc.state import TEST_PROFILE, Euicc, Loading, Session
from smdp.rsp.tlv import Malformed, item_at, items, tlv

KEY_BYTES = 16
_MAX_HOST_ID = 16
_CLASSES = {TEST: "test", PROVISIONING: "provisioning", OPERATIONAL: "operational"}


@dataclass
class Load:
    """A segment under judgement, later one of its pieces, later what a finished section says."""

    euicc: Euicc
    segment: bytes
    world: World
    piece: Piece | None = None
    content: bytes = b""
    findings: Findings | None = None

    @property
    def expected(self) -> bool:
        """Say whether the segment belongs here: BF36 behind PrepareDownload, the others behind BF36."""
        session = self.euicc.session
        wanted = "prepared" if self.segment.startswith(b"\xbf\x36") else "loading"
        return session is not None and session.step == wanted

    @property
    def session(self) -> Session:
        """The session."""
        assert self.euicc.session is not None  # noqa: S101 - LB#1
        return self.euicc.session

    @property
    def loading(self) -> Loading:
        """How far the package came before this segment."""
        assert self.session.loading is not None  # noqa: S101 - LB#1
        return self.session.loading

    @property
    def section(self) -> int:
        """The section of the piece, or the one that the segment arrived in."""
        return self.piece.section if self.piece else self.loading.section

    def followed(self) -> tuple[Place, list[Piece]]:
        """Read the segment's structure. Raises Malformed."""
        loading = self.loading
        return segments.follow(Place(loading.section, loading.section_left, loading.left), self.segment)

    # --- BF23

    @property
    def request(self) -> Decoded:
        """The InitialiseSecureChannelRequest. Raises Malformed."""
        return asn1.decode(asn1.InitialiseSecureChannelRequest, self.content, segments.INITIALISE)

    def template_holds(self) -> bool:
        """Say whether the control reference template asks for AES-128 for this purpose, with a usable HostID."""
        template = self.request["control_ref_template"].native
        asked = (template["key_type"], template["key_len"])
        return asked == (KEY_TYPE, KEY_LENGTH) and 1 <= len(template["host_id"]) <= _MAX_HOST_ID

    def smdp_sign_holds(self) -> bool:
        """Verify smdpSign over what precedes it in BF23 and the eUICC's one-time key."""
        assert self.session.one_time_key is not None  # noqa: S101 - set by PrepareDownload
        fields = [item.raw for item in items(item_at(self.content).value)]
        message = b"".join(fields[:4]) + tlv(0x5F49, self.session.one_time_key.otpk)
        dppb = certs.load(self.session.smdp_certificate)
        return verify(dppb.public_key, self.request["smdp_sign"].native, message)

    def one_time_key_holds(self) -> bool:
        """Say whether the server's one-time key is a point of the session's curve."""
        assert self.session.one_time_key is not None  # noqa: S101 - set by PrepareDownload
        return bool(public_key(self.session.one_time_key.curve, self.request["smdp_otpk"].native))

    # --- protected TLVs

    def opened(self) -> bytes:
        """Open the piece: MAC only in A1, encrypted elsewhere. Raises ScpError."""
        assert self.piece is not None  # noqa: S101 - these checks are about a piece
        bsp = self.bsp()
        return bsp.read(self.piece.item) if self.piece.section == segments.METADATA else bsp.decrypt(self.piece.item)

    def bsp(self) -> Bsp:
        """The run of protected TLVs, as far as it came."""
        loading = self.loading
        return Bsp(KeySet(loading.chain, loading.enc, loading.mac), loading.counter)

    def problem_is(self, *, security: bool) -> bool:
        """Say whether opening the piece fails for its cryptography, or else for its form."""
        try:
            self.opened()
        except ScpError as error:
            return error.security is security
        return False

    # --- BF24, BF25, BF26

    def configuration_holds(self) -> bool:
        """Read BF24; an OID of the SM-DP+ in it must be the session's."""
        data = asn1.decode(asn1.ConfigureISDPRequest, self.content, 0xBF24)["dp_proprietary_data"].native
        return data is None or data["dp_oid"] == self.smdp_oid

    @property
    def smdp_oid(self) -> str:
        """The OID in CERT.DPauth."""
        return certs.load(self.session.server_certificate).rid or ""

    @property
    def metadata(self) -> Metadata:
        """The profile's metadata. Raises Malformed."""
        return read_metadata(self.content if self.section == segments.METADATA else self.loading.metadata)

    def class_supported(self) -> bool:
        """Say whether the eUICC takes profiles of this class."""
        profile_class = self.metadata.profile_class
        return profile_class in _CLASSES and (profile_class != TEST or TEST_PROFILE in self.euicc.rsp_capability)

    @property
    def keys(self) -> KeySet:
        """The keys of BF26. Raises Malformed, also when one has not 16 bytes."""
        native = asn1.decode(asn1.ReplaceSessionKeysRequest, self.content, 0xBF26).native
        keys = KeySet(native["initial_mac_chaining_value"], native["ppk_enc"], native["ppk_cmac"])
        if any(len(key) != KEY_BYTES for key in keys):
            raise Malformed("a profile protection key has 16 bytes")
        return keys

    # --- the package

    @property
    def found(self) -> Findings:
        """What the package is made of; it is examined once, when it is complete."""
        assert self.findings is not None  # noqa: S101 - set before these checks
        return self.findings

    def details(self) -> dict[str, object]:
        """Say in words what is known at this point."""
        words: dict[str, object] = dict.fromkeys(("class", "iccid", "rules", "problem", "what"), "?")
        words["free"] = self.euicc.free_memory
        if self.euicc.session and self.euicc.session.loading:
            words["section"] = f"{self.section:X}"
            words["what"] = self._what_is_wrong()
            self._describe_metadata(words)
        if self.findings:
            words |= {"size": self.findings.size, "header": self.findings.iccid, "problem": self.findings.problem}
        return words

    def _what_is_wrong(self) -> str:
        try:
            self.opened() if self.piece and self.piece.section != segments.INITIALISE else self.followed()
        except Malformed as error:
            return str(error)
        return "nothing"

    def _describe_metadata(self, words: dict[str, object]) -> None:
        try:
            metadata = self.metadata
        except Malformed:
            return
        words["iccid"] = metadata.iccid_digits
        words["class"] = _CLASSES.get(metadata.profile_class, metadata.profile_class)
        words["rules"] = " and ".join(f"PPR{rule}" for rule in sorted(metadata.policy_rules))
