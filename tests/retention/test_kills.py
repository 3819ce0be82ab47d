"""Killed at each of its writes, an expiry has happened or has not: every figure is the same, and again it is finished."""

import shutil

import pytest

from tests.faults.runs import run
from tests.retention.history import BRANDS, lines, load, opened

# On a copy each; those of one line one after the other.
HITS = (
    [("expiry.carry.after", 6), ("expiry.clear.before", 1), ("expiry.clear.after", 1)], [("expiry.enter.before", 1)], [("expiry.enter.after", 1)],
    [("expiry.delete.after", 2), ("expiry.delete.before", 2)], [("expiry.delete.after", 5)], [("expiry.enter.before", 2)],
    [("expiry.enter.before", 3)], [("expiry.delete.after", 12), ("expiry.delete.after", 13)], [("expiry.enter.before", 4)],
)  # fmt: skip
SCORES = ("attention", "attraction", "affinity", "audience", "advocacy")


def assert_same(found, wanted):
    assert found["drift"] == []
    assert found["there"][0]["n"] + found["keys"][0]["n"] == wanted["there"][0]["n"] + wanted["keys"][0]["n"]
    assert len(found["everybody"]) == len(wanted["everybody"]) > 5
    for row, other in zip(found["everybody"], wanted["everybody"], strict=True):
        for name, value in other.items():
            if name in SCORES and value is not None:
                assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9)
            elif name != "lapses_at":
                assert row[name] == value


def test_killed_at_each_of_its_writes_all_figures_stay_and_again_it_is_finished(tmp_path):
    whole = tmp_path / "whole"
    with opened(whole) as embedded:
        load(embedded, lines(people=4, days=100))
    wanted = run("look", whole)
    assert wanted["keys"] == [{"n": 0}]
    for number, hits in enumerate(HITS):
        data = shutil.copytree(whole, tmp_path / str(number), symlinks=True)
        for hit in hits:
            # The second of a line strikes at the opening, which finishes what the first has left.
            assert run("expire", data, brands=list(BRANDS), arm=hit) is None, f"{hit} was not passed"
        assert_same(run("look", data), wanted)
    done = run("expire", data, brands=list(BRANDS))
    assert_same(done, wanted)
    assert done["there"][0]["n"] < wanted["there"][0]["n"]
    assert run("let_go", data, arm=("erasure.delete.after", 3)) is None
    found = run("look", data)
    assert (found["drift"], found["left"]) == ([], [{"n": 0}])
    assert len(found["everybody"]) < len(wanted["everybody"])
