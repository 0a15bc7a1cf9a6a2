"""ES10b.LoadBoundProfilePackage: what is checked of each part of a package (SGP.22 §2.5, §5.5, §5.7.6)."""

from smdp.rsp.bpp import INSTALL_BOUND_PROFILE_PACKAGE
from smdp.rsp.checks import Check
from smdp.rsp.codes import ErrorReason as Error
from smdp.rsp.codes import StatusWord
from smdp.rsp.euicc.info import has_operational
from smdp.rsp.euicc.load_context import Load
from smdp.rsp.euicc.metadata import PPR1, TEST, allowed_by

SESSION: tuple[Check[Load], ...] = (
    Check(
        id="LB#1",
        clause="SGP.22 §5.7.6",
        field="boundProfilePackage",
        code=StatusWord.CONDITIONS_OF_USE_NOT_SATISFIED,
        reason="no-session-context",
        why="No download is prepared that this segment could belong to.",
        fix="Load a package behind PrepareDownload, from its first segment on.",
        holds=lambda load: load.expected,
    ),
)
STRUCTURE: tuple[Check[Load], ...] = (
    Check(
        id="LB#2",
        clause="SGP.22 §2.5.4",
        field="boundProfilePackage",
        code=Error.SCP03T_STRUCTURE_ERROR,
        reason="package-structure-wrong",
        why="The package is not built as it must be: {what}.",
        fix="Build BF36 from BF23, A0, A1, perhaps A2, and A3, with exact lengths.",
        holds=lambda load: bool(load.followed()),
    ),
)
INITIALISE: tuple[Check[Load], ...] = (
    Check(
        id="LB#3",
        clause="SGP.22 §5.5.1",
        field="initialiseSecureChannelRequest",
        code=Error.INCORRECT_INPUT_VALUES,
        reason="secure-channel-request-unreadable",
        why="InitialiseSecureChannel (BF23) cannot be read.",
        fix="Build BF23 from 82, 80, A6, 5F49 and 5F37.",
        holds=lambda load: bool(load.request.native),
    ),
    Check(
        id="LB#4",
        clause="SGP.22 §5.5.1",
        field="remoteOpId",
        code=Error.UNSUPPORTED_REMOTE_OPERATION_TYPE,
        reason="remote-operation-unknown",
        why="The package asks for an operation other than its installation.",
        fix="Set remoteOpId to 1, installBoundProfilePackage.",
        holds=lambda load: load.request["remote_op_id"].native == INSTALL_BOUND_PROFILE_PACKAGE,
    ),
    Check(
        id="LB#5",
        clause="SGP.22 §5.5.1",
        field="transactionId",
        code=Error.INVALID_TRANSACTION_ID,
        reason="transaction-id-mismatch",
        why="The package is bound to another transaction than the session's.",
        fix="Copy the session's transactionId into BF23, also when a package is bound again.",
        holds=lambda load: load.request["transaction_id"].native == load.session.transaction_id,
    ),
    Check(
        id="LB#6",
        clause="SGP.22 §5.5.1",
        field="controlRefTemplate",
        code=Error.UNSUPPORTED_CRT_VALUES,
        reason="crt-unsupported",
        why="The control reference template asks for other keys than AES-128 (88, 10), or names no host.",
        fix="Use key type 88, key length 10 and a HostID of 1 to 16 bytes.",
        holds=Load.template_holds,
    ),
    Check(
        id="LB#7",
        clause="SGP.22 §5.5.1",
        field="smdpSign",
        code=Error.INVALID_SIGNATURE,
        reason="smdp-sign-wrong",
        why="smdpSign was not made over BF23's fields and the eUICC's one-time key by the key of CERT.DPpb.",
        fix="Sign 82, 80, A6, 5F49 of BF23 and 5F49 with otPK.EUICC, one behind the other.",
        holds=Load.smdp_sign_holds,
    ),
    Check(
        id="LB#8",
        clause="SGP.22 §2.6.7",
        field="smdpOtpk",
        code=Error.INCORRECT_INPUT_VALUES,
        reason="one-time-key-wrong",
        why="The server's one-time key is no point of the session's curve.",
        fix="Make otPK.DP on the curve of CERT.DPpb, 65 bytes from 04 on.",
        holds=Load.one_time_key_holds,
    ),
)
PROTECTED: tuple[Check[Load], ...] = (
    Check(
        id="LB#9",
        clause="SGP.22 §2.6.4",
        field="boundProfilePackage",
        code=Error.SCP03T_STRUCTURE_ERROR,
        reason="protected-tlv-malformed",
        why="A protected TLV of section {section} has the wrong form: {what}.",
        fix="Make TLVs of at most 1020 bytes from whole blocks and 8 bytes of MAC.",
        holds=lambda load: not load.problem_is(security=False),
    ),
    Check(
        id="LB#10",
        clause="SGP.22 §2.6.4",
        field="boundProfilePackage",
        code=Error.SCP03T_SECURITY_ERROR,
        reason="protected-tlv-forged",
        why="A protected TLV of section {section} does not open: {what}.",
        fix="Derive the keys anew, count every TLV, and chain all 16 bytes of the MAC.",
        holds=lambda load: not load.problem_is(security=True),
    ),
)
CONFIGURE: tuple[Check[Load], ...] = (
    Check(
        id="LB#11",
        clause="SGP.22 §5.5.2",
        field="configureISDPRequest",
        code=Error.INCORRECT_INPUT_VALUES,
        reason="isdp-configuration-wrong",
        why="ConfigureISDP (BF24) cannot be read, or names an SM-DP+ other than the authenticated one.",
        fix="Send BF2400, or dpProprietaryData with the OID of CERT.DPauth.",
        holds=Load.configuration_holds,
    ),
)
METADATA: tuple[Check[Load], ...] = (
    Check(
        id="LB#12",
        clause="SGP.22 §5.5.3",
        field="storeMetadataRequest",
        code=Error.INCORRECT_INPUT_VALUES,
        reason="metadata-unreadable",
        why="StoreMetadata (BF25) cannot be read, or exceeds a limit.",
        fix="Send ICCID, provider name (≤ 32), profile name (≤ 64) and an icon only with its type.",
        holds=lambda load: bool(load.metadata),
    ),
    Check(
        id="LB#13",
        clause="SGP.22 §5.5.3",
        field="profileClass",
        code=Error.UNSUPPORTED_PROFILE_CLASS,
        reason="profile-class-unsupported",
        why="This eUICC takes no profiles of class {class}.",
        fix="Set the plan's profile_class to operational.",
        holds=Load.class_supported,
    ),
    Check(
        id="LB#14",
        clause="SGP.22 §5.5.3",
        field="iccid",
        code=Error.INSTALL_FAILED_DUE_TO_ICCID_ALREADY_EXISTS_ON_EUICC,
        reason="iccid-already-exists",
        why="A profile with ICCID {iccid} is on the eUICC already.",
        fix="Delete it first, or issue a profile with another ICCID.",
        holds=lambda load: load.euicc.profile(iccid=load.metadata.iccid) is None,
    ),
    Check(
        id="LB#15",
        clause="SGP.22 §2.9.3",
        field="profilePolicyRules",
        code=Error.PPR_NOT_ALLOWED,
        reason="ppr-not-allowed",
        why="The eUICC's Rules Authorisation Table does not allow {rules} to this operator.",
        fix="Issue the profile without policy rules, or with a profileOwner that the table lists.",
        holds=lambda load: allowed_by(load.euicc.rules, load.metadata),
    ),
    Check(
        id="LB#16",
        clause="SGP.22 §2.9.3",
        field="profilePolicyRules",
        code=Error.PPR_NOT_ALLOWED,
        reason="ppr1-beside-operational",
        why="PPR1 is not taken while another operational profile is installed.",
        fix="Issue the profile without PPR1, or delete the other one.",
        holds=lambda load: PPR1 not in load.metadata.policy_rules or not has_operational(load.euicc),
    ),
)
KEYS: tuple[Check[Load], ...] = (
    Check(
        id="LB#17",
        clause="SGP.22 §5.5.4",
        field="replaceSessionKeysRequest",
        code=Error.INCORRECT_INPUT_VALUES,
        reason="protection-keys-wrong",
        why="ReplaceSessionKeys (BF26) does not hold three keys of 16 bytes.",
        fix="Send 80, 81 and 82 with 16 bytes each.",
        holds=lambda load: bool(load.keys),
    ),
)
ELEMENTS: tuple[Check[Load], ...] = (
    Check(
        id="LB#18",
        clause="SGP.22 §5.7.6",
        field="profileElements",
        code=Error.INSTALL_FAILED_DUE_TO_PE_PROCESSING_ERROR,
        reason="profile-element-refused",
        why="The profile package cannot be installed: {problem}.",
        fix="Check the package: smdp explain FILE",
        holds=lambda load: load.found.problem is None,
    ),
    Check(
        id="LB#19",
        clause="SGP.22 §5.7.6",
        field="iccid",
        code=Error.INSTALL_FAILED_DUE_TO_DATA_MISMATCH,
        reason="iccid-mismatch",
        why="The metadata name ICCID {iccid}, the package's header {header}.",
        fix="Make metadata and package from one order.",
        holds=lambda load: load.found.iccid == load.metadata.iccid_digits,
    ),
    Check(
        id="LB#20",
        clause="SGP.22 §5.7.6",
        field="akaParameter",
        code=Error.TEST_PROFILE_INSTALL_FAILED_DUE_TO_INVALID_NAA_KEY,
        reason="test-profile-with-real-key",
        why="A profile of class test has a network key that is no test key.",
        fix="Use the test algorithm or a published test key, or make the profile operational.",
        holds=lambda load: load.metadata.profile_class != TEST or load.found.test_keys_only,
    ),
    Check(
        id="LB#21",
        clause="SGP.22 §5.7.6",
        field="profileElements",
        code=Error.INSTALL_FAILED_DUE_TO_INSUFFICIENT_MEMORY_FOR_PROFILE,
        reason="memory-insufficient",
        why="The profile needs {size} bytes, the eUICC has {free}.",
        fix="Delete a profile, or give the simulated eUICC more memory.",
        holds=lambda load: load.found.size <= load.euicc.free_memory,
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
