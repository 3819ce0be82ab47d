"""All interactions in slices: each exactly once, whatever brands, days and sizes there are, and few statements for many brands."""

import json
from itertools import pairwise

import pytest

from streams.store.slices import interactions
from tests.cli.conftest import event
from tests.faults.child import NOW_US
from tests.faults.lost import opened


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    brands = ["acme"] * 7 + ["Acme", "b\\'`", "zebra", "zebra", "\u00e9clair", "\U0001f3ac", "a", "ab"]
    days = ["1900-01-01", "1969-12-31", "1970-01-01", "2026-05-20", "2026-05-21"]
    events = [
        event(
            f"{number}-{day}",
            "web.page_view",
            f"{day}T23:59:59Z",
            handles={"cookie": f"c{number}"},
            brand=brand,
        )
        for number, brand in enumerate(brands)
        for day in days
    ]
    with opened(tmp_path_factory.mktemp("slices") / "data") as embedded:
        lines = [json.dumps(each).encode() for each in events]
        embedded.load([embedded.edge().pack(lines, topic="t", now_us=NOW_US)])
        yield embedded


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 20, 1_000])
def test_each_interaction_is_in_one_slice(embedded, rows):
    parts = [part.column("id").to_pylist() for part in interactions(embedded.store, "id", rows)]
    ids = [each for part in parts for each in part]
    assert (
        len(ids)
        == len(set(ids))
        == embedded.store.rows("SELECT count() AS n FROM interactions")[0]["n"]
        == 75
    )
    if rows > 7:  # the most of one brand and day: none of these is cut
        assert max(map(len, parts)) <= rows
        assert all(len(one) + len(other) > rows / 2 for one, other in pairwise(parts))


def test_many_small_brands_take_one_statement(embedded):
    assert len(list(interactions(embedded.store, "id", 1_000))) == 1
