"""Figures 1 and 3 in numbers: for each unit of JOURNEY_SOAK a hundred kills at random times, and one at every point."""

from random import Random

import pytest

from tests.faults.comparison import assert_same
from tests.faults.runs import history, kill_at_each, kill_at_random, run
from tests.faults.test_kills import LOADING, assert_audit, both_sides
from tests.soak.conftest import SOAK

KILLS = 25
pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("input") / "events.ndjson"
    path.write_bytes(history(240))
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, file):
    return run("load", tmp_path_factory.mktemp("undisturbed") / "data", input=file)


@pytest.mark.parametrize("seed", range(2, 2 + 4 * SOAK))
def test_under_kills_at_random_times_nothing_acknowledged_is_lost_doubled_or_made_up(seed, tmp_path):
    assert_audit(kill_at_random(seed, KILLS, tmp_path / "data"))


@pytest.mark.parametrize("seed", range(SOAK))
def test_killed_at_every_write_of_loading_in_any_order_it_ends_as_if_nothing_had_happened(
    seed, tmp_path, file, undisturbed
):
    random = Random(seed)
    chain = [(point, random.randint(1, 3)) for point in both_sides(LOADING)]
    random.shuffle(chain)
    assert_same(kill_at_each(chain, tmp_path / "data", file), undisturbed)
