"""What a use case refuses."""

from collections.abc import Awaitable

import pytest

from smdp.carrier.errors import CarrierError


async def refused(awaitable: Awaitable[object]) -> CarrierError:
    """Return what a call is refused with."""
    with pytest.raises(CarrierError) as caught:
        await awaitable
    assert caught.value.because
    return caught.value
