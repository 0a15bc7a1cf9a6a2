"""What every test of the server's functions gets."""

import pytest

from tests.euicc_stub import Euicc
from tests.minted import CURVES
from tests.rsp.server.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(params=sorted(CURVES))
def curve_bench(request) -> Bench:
    """The same on each curve."""
    return Bench(euicc=Euicc(request.param))
