"""InstallProfile, RemoveProfile, ProfileList."""

import pytest

from smdp.device.apple.effects import ENDS_POLL, InstallProfile, RemoveProfile, Unenroll
from smdp.device.apple.profiles import MAX_PROFILES
from tests.device.apple.phones import ask, codes, enrolled, mobileconfig, passcode_policy, payload, phone, profile

ENROLMENT = profile(payload("com.apple.mdm"), identifier="com.example.mdm", managed=False)


def install(new, **facts):
    return ask(phone(**facts), "InstallProfile", Payload=mobileconfig(new))


def remove(identifier, **facts):
    return ask(phone(**facts), "RemoveProfile", Identifier=identifier)


def test_a_profile_is_added():
    there = profile(identifier="com.example.there")
    effect = install(profile(payload("com.apple.wifi.managed")), profiles=(there,)).effect
    assert isinstance(effect, InstallProfile)
    assert not isinstance(effect, ENDS_POLL)
    assert (effect.profile.identifier, effect.profile.managed, effect.replaced) == ("com.example.fleet", True, False)
    assert effect.profiles == (there, effect.profile)


def test_a_profile_takes_the_place_of_the_one_with_its_identifier():
    effect = install(profile(uuid="NEW"), profiles=(profile(uuid="OLD"),)).effect
    assert effect.replaced
    assert [known.uuid for known in effect.profiles] == ["NEW"]


def test_an_unreadable_profile_is_refused_with_what_the_reader_says():
    result = ask(phone(), "InstallProfile", Payload=b"junk")
    assert (result.status, codes(result)) == ("Error", [4000])


def test_4001_is_around_what_the_reader_found():
    import plistlib

    assert codes(ask(phone(), "InstallProfile", Payload=plistlib.dumps({}))) == [4001, 1002]


@pytest.mark.parametrize(
    "kinds", [("com.apple.cellular", "com.apple.cellular"), ("com.apple.cellular", "com.apple.apn.managed")]
)
def test_4018_for_two_cellular_or_apn_payloads(kinds):
    result = install(profile(*map(payload, kinds)))
    assert codes(result) == [4001, 4018]
    assert {error.domain for error in result.errors} == {"MCInstallationErrorDomain"}


def test_36000_if_another_profile_configures_cellular():
    other = profile(payload("com.apple.cellular"), identifier="com.example.other", display_name="Other")
    result = install(profile(payload("com.apple.cellular")), profiles=(other,))
    assert codes(result) == [4001, 36000]
    assert result.errors[1].domain == "MCCellularErrorDomain"
    assert "“Other”" in result.errors[1].text


def test_a_cellular_profile_may_be_renewed():
    there = profile(payload("com.apple.cellular"))
    assert install(profile(payload("com.apple.cellular")), profiles=(there,)).status == "Acknowledged"


@pytest.mark.parametrize(
    ("attempts", "chain"),
    [(2, []), (11, []), (1, [4001, 2004]), (12, [4001, 2004]), ("3", [4001, 2003]), (True, [4001, 2003])],
)
def test_2003_and_2004_for_an_impossible_number_of_attempts(attempts, chain):
    assert codes(install(passcode_policy(maxFailedAttempts=attempts))) == chain


def test_12001_for_a_second_mdm():
    assert codes(install(profile(payload("com.apple.mdm")), profiles=(ENROLMENT,))) == [4001, 12001]
    renewed = profile(payload("com.apple.mdm"), identifier="com.example.mdm")
    assert install(renewed, profiles=(ENROLMENT,)).status == "Acknowledged"


def test_12013_for_replacing_somebody_elses_profile_without_supervision():
    there = profile(managed=False)
    assert codes(install(profile(), profiles=(there,), supervised=False)) == [4001, 12013]
    assert install(profile(), profiles=(there,)).effect.replaced


def test_4001_when_there_are_too_many():
    full = tuple(profile(identifier=f"com.example.{number}") for number in range(MAX_PROFILES))
    assert codes(install(profile(), profiles=full)) == [4001]
    assert install(profile(identifier="com.example.7"), profiles=full).status == "Acknowledged"


def test_a_profile_is_removed():
    there, gone = profile(identifier="com.example.there"), profile()
    effect = remove("com.example.fleet", profiles=(there, gone)).effect
    assert effect == RemoveProfile(profile=gone, profiles=(there,))


def test_12075_for_a_profile_that_is_not_there():
    assert codes(remove("com.example.fleet")) == [12075]
    assert len(remove("x" * 5000).errors[0].text) < 300


def test_12013_for_removing_somebody_elses_profile_without_supervision():
    there = profile(managed=False)
    assert codes(remove("com.example.fleet", profiles=(there,), supervised=False)) == [12013]
    assert remove("com.example.fleet", profiles=(there,)).status == "Acknowledged"


def test_removing_the_enrolment_profile_ends_the_enrolment():
    users = profile(identifier="com.example.users", managed=False)
    effect = remove("com.example.mdm", profiles=(ENROLMENT, profile(), users)).effect
    assert effect == Unenroll(profiles=(users,))
    assert isinstance(effect, ENDS_POLL)


def rows(*profiles, managed_only=False, **facts):
    result = ask(phone(profiles=profiles, **facts), "ProfileList", ManagedOnly=managed_only)
    return result.body["ProfileList"]


def test_profile_list_tells_what_a_profile_is():
    known = profile(
        payload("com.apple.wifi.managed", PayloadDisplayName="Wi-Fi", SSID_STR="secret"),
        organization="Example",
        description="For all",
        removal_disallowed=True,
        has_removal_passcode=True,
        signer_certificates=[b"DER"],
    )
    assert rows(known) == [
        {
            "PayloadUUID": "UUID-com.example.fleet",
            "PayloadIdentifier": "com.example.fleet",
            "PayloadVersion": 1,
            "PayloadDisplayName": "Fleet",
            "PayloadOrganization": "Example",
            "PayloadDescription": "For all",
            "PayloadRemovalDisallowed": True,
            "HasRemovalPasscode": True,
            "IsEncrypted": False,
            "SignerCertificates": [b"DER"],
            "PayloadContent": [
                {
                    "PayloadType": "com.apple.wifi.managed",
                    "PayloadVersion": 1,
                    "PayloadIdentifier": "com.example.com.apple.wifi.managed",
                    "PayloadUUID": "UUID-com.apple.wifi.managed",
                    "PayloadDisplayName": "Wi-Fi",
                }
            ],
        }
    ]


def test_is_managed_is_told_of_unsupervised_devices_only():
    assert "IsManaged" not in rows(profile())[0]
    assert rows(profile(), supervised=False)[0]["IsManaged"] is True


@pytest.mark.parametrize(
    ("os", "uuid", "source"), [("16.7", False, False), ("17.0", True, False), ("18.0", True, True)]
)
def test_keys_come_with_their_ios(os, uuid, source):
    row = rows(profile(payload("x"), declarative=True), os=os)[0]
    assert ("PayloadUUID" in row["PayloadContent"][0]) == uuid
    assert row.get("Source") == ("Declarative Device Management" if source else None)


def test_managed_only_and_user_enrollment_leave_others_out():
    both = profile(), profile(identifier="com.example.users", managed=False)
    assert len(rows(*both)) == 2
    assert len(rows(*both, managed_only=True)) == 1
    assert len(rows(*both, enrollment=enrolled(kind="user"))) == 1


def test_payloads_are_found_by_type_and_by_uuid():
    wifi, mail = payload("com.apple.wifi.managed"), payload("com.apple.mail.managed")
    both = profile(wifi, mail)
    assert both.payloads_of("com.apple.mail.managed") == [mail]
    assert both.payload("UUID-com.apple.wifi.managed") == wifi
    assert both.payload("UUID-none") is None
