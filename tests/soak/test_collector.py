"""The collector in numbers: for each unit of JOURNEY_SOAK a thousand malformed bodies and answers cut off, ten kills."""

from collections import Counter

import pytest

from tests.collector.conftest import collect  # noqa: F401 — the fixture
from tests.collector.test_ambiguous import cut_off
from tests.collector.test_crash import assert_stored_once, kill_under_load
from tests.collector.test_fuzz import press
from tests.fixtures.servers.process import memory_mb
from tests.soak.conftest import SOAK

pytestmark = pytest.mark.soak
PART = 1_000


def test_malformed_bodies_break_nothing_and_lose_no_good_event(collect):  # noqa: F811 — as above
    collector = collect()
    key = collector.key("fuzz")
    collector.start()
    good: list[str] = []
    statuses, items = Counter[int](), Counter[str]()
    for part in range(SOAK):
        answers, accepted, told = press(collector, key, PART, seed=100 + part, name=f"good-{part}")
        good += accepted
        statuses += answers
        items += told
        if part == 0:
            warm_mb = memory_mb(collector.pid)
    end_mb = memory_mb(collector.pid)
    print(
        f"{statuses.total():,} bodies: {dict(statuses)}; items {dict(items)}; {warm_mb:.0f} to {end_mb:.0f} MB"
    )
    assert end_mb - warm_mb < 400
    assert "Traceback" not in collector.log
    assert collector.stop() == 0
    stored = {
        row["id"] for row in collector.rows("SELECT id FROM interactions WHERE startsWith(id, 'good-')")
    }
    assert stored >= set(good)


@pytest.mark.parametrize("command", ["up", "collector"])
@pytest.mark.parametrize("seed", range(2, 2 + SOAK))
def test_whatever_was_acknowledged_before_a_kill_is_stored_once(collect, seed, command):  # noqa: F811 — as above
    collector = collect(command)
    assert_stored_once(collector, kill_under_load(collector, kills=10, seed=seed))


def test_whatever_is_sent_until_it_is_answered_is_stored_once(collect):  # noqa: F811 — as above
    cut_off(collect(), PART * SOAK, seed=2)
