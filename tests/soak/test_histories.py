"""Adversarial histories in numbers: a thousand for each unit of JOURNEY_SOAK in data directories, a hundred on real workers."""

import pytest

from tests.histories.block import Block, embedded
from tests.soak.blocks import BLOCK, blocks
from tests.soak.conftest import SOAK

pytestmark = pytest.mark.soak


@blocks
def test_every_answer_about_a_block_of_adversarial_histories_is_the_oracles(first, tmp_path):
    result = embedded(Block(range(first, first + BLOCK)), tmp_path / "data")
    print(f"seeds from {first}: {result.lines:,} lines, {result.stored:,} events stored")
    assert result.differences == []


@pytest.mark.parametrize("first", range(1_000, 1_000 + 100 * SOAK, 100))
def test_every_answer_of_real_workers_about_a_hundred_adversarial_histories_is_the_oracles(deploy, first):
    from tests.real_workers.test_histories import come_and_go  # noqa: PLC0415 - with Kafka's client

    come_and_go(deploy(partitions=4, JOURNEY_BATCH_SECONDS="0.01"), range(first, first + 100))
