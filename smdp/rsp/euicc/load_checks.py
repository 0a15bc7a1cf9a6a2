"""ES10b.LoadBoundProfilePackage: what is checked of each part of a package (SGP.22 §2.5, §5.5, §5.7.6)."""

from dataclasses import dataclass

from smdp.rsp import asn1, certs
from smdp.rsp.bpp import HOST_ID_BYTES, INSTALL_BOUND_PROFILE_PACKAGE, KEY_LENGTH, KEY_TYPE, Bsp, KeySet, ScpError
from smdp.rsp.checks import Check
from smdp.rsp.codes import ErrorReason as Error
from smdp.rsp.codes import StatusWord
from smdp.rsp.crypto import public_key, verify
from smdp.rsp.euicc import segments
from smdp.rsp.euicc.commands import Findings, World
from smdp.rsp.euicc.info import has_operational
from smdp.rsp.euicc.metadata import OPERATIONAL, PPR1, PROVISIONING, TEST, Metadata, allowed_by, read_metadata
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
        """The session. Raises Malformed if there is none."""
        if self.euicc.session is None:
            raise Malformed("there is no session")
        return self.euicc.session

    @property
    def loading(self) -> Loading:
        """How far the package came before this segment. Raises Malformed if it did not begin."""
        if self.session.loading is None:
            raise Malformed("no package is being loaded")
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
    def request(self) -> asn1.InitialiseSecureChannelRequest:
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
        """What the package is made of; it is examined once. Raises Malformed before it is there."""
        if self.findings is None:
            raise Malformed("the package is not complete")
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
            problem = self.findings.problem
            words |= {"size": self.findings.size, "header": self.findings.iccid}
            words["problem"] = problem.text or f"PEStatus {problem.status}" if problem else "none"
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


SESSION: tuple[Check[Load], ...] = (
    Check(
        "LB#1",
        "SGP.22 5.7.6",
        "boundProfilePackage",
        StatusWord.CONDITIONS_OF_USE_NOT_SATISFIED,
        "no-session-context",
        "No download is prepared that this segment could belong to.",
        "Load a package behind PrepareDownload, from its first segment on",
        lambda load: load.expected,
    ),
)
STRUCTURE: tuple[Check[Load], ...] = (
    Check(
        "LB#2",
        "SGP.22 2.5.4",
        "boundProfilePackage",
        Error.SCP03T_STRUCTURE_ERROR,
        "package-structure-wrong",
        "The package is not built as it must be: {what}.",
        "Build BF36 from BF23, A0, A1, perhaps A2, and A3, with exact lengths",
        lambda load: bool(load.followed()),
    ),
)
INITIALISE: tuple[Check[Load], ...] = (
    Check(
        "LB#3",
        "SGP.22 5.5.1",
        "initialiseSecureChannelRequest",
        Error.INCORRECT_INPUT_VALUES,
        "secure-channel-request-unreadable",
        "InitialiseSecureChannel (BF23) cannot be read.",
        "Build BF23 from 82, 80, A6, 5F49 and 5F37",
        lambda load: bool(load.request.native),
    ),
    Check(
        "LB#4",
        "SGP.22 5.5.1",
        "remoteOpId",
        Error.UNSUPPORTED_REMOTE_OPERATION_TYPE,
        "remote-operation-unknown",
        "The package asks for an operation other than its installation.",
        "Set remoteOpId to 1, installBoundProfilePackage",
        lambda load: load.request["remote_op_id"].native == INSTALL_BOUND_PROFILE_PACKAGE,
    ),
    Check(
        "LB#5",
        "SGP.22 5.5.1",
        "transactionId",
        Error.INVALID_TRANSACTION_ID,
        "transaction-id-mismatch",
        "The package is bound to another transaction than the session's.",
        "Copy the session's transactionId into BF23, also when a package is bound again",
        lambda load: load.request["transaction_id"].native == load.session.transaction_id,
    ),
    Check(
        "LB#6",
        "SGP.22 5.5.1",
        "controlRefTemplate",
        Error.UNSUPPORTED_CRT_VALUES,
        "crt-unsupported",
        "The control reference template asks for other keys than AES-128 (88, 10), or names no host.",
        f"Use key type 88, key length 10 and a HostID of 1 to 16 bytes, such as {HOST_ID_BYTES}",
        Load.template_holds,
    ),
    Check(
        "LB#7",
        "SGP.22 5.5.1",
        "smdpSign",
        Error.INVALID_SIGNATURE,
        "smdp-sign-wrong",
        "smdpSign was not made over BF23's fields and the eUICC's one-time key by the key of CERT.DPpb.",
        "Sign 82, 80, A6, 5F49 of BF23 and 5F49 with otPK.EUICC, one behind the other",
        Load.smdp_sign_holds,
    ),
    Check(
        "LB#8",
        "SGP.22 2.6.7",
        "smdpOtpk",
        Error.INCORRECT_INPUT_VALUES,
        "one-time-key-wrong",
        "The server's one-time key is no point of the session's curve.",
        "Make otPK.DP on the curve of CERT.DPpb, 65 bytes from 04 on",
        Load.one_time_key_holds,
    ),
)
PROTECTED: tuple[Check[Load], ...] = (
    Check(
        "LB#9",
        "SGP.22 2.6.4",
        "boundProfilePackage",
        Error.SCP03T_STRUCTURE_ERROR,
        "protected-tlv-malformed",
        "A protected TLV of section {section} has the wrong form: {what}.",
        "Make TLVs of at most 1020 bytes from whole blocks and 8 bytes of MAC",
        lambda load: not load.problem_is(security=False),
    ),
    Check(
        "LB#10",
        "SGP.22 2.6.4",
        "boundProfilePackage",
        Error.SCP03T_SECURITY_ERROR,
        "protected-tlv-forged",
        "A protected TLV of section {section} does not open: {what}.",
        "Derive the keys anew, count every TLV, and chain all 16 bytes of the MAC",
        lambda load: not load.problem_is(security=True),
    ),
)
CONFIGURE: tuple[Check[Load], ...] = (
    Check(
        "LB#11",
        "SGP.22 5.5.2",
        "configureISDPRequest",
        Error.INCORRECT_INPUT_VALUES,
        "isdp-configuration-wrong",
        "ConfigureISDP (BF24) cannot be read, or names an SM-DP+ other than the authenticated one.",
        "Send BF2400, or dpProprietaryData with the OID of CERT.DPauth",
        Load.configuration_holds,
    ),
)
METADATA: tuple[Check[Load], ...] = (
    Check(
        "LB#12",
        "SGP.22 5.5.3",
        "storeMetadataRequest",
        Error.INCORRECT_INPUT_VALUES,
        "metadata-unreadable",
        "StoreMetadata (BF25) cannot be read, or exceeds a limit.",
        "Send ICCID, provider name (≤ 32), profile name (≤ 64) and an icon only with its type",
        lambda load: bool(load.metadata),
    ),
    Check(
        "LB#13",
        "SGP.22 5.5.3",
        "profileClass",
        Error.UNSUPPORTED_PROFILE_CLASS,
        "profile-class-unsupported",
        "This eUICC takes no profiles of class {class}.",
        "Set the plan's profile_class to operational",
        Load.class_supported,
    ),
    Check(
        "LB#14",
        "SGP.22 5.5.3",
        "iccid",
        Error.INSTALL_FAILED_DUE_TO_ICCID_ALREADY_EXISTS_ON_EUICC,
        "iccid-already-exists",
        "A profile with ICCID {iccid} is on the eUICC already.",
        "Delete it first, or issue a profile with another ICCID",
        lambda load: load.euicc.profile(iccid=load.metadata.iccid) is None,
    ),
    Check(
        "LB#15",
        "SGP.22 2.9.3",
        "profilePolicyRules",
        Error.PPR_NOT_ALLOWED,
        "ppr-not-allowed",
        "The eUICC's Rules Authorisation Table does not allow {rules} to this operator.",
        "Issue the profile without policy rules, or with a profileOwner that the table lists",
        lambda load: allowed_by(load.euicc.rules, load.metadata),
    ),
    Check(
        "LB#16",
        "SGP.22 2.9.3",
        "profilePolicyRules",
        Error.PPR_NOT_ALLOWED,
        "ppr1-beside-operational",
        "PPR1 is not taken while another operational profile is installed.",
        "Issue the profile without PPR1, or delete the other one",
        lambda load: PPR1 not in load.metadata.policy_rules or not has_operational(load.euicc),
    ),
)
KEYS: tuple[Check[Load], ...] = (
    Check(
        "LB#17",
        "SGP.22 5.5.4",
        "replaceSessionKeysRequest",
        Error.INCORRECT_INPUT_VALUES,
        "protection-keys-wrong",
        "ReplaceSessionKeys (BF26) does not hold three keys of 16 bytes.",
        "Send 80, 81 and 82 with 16 bytes each",
        lambda load: bool(load.keys),
    ),
)
ELEMENTS: tuple[Check[Load], ...] = (
    Check(
        "LB#18",
        "SGP.22 5.7.6",
        "profileElements",
        Error.INSTALL_FAILED_DUE_TO_PE_PROCESSING_ERROR,
        "profile-element-refused",
        "The profile package cannot be installed: {problem}.",
        "Check the package: smdp explain FILE",
        lambda load: load.found.problem is None,
    ),
    Check(
        "LB#19",
        "SGP.22 5.7.6",
        "iccid",
        Error.INSTALL_FAILED_DUE_TO_DATA_MISMATCH,
        "iccid-mismatch",
        "The metadata name ICCID {iccid}, the package's header {header}.",
        "Make metadata and package from one order",
        lambda load: load.found.iccid == load.metadata.iccid_digits,
    ),
    Check(
        "LB#20",
        "SGP.22 5.7.6",
        "akaParameter",
        Error.TEST_PROFILE_INSTALL_FAILED_DUE_TO_INVALID_NAA_KEY,
        "test-profile-with-real-key",
        "A profile of class test has a network key that is no test key.",
        "Use the test algorithm or a published test key, or make the profile operational",
        lambda load: load.metadata.profile_class != TEST or load.found.test_keys_only,
    ),
    Check(
        "LB#21",
        "SGP.22 5.7.6",
        "profileElements",
        Error.INSTALL_FAILED_DUE_TO_INSUFFICIENT_MEMORY_FOR_PROFILE,
        "memory-insufficient",
        "The profile needs {size} bytes, the eUICC has {free}.",
        "Delete a profile, or give the simulated eUICC more memory",
        lambda load: load.found.size <= load.euicc.free_memory,
    ),
)
CHECKS: tuple[Check[Load], ...] = (
    *SESSION,
    *STRUCTURE,
    *INITIALISE,
    *PROTECTED,
    *CONFIGURE,
    *METADATA,
    *KEYS,
    *ELEMENTS,
)
