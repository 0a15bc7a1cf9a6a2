"""Which iOS has what, and which devices there are."""

import pytest

from smdp.device.apple.versions import (
    BUILDS,
    MODELS,
    WINDOWS,
    absence,
    at_least,
    build_of,
    exists,
    model_name,
    os_problem,
    parse_os,
)

ROWS = [(kind, name, window) for kind, names in WINDOWS.items() for name, window in names.items()]


@pytest.mark.parametrize(("kind", "name", "window"), ROWS)
def test_a_window_opens_and_closes_at_its_versions(kind, name, window):
    major, minor, patch = parse_os(window.introduced)
    before = f"{major}.{minor}.{patch - 1}" if patch else f"{major}.{minor - 1}.99" if minor else f"{major - 1}.99"
    assert exists(kind, name, window.introduced)
    assert absence(kind, name, window.introduced) == ""
    assert not exists(kind, name, before)
    assert f"came with iOS {window.introduced}" in absence(kind, name, before)
    if window.removed is not None:
        assert not exists(kind, name, window.removed)
        assert f"went with iOS {window.removed}" in absence(kind, name, window.removed)
    else:
        assert exists(kind, name, "27.0")


FACTS = {
    ("command", "RefreshCellularPlans"): ("13.0", None),
    ("command", "RestartDevice"): ("10.3", None),
    ("command", "ShutDownDevice"): ("10.3", None),
    ("command", "DeclarativeManagement"): ("15.0", None),
    ("command key", "EraseDevice.PreserveDataPlan"): ("11.0", None),
    ("command key", "EraseDevice.DisallowProximitySetup"): ("11.3", None),
    ("command key", "EraseDevice.ReturnToService"): ("17.0", None),
    ("command key", "EraseDevice.ReturnToService.BootstrapToken"): ("26.0", None),
    ("command key", "EraseDevice.ReturnToService.ShouldRetryEnrollment"): ("27.0", None),
    ("command key", "ProfileList.ManagedOnly"): ("13.0", None),
    ("query", "ServiceSubscriptions"): ("12.0", None),
    ("query", "IMEI"): ("4.0", "26.0"),
    ("query", "MEID"): ("4.0", "26.0"),
    ("query", "ICCID"): ("4.0", "26.0"),
    ("query", "PhoneNumber"): ("4.0", "26.0"),
    ("query", "CurrentCarrierNetwork"): ("4.0", "26.0"),
    ("query", "SubscriberCarrierNetwork"): ("5.0", "26.0"),
    ("query", "CarrierSettingsVersion"): ("4.0", "26.0"),
    ("query", "CurrentMCC"): ("4.0", "26.0"),
    ("query", "CurrentMNC"): ("4.0", "26.0"),
    ("query", "SubscriberMCC"): ("4.2.6", "26.0"),
    ("query", "SubscriberMNC"): ("4.2.6", "26.0"),
    ("query", "IsRoaming"): ("4.2", "26.0"),
    ("query", "VoiceRoamingEnabled"): ("5.0", "26.0"),
    ("query", "SIMCarrierNetwork"): ("4.0", "5.0"),
    ("query", "SIMMCC"): ("4.0", "4.2.6"),
    ("query", "SIMMNC"): ("4.0", "4.2.6"),
    ("query", "CellularTechnology"): ("4.2.6", None),
    ("query", "DataRoamingEnabled"): ("5.0", None),
    ("query", "PersonalHotspotEnabled"): ("7.0", None),
    ("query", "IsNetworkTethered"): ("10.3", None),
    ("query", "ModelNumber"): ("16.4", None),
    ("query", "TimeZone"): ("14.0", None),
    ("subscription key", "EID"): ("14.0", None),
    ("subscription key", "SubscriberCarrierNetwork"): ("16.0", None),
    ("restriction", "allowESIMModification"): ("12.1", None),
    ("restriction", "allowESIMOutgoingTransfers"): ("18.0", None),
    ("restriction", "forcePreserveESIMOnErase"): ("17.2", None),
    ("restriction", "allowCellularPlanModification"): ("11.0", None),
    ("restriction", "allowAppCellularDataModification"): ("7.0", None),
    ("restriction", "allowEraseContentAndSettings"): ("8.0", None),
    ("restriction", "allowProximitySetupToNewDevice"): ("11.0", None),
    ("check-in", "ReturnToService"): ("26.0", None),
    ("check-in", "GetToken"): ("17.0", None),
    ("check-in key", "ReturnToService.PreserveDataPlan"): ("26.4", None),
    ("check-in key", "ReturnToService.ReturnToService.ShouldRetryEnrollment"): ("27.0", None),
}


@pytest.mark.parametrize(("what", "window"), FACTS.items())
def test_apples_own_figures(what, window):
    kind, name = what
    found = WINDOWS[kind][name]
    assert (found.introduced, found.removed) == window


def test_a_name_that_the_table_lacks_exists_in_no_version():
    assert not exists("command", "InstallApplication", "26.1")
    assert absence("command", "InstallApplication", "26.1").startswith("InstallApplication is no command")


@pytest.mark.parametrize(
    ("os", "parsed"), [("17", (17, 0, 0)), ("17.2", (17, 2, 0)), ("17.2.1", (17, 2, 1)), ("26.10", (26, 10, 0))]
)
def test_versions_are_numbers(os, parsed):
    assert parse_os(os) == parsed


def test_versions_compare_as_numbers_not_as_text():
    assert at_least("26.10", "26.9")
    assert not at_least("9.0", "12.0")
    assert at_least("17", "17.0")


@pytest.mark.parametrize(
    ("os", "model", "problem"),
    [
        ("latest", None, "'latest' is no iOS version: write it as 26.1."),
        ("26.1\n", None, "is no iOS version"),
        ("11.4", None, "iOS 11.4 is too old"),
        ("19.0", None, "There is no iOS 19.0: after iOS 18 came iOS 26."),
        ("25.9", None, "There is no iOS 25.9"),
        ("28.0", None, "iOS 28.0 is unknown"),
        ("17.0", "iPhone17,1", "iPhone17,1 (iPhone 16 Pro) came with iOS 18.0 and never ran iOS 17.0."),
    ],
)
def test_a_device_that_never_was_gets_a_sentence(os, model, problem):
    assert problem in os_problem(os, model)


@pytest.mark.parametrize(
    ("os", "model"), [("12.0", None), ("18.9", "iPhone99,9"), ("26.1", "iPhone17,1"), ("27.3", None)]
)
def test_a_device_that_may_be_has_no_problem(os, model):
    assert os_problem(os, model) is None


@pytest.mark.parametrize(("os", "build"), BUILDS.items())
def test_known_builds(os, build):
    assert build_of(os) == build
    assert os_problem(os) is None


@pytest.mark.parametrize(
    ("os", "build"),
    [("17.3", "21D900"), ("18.1.1", "22B901"), ("26.4", "23E900"), ("27.0", "24A900"), ("18", "22A3354")],
)
def test_other_builds_have_apples_form(os, build):
    assert build_of(os) == build


@pytest.mark.parametrize("model", MODELS)
def test_models(model):
    assert os_problem(MODELS[model].oldest, model) is None
    assert os_problem(MODELS[model].oldest) is None
    assert model_name(model) in ("iPhone", "iPad")


def test_an_unknown_model_has_a_name_too():
    assert model_name("iPhone99,1") == "iPhone"
    assert model_name("99") == "iPhone"
