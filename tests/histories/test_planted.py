"""The oracle tested: every bug that is planted in the engine makes a difference among few histories."""

import pytest

from streams.clock import system_clock
from tests.histories.answers import answers
from tests.histories.block import Block, loaded
from tests.histories.planted import IN_ENGINE

SEEDS = range(40)


@pytest.mark.parametrize("name", IN_ENGINE)
def test_a_bug_that_is_planted_in_the_engine_makes_a_difference(name, monkeypatch, tmp_path):
    IN_ENGINE[name](monkeypatch)
    block = Block(SEEDS)
    with loaded(block, tmp_path / "data", at_once=True) as engine:
        assert list(block.differences(answers(engine.store, block.instants[:1], system_clock))) != []
