"""What one brand, one event or one clock does to alerts does not stop those of others."""

import pytest

from streams.alerts.backtest import backtest
from streams.alerts.brand_detectors import BrandDetectors
from streams.alerts.counts import Signal
from streams.alerts.delivery.deliverer import Deliverer
from streams.alerts.loop import AlertLoop
from streams.alerts.watcher import Watcher
from streams.clock import from_us
from streams.process.degraded import Degraded
from streams.store.clickhouse import QueryError
from tests.alerts.world import MINUTE_US, START_US

HOUR_US, DAY_US = 60 * MINUTE_US, 1440 * MINUTE_US
OLD_US = (-1_000_000, -2_208_988_800_000_000, -60_000_001, 0)  # a second before 1970, 1900, …


def watching(world, told, *, steady=None, **more):
    """Return a watching whose clock is `told[0]` of the world's time, in microseconds."""
    return AlertLoop(
        world.store, world.ledger, Deliverer([]), clock=lambda: world.now_us + told[0], steady=steady, **more
    )


@pytest.mark.parametrize(
    "at_us", [*OLD_US[:2], *(pytest.param(at_us, marks=pytest.mark.soak) for at_us in OLD_US[2:])]
)
def test_a_brand_with_an_event_of_long_ago_is_watched_like_every_other(world, at_us):
    assert world.poll() == []
    world.touch((at_us, 1), kind="web.page_view", of="beta")
    world.watcher = world.fresh()
    assert world.poll() == []
    world.burst(12, content="movie")
    world.burst(12, first=100, content="book", of="beta")
    assert world.poll() == ["opened", "opened"]
    assert world.poll() == []


def test_old_praise_is_counted_in_its_minute_and_backtested(world):
    for place, at_us in enumerate(OLD_US):
        world.touch(*((at_us, 100 * place + n) for n in range(1, 13)), content="telegram")
    counts = Signal(world.store).counts(-(10**10), 10**10)
    assert sorted(counts["acme", "for"]) == [-2 * MINUTE_US, -MINUTE_US, 0]
    assert {people[("brand", "")] for people in counts["acme", "for"].values()} == {12}
    first = min(Signal(world.store).counts(-2_208_988_800_000_000, -2_208_900_000_000_000)["acme", "for"])
    assert first == -2_208_988_800_000_000
    world.touch(*((-DAY_US, n) for n in range(1, 13)), content="telegram")  # after seventy years of nothing
    found = backtest(world.store, "acme", (-2_208_988_800_000_000, world.now_us))
    assert [from_us(alert.since_us).year for alert in found.raised] == [1969, 1969], "a day apart"
    assert found.raised[0].open is False
    whole = backtest(world.store, "acme", (START_US - HOUR_US, START_US + 10**6 * HOUR_US))
    assert whole.changes == [], "a period without an end costs what there is in it"


def test_the_view_has_old_praise_in_the_minutes_that_alerts_count(world):
    for place, at_us in enumerate(OLD_US):
        world.touch(*((at_us, 100 * place + n) for n in range(1, 13)), content="telegram")
    rows = world.store.query(
        "SELECT toInt64(toUnixTimestamp64Second(minute)) * 1000000 AS at, people FROM advocates_by_minute("
        "model = (SELECT model FROM model_in_force), since = '1900-01-01 00:00:00', until = '1971-01-01 00:00:00')"
        " WHERE kind = 'brand' AND direction = 'for'",
        {},
    )
    counts = Signal(world.store).counts(-2_208_988_800_000_000, 10**10)["acme", "for"]
    assert dict(map(tuple, rows)) == {
        at_us: people["brand", ""] for at_us, people in counts.items() if people
    }


class Broken(BrandDetectors):
    """Detectors of which those of one brand fail, as often as they are told to."""

    left = 0

    def close(self, counts, until_us):
        if self.name == "acme" and Broken.left:
            Broken.left -= 1
            raise ZeroDivisionError
        super().close(counts, until_us)


def test_a_brand_whose_detectors_fail_is_said_alone_and_watched_again_after_a_while(world, monkeypatch):
    monkeypatch.setattr("streams.alerts.warm_up.BrandDetectors", Broken)
    world.touch((START_US - 3 * DAY_US, 500), kind="web.page_view", of="beta")
    degraded, told = Degraded(), [0]
    watch = watching(world, told, degraded=degraded)
    Broken.left = 2
    watch.step()
    (said,) = degraded.sentences()
    assert said.startswith("alerts: brand acme is not watched")
    assert "ZeroDivisionError" in said
    world.burst(12, content="book", of="beta")
    world.burst(12, first=100, content="movie")
    told[0] += 2_000_000
    assert [one.change.alert.brand for one in watch.step()] == ["beta"]
    told[0] += 31_000_000
    assert watch.step() == [], "it fails again, and is left alone for longer"
    told[0] += 31_000_000
    assert watch.step() == []
    told[0] += 31_000_000
    assert [one.change.alert.brand for one in watch.step()] == ["acme"]
    assert degraded.sentences() == []


def test_an_alert_whose_reason_cannot_be_had_is_told_without(world, monkeypatch):
    def fails(*_, **__):
        raise QueryError("too much memory")

    monkeypatch.setattr("streams.alerts.reason.touches_of", fails)
    assert world.poll() == []
    world.burst(12, content="movie")
    (told,) = world.watcher.poll(world.now_us)
    assert (told.change.what, told.change.alert.people) == ("opened", 12)
    assert told.reason["curve"]
    assert "carried_by" not in told.reason


def test_a_query_that_one_brand_fails_leaves_the_others_watched(world, monkeypatch):
    world.touch((START_US - 3 * DAY_US, 500), kind="web.page_view", of="beta")
    whole = Signal.counts

    def counts(self, since_us, until_us, brands=None):
        if brands is None or "acme" in brands:
            raise QueryError("a column is broken")
        return whole(self, since_us, until_us, brands)

    monkeypatch.setattr(Signal, "counts", counts)
    assert world.poll() == []
    world.burst(12, content="book", of="beta")
    assert world.poll() == ["opened"]
    assert [brand for brand, _ in world.watcher.troubles()] == ["acme"]


def test_a_clock_that_is_ahead_for_one_look_is_not_believed_and_loses_nothing(world):
    told, seconds = [0], [0.0]
    watch = watching(world, told, steady=lambda: seconds[0], degraded=(degraded := Degraded()))
    watch.step()
    world.burst(12, content="movie")
    told[0], seconds[0] = 2_000_000, 2.0
    assert [one.change.what for one in watch.step()] == ["opened"]
    told[0], seconds[0] = 3_000_000 + 6 * HOUR_US, 3.0
    assert watch.step() == [], "six hours of calm would be over"
    assert degraded.sentences() == ["alerts: the clock is 6.0 h ahead of a moment ago"]
    told[0], seconds[0] = 5_000_000, 5.0
    world.burst(30, first=100, content="movie")
    assert [one.change.what for one in watch.step()] == ["grew"]
    assert degraded.sentences() == []


@pytest.mark.parametrize(
    "back_us",
    [
        90_000_000,
        DAY_US,
        *(pytest.param(us, marks=pytest.mark.soak) for us in (20 * MINUTE_US, 6 * HOUR_US)),
    ],
)
def test_after_a_clock_that_was_ahead_went_back_minutes_are_looked_at_again(world, back_us):
    told, seconds = [back_us], [0.0]
    watch = watching(world, told, steady=lambda: seconds[0])
    for _ in range(3):
        watch.step()
        told[0], seconds[0] = told[0] + 2_000_000, seconds[0] + 2
    told[0] -= back_us
    assert watch.step() == []
    assert watch.state.blind_s == 0
    world.burst(12, content="movie")
    told[0], seconds[0] = told[0] + 2_000_000, seconds[0] + 2
    assert [one.change.what for one in watch.step()] == ["opened"]


def test_a_clock_that_stays_ahead_is_believed_after_a_minute(world):
    told, seconds = [0], [0.0]
    watch = watching(world, told, steady=lambda: seconds[0])
    watch.step()
    told[0] = 6 * HOUR_US
    for _ in range(21):
        told[0], seconds[0] = told[0] + 3_000_000, seconds[0] + 3
        watch.step()
    world.touch(*((world.now_us + told[0], n) for n in range(1, 13)), content="movie")
    told[0], seconds[0] = told[0] + 1_000_000, seconds[0] + 1
    assert [one.change.what for one in watch.step()] == ["opened"]


def test_an_acknowledgement_after_the_clock_went_back_is_seen(world):
    assert world.poll() == []
    world.burst(12, content="movie")
    (told,) = world.watcher.poll(world.now_us)
    from streams.alerts import actions  # noqa: PLC0415 - of this test alone

    actions.silence(
        world.ledger, "ada", world.now_us + DAY_US, span=from_us(60_000_000) - from_us(0), value="no"
    )
    assert world.poll() == []
    actions.ack(world.ledger, told.change.alert.id, "ada", world.now_us)
    assert world.poll() == ["acknowledged"]


@pytest.mark.parametrize("order", ["history first", "live first"])
def test_history_is_fed_in_whatever_order_it_comes(world, order):
    seconds = [0.0]
    world.watcher = Watcher(world.store, world.ledger, steady=lambda: seconds[0])
    assert world.poll() == []

    def history():
        minutes = range(20, 20 * 1440, 97)
        world.touch(*((world.now_us - n * MINUTE_US, 3_000 + n) for n in minutes), content="old", of="new")

    if order == "history first":
        history()
    world.touch((world.now_us, 2_000), content="first", of="new")
    assert world.poll() == []
    if order == "live first":
        history()
    for _ in range(6):
        seconds[0] += 6
        world.now_us += 6_000_000
        assert world.poll() == []
    world.burst(12, content="movie", of="new")
    assert world.poll() == ["opened"]


def test_a_load_that_goes_on_feeds_a_brand_again_seldom(world, monkeypatch):
    seconds, fed = [0.0], []
    world.watcher = watcher = Watcher(world.store, world.ledger, steady=lambda: seconds[0])
    world.poll()
    monkeypatch.setattr(watcher._feeding, "ask", lambda brand, _: fed.append((brand, seconds[0])))
    for hour in range(20):  # of history, each twelve seconds one: four minutes in all
        at_us = world.now_us - (70 + hour) * HOUR_US
        world.touch(*((at_us + n * MINUTE_US, 9_000 + n) for n in range(40)), kind="web.page_view")
        seconds[0] += 12
        watcher.look(world.now_us)
    assert 1 <= len(fed) <= 3, fed
    seconds[0] += 600
    watcher.look(world.now_us)
    seconds[0] += 10
    watcher.look(world.now_us)
    assert fed[-1] >= ("acme", 840.0), "what came last is fed too"
