"""What every test of the eUICC gets."""

import pytest

from tests.card import Card, new_card


@pytest.fixture
def card() -> Card:
    return new_card()
