"""What somebody has taken back is no recommendation, and taking an attack back is none either."""

import random

import pytest

from journey.alerts import Scope
from streams.alerts.counts import Signal
from tests.alerts.world import MINUTE_US, World

PAIRS = {"social.share": "social.unshare", "web.review": "web.unreview", "social.user_content": "social.withdrawn_content"}  # fmt: skip
BACK = {back: kind for kind, back in PAIRS.items()}


@pytest.fixture(scope="module")
def world(clickhouse):
    world = World(clickhouse.database_with_tables())
    yield world
    world.store.close()


def people(world, brand, direction, content):
    since, until = world.now_us - 30 * MINUTE_US, world.now_us + 30 * MINUTE_US
    return Signal(world.store).people((brand, direction), Scope("content", content), since, until)


@pytest.mark.parametrize(
    ("kind", "back", "rating", "direction"),
    [
        ("social.share", "social.unshare", None, "for"),
        ("web.review", "web.unreview", 5.0, "for"),
        ("web.review", "web.unreview", 1.0, "against"),
        ("store.user_content", "store.withdrawn_content", None, "for"),
    ],
)
def test_an_undo_leaves_the_count_as_it_was_and_is_no_touch_itself(world, kind, back, rating, direction):
    content = f"{kind} {rating}"
    world.burst(12, kind=kind, rating=rating, content=content)
    assert people(world, "acme", direction, content) == 12
    world.burst(8, kind=back, rating=rating, content=content)
    assert people(world, "acme", direction, content) == 4
    other = "against" if direction == "for" else "for"
    assert people(world, "acme", other, content) == 0


def test_a_wave_of_undos_is_no_alert(world):
    assert world.poll() == []
    world.burst(30, first=500, kind="social.unshare", content="old")
    world.burst(30, first=500, kind="web.unreview", rating=1.0, content="old")
    assert world.poll() == []


def test_an_undo_takes_back_the_latest_that_stands_whatever_the_order_of_arrival(world):
    rng, expected, rows = random.Random(4), dict.fromkeys(PAIRS, 0), []
    for handle in range(20_000, 20_300):
        for kind, back in PAIRS.items():
            standing = 0
            for second in range(rng.randrange(5)):
                done = rng.choice([kind, kind, back])
                standing = standing + 1 if done == kind else max(0, standing - 1)
                rows.append((world.now_us + second * 1_000_000, handle, done))
            expected[kind] += standing > 0
    rng.shuffle(rows)
    for kind in (*PAIRS, *BACK):
        of = [(at_us, handle) for at_us, handle, done in rows if done == kind]
        world.touch(*of, kind=kind, rating=5.0, content=f"law {BACK.get(kind, kind)}")
    for kind, count in expected.items():
        assert people(world, "acme", "for", f"law {kind}") == count
        assert people(world, "acme", "against", f"law {kind}") == 0
