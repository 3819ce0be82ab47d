"""Figure 6 in numbers."""

import pytest

from tests.laws.simulation import run, run_in_another_order
from tests.soak.blocks import blocks, run_each

pytestmark = pytest.mark.soak


@blocks
def test_a_block_of_histories_under_faults_and_in_another_order(first):
    run_each(first, run, run_in_another_order)
