import pytest

from smdp.cli.farm.mix import ROLES, name_of, number_of, read_mix, read_rate, spread
from smdp.errors import UsageError


def test_shares_and_numbers():
    assert read_mix("used=3%,offline=2", 100) == {"used": 3, "offline": 2}
    assert read_mix(" held = 2.5% ", 1000) == {"held": 25}
    assert read_mix("used=50%,held=50%", 2) == {"used": 1, "held": 1}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("usd=3%", "'usd' is nothing to mix in; did you mean used?"),
        ("", "'' is nothing to mix in; there are used, unordered"),
        ("used", "'used' is no share; write used=3% or used=2, once each."),
        ("used=x", "is no share"),
        ("used=-1", "is no share"),
        ("used=1.5", "is no share"),
        ("used=1,used=2", "once each"),
        ("used=11", "--mix is about 11 devices, but there are 10."),
        ("used=60%,held=60%", "--mix is about 12 devices, but there are 10."),
    ],
)
def test_a_mix_that_makes_no_sense(text, sentence):
    with pytest.raises(UsageError, match="--mix") as refused:
        read_mix(text, 10)
    assert sentence in str(refused.value)


def test_rates():
    assert read_rate("50/s") == read_rate("50") == 50
    assert read_rate("30/m") == 0.5
    assert read_rate("7200/h") == 2


@pytest.mark.parametrize("text", ["", "0", "0/s", "fast", "-1/s", "5/d", "1e9"])
def test_a_rate_that_makes_no_sense(text):
    with pytest.raises(UsageError, match="--ramp is"):
        read_rate(text)


def test_roles_are_spread_and_as_many_as_wanted():
    roles = spread({"used": 2, "offline": 1}, 30)
    assert [place for place, role in enumerate(roles) if role] == [5, 15, 25]
    assert sorted(filter(None, roles)) == ["offline", "used", "used"]
    assert spread({}, 2) == [None, None]
    assert spread({"used": 3}, 3) == ["used"] * 3


@pytest.mark.parametrize("role", [None, *ROLES])
def test_a_name_tells_number_and_role(role):
    assert number_of("farm", name_of("farm", 7, role)) == (7, role)
    assert number_of("other", name_of("farm", 7, role)) is None


@pytest.mark.parametrize(
    "name", ["farm", "farm-7", "farm-0007x", "farm-0007-thief", "farm-0007-", "xfarm-0007", "Stub"]
)
def test_names_of_other_devices(name):
    assert number_of("farm", name) is None


def test_a_prefix_is_taken_literally():
    assert number_of(".*", "farm-0007") is None
    assert number_of("a+b", "a+b-0007") == (7, None)
