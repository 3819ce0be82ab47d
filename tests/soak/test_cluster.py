"""Figures 2, 4, 5 and 6 on real servers and in the simulation, in numbers: for each unit of JOURNEY_SOAK a few of each."""

from random import Random

import pytest

from tests.laws.workers import run
from tests.soak.blocks import blocks, run_each
from tests.soak.conftest import SOAK

FAULTS = 25
pytestmark = pytest.mark.soak


@blocks
def test_a_block_of_histories_on_several_workers(first):
    run_each(first, run)


@pytest.mark.parametrize("seed", range(2, 2 + 4 * SOAK))
def test_under_many_faults_nothing_acknowledged_is_lost_doubled_or_made_up(
    own_kafka, own_clickhouse, tmp_path, seed
):
    from tests.real_workers.test_failures import under_faults  # noqa: PLC0415 - with Kafka's client

    under_faults(seed, FAULTS, own_kafka(), own_clickhouse(), tmp_path)


@pytest.mark.parametrize("seed", range(2, 2 + 4 * SOAK))
def test_workers_who_come_and_go_leave_nothing_out_and_do_nothing_twice(deploy, tmp_path, seed):
    from tests.real_workers.test_rebalances import come_and_go  # noqa: PLC0415

    come_and_go(deploy(partitions=4, JOURNEY_BATCH_SECONDS="0.01"), tmp_path, seed)


@pytest.mark.parametrize("seed", range(2, 2 + 4 * SOAK))
def test_workers_evicted_while_their_first_records_come_are_up_to_date_in_the_end(deploy, tmp_path, seed):
    from tests.real_workers.test_rebalances import evicted  # noqa: PLC0415

    evicted(deploy(partitions=3), tmp_path, seed)


@pytest.mark.parametrize("seed", range(2, 2 + 4 * SOAK))
def test_workers_that_stood_still_at_writes_in_any_order_add_nothing_when_they_go_on(deploy, tmp_path, seed):
    from tests.real_workers.test_zombies import CHAINS, stand_still_and_go_on  # noqa: PLC0415

    points = [point for chain in CHAINS for point in chain]
    stand_still_and_go_on(deploy(partitions=3), tmp_path, Random(seed).sample(points, 5), seed)


@pytest.mark.parametrize("seed", range(2, 2 + 4 * SOAK))
def test_requests_and_answers_that_get_lost_at_random_change_nothing(deploy, tmp_path, seed):
    from tests.real_workers.test_ambiguous import lost_at_random  # noqa: PLC0415

    there = deploy(partitions=4, JOURNEY_BATCH_SECONDS="0.01")
    lost_at_random(there, tmp_path, seed, customers=60, share=0.3, at_once=5)
