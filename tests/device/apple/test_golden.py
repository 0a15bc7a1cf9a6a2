"""Answers as they were agreed on, byte for byte, for iOS 17, 18 and 26."""

import pytest

from tests.device.apple.golden_files import FOLDER, files

FILES = files()


def test_every_file_is_there_and_no_other():
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_answer_is_the_golden_one(name):
    assert FILES[name] == (FOLDER / name).read_bytes()
