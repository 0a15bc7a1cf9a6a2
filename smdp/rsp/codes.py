"""Status codes of the JSON binding, error integers of the ASN.1 binding, and their names (SGP.22 §5.2.6, §6.5.2).

Codes are strings: "3.10" is not "3.1". A pair is written "8.1.1/3.8" everywhere.
"""

from enum import IntEnum
from typing import NamedTuple


class Code(NamedTuple):
    """A subject code and a reason code; together they are what `statusCodeData` carries."""

    subject: str
    reason: str

    def __str__(self) -> str:
        """Write the pair as in the documentation: 8.1.1/3.8."""
        return f"{self.subject}/{self.reason}"


def code(text: str) -> Code:
    """Read "8.1.1/3.8". Raises ValueError if it is not a known subject with a known reason."""
    subject, _, reason = text.partition("/")
    if subject not in SUBJECTS or reason not in REASONS:
        raise ValueError(f"{text!r} is not a status code like 8.1.1/3.8")
    return Code(subject, reason)


SUBJECTS = {
    "1": "Generic",
    "1.1": "Function Requester",
    "1.2": "Function Provider",
    "1.3": "Protocol",
    "1.3.1": "Protocol Format",
    "1.3.2": "Protocol Version",
    "1.6": "Function",
    "8": "eUICC Remote Provisioning",
    "8.1": "eUICC",
    "8.1.1": "EID",
    "8.1.2": "EUM Certificate",
    "8.1.3": "eUICC Certificate",
    "8.2": "Profile",
    "8.2.1": "Profile ICCID",
    "8.2.5": "Profile Type",
    "8.2.6": "Matching ID",
    "8.2.7": "Confirmation Code",
    "8.2.8": "PPR",
    "8.2.9": "Profile Metadata",
    "8.2.10": "Bound Profile Package",
    "8.8": "SM-DP+",
    "8.8.1": "SM-DP+ Address",
    "8.8.2": "Security configuration",
    "8.8.3": "Specification Version Number (SVN)",
    "8.8.4": "SM-DP+ Certificate",
    "8.8.5": "Download order",
    "8.9": "SM-DS",
    "8.9.1": "SM-DS Address",
    "8.9.2": "Security configuration",
    "8.9.3": "Specification Version Number (SVN)",
    "8.9.4": "SM-DS Certificate",
    "8.9.5": "Event Record",
    "8.10": "RSP Operation",
    "8.10.1": "TransactionId",
    "8.11": "CI",
    "8.11.1": "Public Key (PK) of the CI",
}

REASONS = {
    "1.1": "Unknown",
    "1.2": "Not Allowed",
    "2.1": "Invalid",
    "2.2": "Mandatory Element Missing",
    "2.3": "Conditional Element Missing",
    "3.1": "Unsupported",
    "3.3": "Already in Use",
    "3.5": "Invalid Transition",
    "3.7": "Unavailable",
    "3.8": "Refused",
    "3.9": "Unknown",
    "3.10": "Invalid Association",
    "3.11": "Value has Changed",
    "4.2": "Execution Error",
    "4.3": "Stopped on Warning",
    "4.8": "Insufficient Memory",
    "4.10": "Time to Live Expired",
    "5.1": "Inaccessible",
    "6.1": "Verification Failed",
    "6.3": "Expired",
    "6.4": "Maximum number of attempts exceeded",
}


class AuthenticateErrorCode(IntEnum):
    """What an eUICC answers in AuthenticateResponseError (SGP.22 §5.7.13)."""

    INVALID_CERTIFICATE = 1
    INVALID_SIGNATURE = 2
    UNSUPPORTED_CURVE = 3
    NO_SESSION_CONTEXT = 4
    INVALID_OID = 5
    EUICC_CHALLENGE_MISMATCH = 6
    CI_PK_UNKNOWN = 7
    UNDEFINED_ERROR = 127


class DownloadErrorCode(IntEnum):
    """What an eUICC answers in PrepareDownloadResponseError (SGP.22 §5.7.5)."""

    INVALID_CERTIFICATE = 1
    INVALID_SIGNATURE = 2
    UNSUPPORTED_CURVE = 3
    NO_SESSION_CONTEXT = 4
    INVALID_TRANSACTION_ID = 5
    UNDEFINED_ERROR = 127


class BppCommandId(IntEnum):
    """The step of a package's installation that failed (SGP.22 §5.7.6)."""

    INITIALISE_SECURE_CHANNEL = 0
    CONFIGURE_ISDP = 1
    STORE_METADATA = 2
    STORE_METADATA_2 = 3
    REPLACE_SESSION_KEYS = 4
    LOAD_PROFILE_ELEMENTS = 5


class ErrorReason(IntEnum):
    """Why a package's installation failed (SGP.22 §5.7.6)."""

    INCORRECT_INPUT_VALUES = 1
    INVALID_SIGNATURE = 2
    INVALID_TRANSACTION_ID = 3
    UNSUPPORTED_CRT_VALUES = 4
    UNSUPPORTED_REMOTE_OPERATION_TYPE = 5
    UNSUPPORTED_PROFILE_CLASS = 6
    SCP03T_STRUCTURE_ERROR = 7
    SCP03T_SECURITY_ERROR = 8
    INSTALL_FAILED_DUE_TO_ICCID_ALREADY_EXISTS_ON_EUICC = 9
    INSTALL_FAILED_DUE_TO_INSUFFICIENT_MEMORY_FOR_PROFILE = 10
    INSTALL_FAILED_DUE_TO_INTERRUPTION = 11
    INSTALL_FAILED_DUE_TO_PE_PROCESSING_ERROR = 12
    INSTALL_FAILED_DUE_TO_DATA_MISMATCH = 13
    TEST_PROFILE_INSTALL_FAILED_DUE_TO_INVALID_NAA_KEY = 14
    PPR_NOT_ALLOWED = 15
    INSTALL_FAILED_DUE_TO_UNKNOWN_ERROR = 127


class CancelSessionReason(IntEnum):
    """Why an LPA ends a session (SGP.22 §5.7.14)."""

    END_USER_REJECTION = 0
    POSTPONED = 1
    TIMEOUT = 2
    PPR_NOT_ALLOWED = 3
    METADATA_MISMATCH = 4
    LOAD_BPP_EXECUTION_ERROR = 5
    UNDEFINED_REASON = 127


class CancelSessionErrorCode(IntEnum):
    """What an eUICC answers in cancelSessionResponseError (SGP.22 §5.7.14)."""

    INVALID_TRANSACTION_ID = 5
    UNDEFINED_ERROR = 127


class EnableProfileResult(IntEnum):
    """How EnableProfile went (SGP.22 §5.7.16)."""

    OK = 0
    ICCID_OR_AID_NOT_FOUND = 1
    PROFILE_NOT_IN_DISABLED_STATE = 2
    DISALLOWED_BY_POLICY = 3
    WRONG_PROFILE_REENABLING = 4
    CAT_BUSY = 5
    UNDEFINED_ERROR = 127


class DisableProfileResult(IntEnum):
    """How DisableProfile went (SGP.22 §5.7.17)."""

    OK = 0
    ICCID_OR_AID_NOT_FOUND = 1
    PROFILE_NOT_IN_ENABLED_STATE = 2
    DISALLOWED_BY_POLICY = 3
    CAT_BUSY = 5
    UNDEFINED_ERROR = 127


class DeleteProfileResult(IntEnum):
    """How DeleteProfile went (SGP.22 §5.7.18)."""

    OK = 0
    ICCID_OR_AID_NOT_FOUND = 1
    PROFILE_NOT_IN_DISABLED_STATE = 2
    DISALLOWED_BY_POLICY = 3
    UNDEFINED_ERROR = 127


class MemoryResetResult(IntEnum):
    """How eUICCMemoryReset went (SGP.22 §5.7.19)."""

    OK = 0
    NOTHING_TO_DELETE = 1
    CAT_BUSY = 5
    UNDEFINED_ERROR = 127


class SetNicknameResult(IntEnum):
    """How SetNickname went (SGP.22 §5.7.21)."""

    OK = 0
    ICCID_NOT_FOUND = 1
    UNDEFINED_ERROR = 127


class RemoveNotificationResult(IntEnum):
    """How RemoveNotificationFromList went (SGP.22 §5.7.11)."""

    OK = 0
    NOTHING_TO_DELETE = 1
    UNDEFINED_ERROR = 127


class SetDefaultDpAddressResult(IntEnum):
    """How SetDefaultDpAddress went (SGP.22 §5.7.4)."""

    OK = 0
    UNDEFINED_ERROR = 127


class StatusWord(IntEnum):
    """What a card says of a command itself (ISO 7816-4 §5.1.3; SGP.22 §5.7.2)."""

    OK = 0x9000
    CONDITIONS_OF_USE_NOT_SATISFIED = 0x6985
    INCORRECT_DATA = 0x6A80
    REFERENCED_DATA_NOT_FOUND = 0x6A88
