"""The RSP module's types that smdp decodes, in the order of SGP.22 Annex H, as an asn1crypto schema.

The standard's module has AUTOMATIC TAGS: where no member has a written tag, members are tagged 0, 1, 2 …; a tagged
CHOICE is always explicit. Every decode goes through `decode`, behind the strict gate. Types are extensible: members
that a later release appended are skipped, and `.dump()` of anything decoded returns its received bytes, which is what
signatures cover.
"""

from asn1crypto import core

from smdp.rsp.decoder import decode

__all__ = ["decode"]


def _context(number: int, **more: object) -> dict[str, object]:
    return {"implicit": number, **more}


def _optional(number: int) -> dict[str, object]:
    return {"implicit": number, "optional": True}


_TRANSACTION_ID = ("transaction_id", core.OctetString, _context(0))
_SIGNATURE: dict[str, object] = {"implicit": ("application", 55)}
_ONE_TIME_KEY: dict[str, object] = {"implicit": ("application", 73)}
_ICCID: dict[str, object] = {"implicit": ("application", 26)}
_AID: dict[str, object] = {"implicit": ("application", 15)}
_TAG_LIST: dict[str, object] = {"implicit": ("application", 28)}


# --- common types


class CertificateBytes(core.Sequence):
    """A certificate, kept as the bytes that came: `rsp.certs` reads them."""


class SubjectKeyIdentifiers(core.SequenceOf):
    """A list of CI public key identifiers, in the eUICC's order of preference."""

    _child_spec = core.OctetString


class OperatorID(core.Sequence):
    """Who owns a profile: MCC/MNC (3 bytes, TS 24.008) and the group identifiers."""

    _fields = [
        ("mcc_mnc", core.OctetString, _context(0)),
        ("gid1", core.OctetString, _optional(1)),
        ("gid2", core.OctetString, _optional(2)),
    ]


class OperatorIDs(core.SequenceOf):
    _child_spec = OperatorID


# --- ES8+ and the profile package


class InitialiseSecureChannelControlRefTemplate(core.Sequence):
    """CRT of BF23: key type 88, key length 10, HostID 1..16 bytes."""

    _fields = [
        ("key_type", core.OctetString, _context(0)),
        ("key_len", core.OctetString, _context(1)),
        ("host_id", core.OctetString, _context(4)),
    ]


class InitialiseSecureChannelRequest(core.Sequence):
    """BF23 (SGP.22 §5.5.1)."""

    class_, tag = 2, 35
    _fields = [
        ("remote_op_id", core.Integer, _context(2)),
        _TRANSACTION_ID,
        ("control_ref_template", InitialiseSecureChannelControlRefTemplate, _context(6)),
        ("smdp_otpk", core.OctetString, _ONE_TIME_KEY),
        ("smdp_sign", core.OctetString, _SIGNATURE),
    ]


class DPProprietaryData(core.Sequence):
    _fields = [("dp_oid", core.ObjectIdentifier, _context(0))]


class ConfigureISDPRequest(core.Sequence):
    """BF24 (SGP.22 §5.5.2)."""

    class_, tag = 2, 36
    _fields = [("dp_proprietary_data", DPProprietaryData, _optional(24))]


class NotificationConfigurationInformation(core.Sequence):
    _fields = [
        ("profile_management_operation", core.BitString, _context(0)),
        ("notification_address", core.UTF8String, _context(1)),
    ]


class NotificationConfigurations(core.SequenceOf):
    _child_spec = NotificationConfigurationInformation


class StoreMetadataRequest(core.Sequence):
    """BF25 (SGP.22 §5.5.3): what the user sees of a profile before and after its download."""

    class_, tag = 2, 37
    _fields = [
        ("iccid", core.OctetString, _ICCID),
        ("service_provider_name", core.UTF8String, _context(17)),
        ("profile_name", core.UTF8String, _context(18)),
        ("icon_type", core.Integer, _optional(19)),
        ("icon", core.OctetString, _optional(20)),
        ("profile_class", core.Integer, _context(21, default=2)),
        ("notification_configuration_info", NotificationConfigurations, _optional(22)),
        ("profile_owner", OperatorID, _optional(23)),
        ("profile_policy_rules", core.BitString, _optional(25)),
    ]


class ReplaceSessionKeysRequest(core.Sequence):
    """BF26 (SGP.22 §5.5.4): 3 × 16 bytes."""

    class_, tag = 2, 38
    _fields = [
        ("initial_mac_chaining_value", core.OctetString, _context(0)),
        ("ppk_enc", core.OctetString, _context(1)),
        ("ppk_cmac", core.OctetString, _context(2)),
    ]


# --- ES10: what the eUICC says of itself


class EUICCInfo1(core.Sequence):
    """BF20 (SGP.22 §5.7.8)."""

    class_, tag = 2, 32
    _fields = [
        ("svn", core.OctetString, _context(2)),
        ("euicc_ci_pk_id_list_for_verification", SubjectKeyIdentifiers, _context(9)),
        ("euicc_ci_pk_id_list_for_signing", SubjectKeyIdentifiers, _context(10)),
    ]


class CertificationDataObject(core.Sequence):
    _fields = [("platform_label", core.UTF8String, _context(0)), ("discovery_base_url", core.UTF8String, _context(1))]


class EUICCInfo2(core.Sequence):
    """BF22 (SGP.22 §5.7.8)."""

    remembered = True
    class_, tag = 2, 34
    _fields = [
        ("profile_version", core.OctetString, _context(1)),
        ("svn", core.OctetString, _context(2)),
        ("euicc_firmware_ver", core.OctetString, _context(3)),
        ("ext_card_resource", core.OctetString, _context(4)),
        ("uicc_capability", core.BitString, _context(5)),
        ("ts102241_version", core.OctetString, _optional(6)),
        ("globalplatform_version", core.OctetString, _optional(7)),
        ("rsp_capability", core.BitString, _context(8)),
        ("euicc_ci_pk_id_list_for_verification", SubjectKeyIdentifiers, _context(9)),
        ("euicc_ci_pk_id_list_for_signing", SubjectKeyIdentifiers, _context(10)),
        ("euicc_category", core.Integer, _optional(11)),
        ("forbidden_profile_policy_rules", core.BitString, _optional(25)),
        ("pp_version", core.OctetString),
        ("sas_accreditation_number", core.UTF8String),
        ("certification_data_object", CertificationDataObject, _optional(12)),
    ]


class DeviceCapabilities(core.Sequence):
    """The releases a device supports, 3 bytes each."""

    _fields = [
        ("gsm_supported_release", core.OctetString, _optional(0)),
        ("utran_supported_release", core.OctetString, _optional(1)),
        ("cdma2000onex_supported_release", core.OctetString, _optional(2)),
        ("cdma2000hrpd_supported_release", core.OctetString, _optional(3)),
        ("cdma2000ehrpd_supported_release", core.OctetString, _optional(4)),
        ("eutran_epc_supported_release", core.OctetString, _optional(5)),
        ("contactless_supported_release", core.OctetString, _optional(6)),
        ("rsp_crl_supported_version", core.OctetString, _optional(7)),
        ("nr_epc_supported_release", core.OctetString, _optional(8)),
        ("nr5gc_supported_release", core.OctetString, _optional(9)),
        ("eutran5gc_supported_release", core.OctetString, _optional(10)),
    ]


class DeviceInfo(core.Sequence):
    _fields = [
        ("tac", core.OctetString, _context(0)),
        ("device_capabilities", DeviceCapabilities, _context(1)),
        ("imei", core.OctetString, _optional(2)),
    ]


class CtxParamsForCommonAuthentication(core.Sequence):
    _fields = [("matching_id", core.UTF8String, _optional(0)), ("device_info", DeviceInfo, _context(1))]


class CtxParams1(core.Choice):
    """What the LPA passes through the eUICC, so that it is signed (SGP.22 §5.7.13)."""

    _alternatives = [("ctx_params_for_common_authentication", CtxParamsForCommonAuthentication, _context(0))]


# --- AuthenticateServer, AuthenticateClient


class ServerSigned1(core.Sequence):
    """What the server signs first (SGP.22 §5.6.1)."""

    _fields = [
        _TRANSACTION_ID,
        ("euicc_challenge", core.OctetString, _context(1)),
        ("server_address", core.UTF8String, _context(3)),
        ("server_challenge", core.OctetString, _context(4)),
    ]


class AuthenticateServerRequest(core.Sequence):
    """BF38 to the eUICC (SGP.22 §5.7.13)."""

    class_, tag = 2, 56
    _fields = [
        ("server_signed1", ServerSigned1),
        ("server_signature1", core.OctetString, _SIGNATURE),
        ("euicc_ci_pk_id_to_be_used", core.OctetString),
        ("server_certificate", CertificateBytes),
        ("ctx_params1", CtxParams1),
    ]


class EuiccSigned1(core.Sequence):
    """What the eUICC signs first (SGP.22 §5.7.13)."""

    _fields = [
        _TRANSACTION_ID,
        ("server_address", core.UTF8String, _context(3)),
        ("server_challenge", core.OctetString, _context(4)),
        ("euicc_info2", EUICCInfo2),
        ("ctx_params1", CtxParams1),
    ]


class AuthenticateResponseOk(core.Sequence):
    _fields = [
        ("euicc_signed1", EuiccSigned1),
        ("euicc_signature1", core.OctetString, _SIGNATURE),
        ("euicc_certificate", CertificateBytes),
        ("eum_certificate", CertificateBytes),
    ]


class AuthenticateResponseError(core.Sequence):
    _fields = [_TRANSACTION_ID, ("authenticate_error_code", core.Integer)]


class AuthenticateServerResponse(core.Choice):
    """BF38 from the eUICC (SGP.22 §5.7.13)."""

    explicit = (2, 56)
    _alternatives = [
        ("authenticate_response_ok", AuthenticateResponseOk, _context(0)),
        ("authenticate_response_error", AuthenticateResponseError, _context(1)),
    ]


# --- PrepareDownload, GetBoundProfilePackage


class SmdpSigned2(core.Sequence):
    """What the server signs second (SGP.22 §5.6.3)."""

    _fields = [
        _TRANSACTION_ID,
        ("cc_required_flag", core.Boolean),
        ("bpp_euicc_otpk", core.OctetString, {**_ONE_TIME_KEY, "optional": True}),
    ]


class PrepareDownloadRequest(core.Sequence):
    """BF21 to the eUICC (SGP.22 §5.7.5)."""

    class_, tag = 2, 33
    _fields = [
        ("smdp_signed2", SmdpSigned2),
        ("smdp_signature2", core.OctetString, _SIGNATURE),
        ("hash_cc", core.OctetString, {"optional": True}),
        ("smdp_certificate", CertificateBytes),
    ]


class EuiccSigned2(core.Sequence):
    """What the eUICC signs second: its one-time key (65 bytes) and the hashed confirmation code (32 bytes)."""

    _fields = [
        _TRANSACTION_ID,
        ("euicc_otpk", core.OctetString, _ONE_TIME_KEY),
        ("hash_cc", core.OctetString, {"optional": True}),
    ]


class PrepareDownloadResponseOk(core.Sequence):
    _fields = [("euicc_signed2", EuiccSigned2), ("euicc_signature2", core.OctetString, _SIGNATURE)]


class PrepareDownloadResponseError(core.Sequence):
    _fields = [_TRANSACTION_ID, ("download_error_code", core.Integer)]


class PrepareDownloadResponse(core.Choice):
    """BF21 from the eUICC (SGP.22 §5.7.5)."""

    explicit = (2, 33)
    _alternatives = [
        ("download_response_ok", PrepareDownloadResponseOk, _context(0)),
        ("download_response_error", PrepareDownloadResponseError, _context(1)),
    ]


# --- notifications


class NotificationMetadata(core.Sequence):
    """BF2F (SGP.22 §5.7.9)."""

    class_, tag = 2, 47
    _fields = [
        ("seq_number", core.Integer, _context(0)),
        ("profile_management_operation", core.BitString, _context(1)),
        ("notification_address", core.UTF8String),
        ("iccid", core.OctetString, {**_ICCID, "optional": True}),
    ]


class SuccessResult(core.Sequence):
    _fields = [("aid", core.OctetString, _AID), ("sima_response", core.OctetString)]


class ErrorResult(core.Sequence):
    _fields = [
        ("bpp_command_id", core.Integer, _context(0)),
        ("error_reason", core.Integer, _context(1)),
        ("sima_response", core.OctetString, _optional(2)),
    ]


class FinalResult(core.Choice):
    _alternatives = [("success_result", SuccessResult, _context(0)), ("error_result", ErrorResult, _context(1))]


class ProfileInstallationResultData(core.Sequence):
    """BF27: what the eUICC signs about an installation (SGP.22 §5.7.6)."""

    class_, tag = 2, 39
    _fields = [
        _TRANSACTION_ID,
        ("notification_metadata", NotificationMetadata),
        ("smdp_oid", core.ObjectIdentifier),
        ("final_result", FinalResult, {"explicit": 2}),
    ]


class ProfileInstallationResult(core.Sequence):
    """BF37 (SGP.22 §5.7.6)."""

    class_, tag = 2, 55
    _fields = [
        ("profile_installation_result_data", ProfileInstallationResultData),
        ("euicc_sign_pir", core.OctetString, _SIGNATURE),
    ]


class OtherSignedNotification(core.Sequence):
    """A notification that carries its own certificates (SGP.22 §5.7.10)."""

    _fields = [
        ("tbs_other_notification", NotificationMetadata),
        ("euicc_notification_signature", core.OctetString, _SIGNATURE),
        ("euicc_certificate", CertificateBytes),
        ("eum_certificate", CertificateBytes),
    ]


# --- CancelSession


class EuiccCancelSessionSigned(core.Sequence):
    """What the eUICC signs when a session ends early (SGP.22 §5.7.14)."""

    _fields = [
        _TRANSACTION_ID,
        ("smdp_oid", core.ObjectIdentifier, _context(1)),
        ("reason", core.Integer, _context(2)),
    ]


class CancelSessionRequest(core.Sequence):
    """BF41 to the eUICC (SGP.22 §5.7.14)."""

    class_, tag = 2, 65
    _fields = [_TRANSACTION_ID, ("reason", core.Integer, _context(1))]


class CancelSessionResponseOk(core.Sequence):
    _fields = [
        ("euicc_cancel_session_signed", EuiccCancelSessionSigned),
        ("euicc_cancel_session_signature", core.OctetString, _SIGNATURE),
    ]


class CancelSessionResponse(core.Choice):
    """BF41 from the eUICC (SGP.22 §5.7.14)."""

    explicit = (2, 65)
    _alternatives = [
        ("cancel_session_response_ok", CancelSessionResponseOk, _context(0)),
        ("cancel_session_response_error", core.Integer, _context(1)),
    ]


# --- ES10: the rest of the eUICC's commands, by tag


class ListNotificationRequest(core.Sequence):
    """BF28 (SGP.22 §5.7.9)."""

    class_, tag = 2, 40
    _fields = [("profile_management_operation", core.BitString, _optional(1))]


class SetNicknameRequest(core.Sequence):
    """BF29 (SGP.22 §5.7.21)."""

    class_, tag = 2, 41
    _fields = [("iccid", core.OctetString, _ICCID), ("profile_nickname", core.UTF8String, _context(16))]


class NotificationSearchCriteria(core.Choice):
    _alternatives = [
        ("seq_number", core.Integer, _context(0)),
        ("profile_management_operation", core.BitString, _context(1)),
    ]


class RetrieveNotificationsListRequest(core.Sequence):
    """BF2B (SGP.22 §5.7.10)."""

    class_, tag = 2, 43
    _fields = [("search_criteria", NotificationSearchCriteria, {"explicit": 0, "optional": True})]


class ProfileSearchCriteria(core.Choice):
    _alternatives = [
        ("isdp_aid", core.OctetString, _AID),
        ("iccid", core.OctetString, _ICCID),
        ("profile_class", core.Integer, _context(21)),
    ]


class ProfileInfoListRequest(core.Sequence):
    """BF2D (SGP.22 §5.7.15)."""

    class_, tag = 2, 45
    _fields = [
        ("search_criteria", ProfileSearchCriteria, {"explicit": 0, "optional": True}),
        ("tag_list", core.OctetString, {**_TAG_LIST, "optional": True}),
    ]


class NotificationSentRequest(core.Sequence):
    """BF30 (SGP.22 §5.7.11)."""

    class_, tag = 2, 48
    _fields = [("seq_number", core.Integer, _context(0))]


class ProfileIdentifier(core.Choice):
    _alternatives = [("isdp_aid", core.OctetString, _AID), ("iccid", core.OctetString, _ICCID)]


class EnableProfileRequest(core.Sequence):
    """BF31 (SGP.22 §5.7.16)."""

    class_, tag = 2, 49
    _fields = [("profile_identifier", ProfileIdentifier, {"explicit": 0}), ("refresh_flag", core.Boolean, _context(1))]


class DisableProfileRequest(core.Sequence):
    """BF32 (SGP.22 §5.7.17)."""

    class_, tag = 2, 50
    _fields = [("profile_identifier", ProfileIdentifier, {"explicit": 0}), ("refresh_flag", core.Boolean, _context(1))]


class DeleteProfileRequest(core.Choice):
    """BF33 (SGP.22 §5.7.18)."""

    explicit = (2, 51)
    _alternatives = [("isdp_aid", core.OctetString, _AID), ("iccid", core.OctetString, _ICCID)]


class EuiccMemoryResetRequest(core.Sequence):
    """BF34 (SGP.22 §5.7.19)."""

    class_, tag = 2, 52
    _fields = [("reset_options", core.BitString, _context(2))]


class GetEuiccDataRequest(core.Sequence):
    """BF3E (SGP.22 §5.7.20)."""

    class_, tag = 2, 62
    _fields = [("tag_list", core.OctetString, _TAG_LIST)]


class SetDefaultDpAddressRequest(core.Sequence):
    """BF3F (SGP.22 §5.7.4)."""

    class_, tag = 2, 63
    _fields = [("default_dp_address", core.UTF8String, _context(0))]
