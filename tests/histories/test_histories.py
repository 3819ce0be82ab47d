"""Adversarial histories in data directories: every answer is the oracle's (law 1 to 3, 6, 8 and 9), and `verify` is clean."""

from tests.histories.block import Block, embedded

SEEDS = range(200)


def test_every_answer_about_adversarial_histories_is_the_oracles(tmp_path):
    result = embedded(Block(SEEDS), tmp_path / "data")
    assert result.differences == []
    assert result.lines > result.stored > 0
