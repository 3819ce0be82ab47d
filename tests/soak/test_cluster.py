"""Figures 2, 4, 5 and 6 on real servers and in the simulation, in numbers: for each unit of JOURNEY_SOAK a few of each."""

import pytest

from tests.laws.cluster import run
from tests.soak.conftest import SOAK

BLOCK = 250
FAULTS = 25
pytestmark = pytest.mark.soak


@pytest.mark.parametrize("first", range(1_000, 1_000 + 1_000 * SOAK, BLOCK))
def test_a_block_of_histories_on_several_workers(first):
    for seed in range(first, first + BLOCK):
        try:
            run(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
