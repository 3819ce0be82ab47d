"""The adapters in numbers: damaged bodies, two thousand for each unit of JOURNEY_SOAK."""

import pytest

from tests.collector.adapters.fuzz import press
from tests.soak.conftest import SOAK

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(2, 2 + SOAK))
def test_damaged_bodies_are_taken_apart_as_far_as_they_go(seed):
    assert press(2_000, seed)[""] > 200
