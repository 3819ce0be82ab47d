"""Figure 6 in numbers: a thousand seeds for each unit of JOURNEY_SOAK, none of them one of `make test`."""

import pytest

from tests.laws.simulation import run, run_in_another_order
from tests.soak.conftest import SOAK

BLOCK = 250
pytestmark = pytest.mark.soak


@pytest.mark.parametrize("first", range(1_000, 1_000 + 1_000 * SOAK, BLOCK))
def test_a_block_of_histories_under_faults_and_in_another_order(first):
    for seed in range(first, first + BLOCK):
        try:
            run(seed)
            run_in_another_order(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
