"""Killed at each of its writes, an expiry has happened or has not: every figure is the same, and again it is finished."""

import pytest

from tests.faults.runs import run
from tests.retention.history import BRANDS, lines, load, opened

HITS = (
    ("retention.set.after", 1), ("expiry.carry.before", 1), ("expiry.carry.after", 6), ("expiry.enter.before", 1),
    ("expiry.enter.after", 1), ("expiry.delete.before", 2), ("expiry.delete.after", 2), ("expiry.delete.after", 5), ("expiry.free.after", 1),
    ("expiry.enter.before", 2), ("expiry.enter.after", 2), ("expiry.clear.before", 1), ("expiry.clear.after", 1),
)  # fmt: skip
SCORES = ("attention", "attraction", "affinity", "audience", "advocacy")


def assert_same(found, wanted):
    assert found["drift"] == []
    assert found["there"][0]["n"] + found["keys"][0]["n"] == wanted["there"][0]["n"] + wanted["keys"][0]["n"]
    assert len(found["everybody"]) == len(wanted["everybody"]) > 20
    for row, other in zip(found["everybody"], wanted["everybody"], strict=True):
        for name, value in other.items():
            if name in SCORES and value is not None:
                assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9)
            elif name != "lapses_at":
                assert row[name] == value


def test_killed_at_each_of_its_writes_all_figures_stay_and_again_it_is_finished(tmp_path):
    data = tmp_path / "data"
    with opened(data) as embedded:
        load(embedded, lines(people=6))
    wanted = run("look", data)
    assert wanted["keys"] == [{"n": 0}]
    passed = [
        hit
        for hit in HITS
        if run("expire", data, brands=list(BRANDS), arm=hit) is None and _looked(data, wanted)
    ]
    assert {name for name, _ in passed} >= {name for name, _ in HITS} - {"expiry.clear.after"}
    done = run("expire", data, brands=list(BRANDS))
    assert_same(done, wanted)
    assert done["there"][0]["n"] < wanted["there"][0]["n"]


def _looked(data, wanted) -> bool:
    assert_same(run("look", data), wanted)
    return True
