from datetime import timedelta

import pytest

from smdp.durations import format_duration, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30), ("90s", 90), ("3m", 180), ("48h", 172800), ("2d", 172800), ("1w", 604800), ("250ms", 0.25),
        ("1.5s", 1.5), ("1h30m", 5400), ("PT3M", 180), ("P1DT12H", 129600), ("P2W", 1209600), ("pt0.5s", 0.5), ("0", 0),
        ("1234567.5", 1234567.5),
    ],
)  # fmt: skip
def test_one_grammar_for_durations(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "-5", "-48h", "soon", "3 weeks", "P", "PT", "P1DT", "1e3", "٣m", "h", "9" * 100, "101 years", "40000d"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"is no duration|longer than 100 years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("5", 5), ("5B", 5), ("1k", 1000), ("1kB", 1000), ("1KiB", 1024), ("64MiB", 67108864), ("2G", 2000000000)],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1.5MiB", "MiB", "1T", "9" * 100])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="is no size"):
        parse_size(text)
