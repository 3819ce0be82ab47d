"""The oracle tested: every bug that is planted in a view makes a difference among few histories, and without one there is none."""

from contextlib import contextmanager

import pytest

from streams.clock import system_clock
from tests.histories.answers import answers
from tests.histories.block import Block, loaded
from tests.histories.planted import IN_VIEWS

SEEDS = range(64)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An engine with histories, and what to ask of it."""
    block = Block(SEEDS)
    with loaded(block, tmp_path_factory.mktemp("whole") / "data", at_once=True) as engine:
        yield lambda: list(block.differences(answers(engine.store, block.instants[:1], system_clock))), engine


@contextmanager
def spoiled(engine, name, old, new):
    """Have a view with another text for a while."""
    (row,) = engine.store.rows(f"SHOW CREATE VIEW {name}")
    text = next(iter(row.values())).replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
    assert old in text, text
    engine.store.client.command(text.replace(old, new))
    yield
    engine.store.client.command(text)


@pytest.mark.parametrize("name", IN_VIEWS)
def test_a_bug_that_is_planted_in_a_view_makes_a_difference(name, whole):
    differences, engine = whole
    with spoiled(engine, *IN_VIEWS[name]):
        assert differences() != []


def test_without_a_bug_there_is_no_difference(whole):
    differences, _ = whole
    assert differences() == []
