"""From stored interactions to stored alerts, on a real server."""

from contextlib import closing
from datetime import timedelta

import pytest

from streams.alerts import actions
from streams.alerts.actions import AlertError
from streams.alerts.backtest import backtest
from streams.alerts.delivery.deliverer import Deliverer
from streams.alerts.delivery.message import text
from streams.alerts.leader import Leader
from streams.alerts.ledger import Ledger
from streams.alerts.loop import AlertLoop
from streams.analysis.share_chain import Window, leading
from streams.clock import from_us
from streams.erasure.statements import WHOLLY
from streams.fencing.port import FencedError
from streams.store.clickhouse import ClickHouse
from tests.alerts.world import MINUTE_US


def test_many_people_raise_one_alert_with_its_reason(world):
    assert world.poll() == []
    world.burst(12, content="movie", place="rex")
    assert world.poll() == ["opened"]
    (found,) = actions.listed(world.ledger)
    assert (found["kind"], found["value"], found["people"]) == ("content", "movie", 12)
    why = actions.shown(world.ledger, found["alert"])["reason"]
    assert {"kind": "place", "value": "rex", "people": 12} in why["carried_by"]
    assert why["new_customers"] == 1
    assert why["stages_before"] == {"none": 12}
    assert len(why["examples"]) == 3
    rows = world.store.query(why["sql"], {})
    assert len(rows) == len({customer for _, customer, *_ in rows}) == 12
    assert world.poll() == []
    assert world.pass_minutes(120) == ["resolved"]
    assert actions.listed(world.ledger) == []


def test_an_alert_of_attacks_says_what_they_complain_of(world):
    world.poll()
    late, cold = ('{"reason": "late delivery"}', '{"reason": "cold food", "order": 7}')
    world.burst(9, sentiment=-0.9, properties=late)
    world.burst(4, first=50, sentiment=-0.9, properties=cold)
    assert world.poll() == ["opened"]
    (told,) = world.ledger.changes()
    assert told.change.alert.direction == "against"
    assert {"kind": "reason", "value": "late delivery", "people": 9} in told.reason["carried_by"]
    assert "reason late delivery (9)" in text(told)


def test_one_person_who_posts_fifty_times_raises_nothing(world):
    world.poll()
    world.touch(*((world.now_us - n * 5_000_000, 77) for n in range(50)), content="spam")
    assert world.poll() == []
    assert world.pass_minutes(30) == []


def test_an_alert_names_the_chain_by_which_most_came(world):
    world.poll()
    world.touch((world.now_us, 900), content="movie", id="first-share", cause="")
    world.burst(9, content="movie", id="", cause="first-share")
    world.burst(3, first=50, content="movie")
    assert world.poll() == ["opened"]
    (told,) = world.ledger.changes()
    chain = told.reason["cascade"]
    assert (chain["type"], chain["content"], chain["people"], chain["of"]) == (
        "social.share",
        "movie",
        10,
        13,
    )
    assert (
        f"Share chain: 10 of 13 people, from a social.share of movie (journey cascades show {chain['root']})"
        in text(told)
    )
    assert "first-share" not in str(told.reason)

    window = Window("acme", from_us(world.now_us), from_us(world.now_us + MINUTE_US))
    with closing(Forgetful(world.dsn)) as store:
        found = leading(store, window)
    assert (found.root_id, found.advocates, found.type) == ("first-share", 10, "")


class Forgetful(ClickHouse):
    """A store from which the start of a chain is erased just before it is looked up."""

    def query(self, sql, parameters, settings=None):
        if "SELECT type, content FROM interactions" in sql:
            self.client.command("ALTER TABLE interactions DELETE WHERE id = 'first-share'", settings=WHOLLY)
        return super().query(sql, parameters, settings)


def test_handles_of_one_customer_count_once_and_apart_when_they_are_parted(world):
    world.poll()
    world.name(dict.fromkeys(range(1, 13), 1))
    world.touch(*((world.now_us, handle) for handle in range(1, 13)), content="movie")
    world.name(dict.fromkeys(range(1, 13), 1))
    assert world.poll() == []
    world.name({handle: handle for handle in range(1, 13)})
    assert world.poll() == ["opened"]


def test_praise_and_attacks_are_alerts_of_their_own(world):
    world.poll()
    world.burst(12, kind="web.review", rating=5.0, content="praise")
    world.burst(12, first=100, kind="web.review", rating=1.0, content="attack")
    assert world.poll() == ["opened", "opened"]
    assert {(one["direction"], one["value"]) for one in actions.listed(world.ledger)} == {
        ("for", "praise"),
        ("against", "attack"),
    }


def test_events_that_come_late_count_where_they_belong(world):
    world.poll()
    world.now_us += 8 * MINUTE_US
    world.poll()
    world.touch(*((world.now_us - 7 * MINUTE_US, n) for n in range(1, 13)), content="movie")
    assert world.poll() == ["opened"]


def test_a_watcher_that_starts_again_raises_nothing_twice_and_goes_on(world):
    world.poll()
    world.burst(12, content="movie")
    assert world.poll() == ["opened"]
    world.watcher = world.fresh()
    assert world.poll() == []
    world.now_us += 12 * MINUTE_US
    world.watcher = world.fresh()
    assert world.poll() == []
    world.burst(30, first=100, content="movie")
    assert world.poll() == ["grew"]
    world.watcher = world.fresh()
    assert world.pass_minutes(120) == ["resolved"]
    world.watcher = world.fresh()
    assert world.poll() == []
    assert [told.sequence for told in world.ledger.changes()] == [1, 2, 3]


def test_what_happened_while_nobody_watched_is_raised_by_the_next(world):
    world.burst(12, content="movie")
    world.now_us += 20 * MINUTE_US
    assert world.poll() == ["opened"]


def test_an_alert_is_taken_on_and_a_silence_keeps_changes_from_receivers(world):
    world.poll()
    actions.silence(world.ledger, "ada", world.now_us, span=timedelta(hours=1), brand="acme")
    world.burst(12, content="movie")
    assert world.poll() == ["opened"]
    assert actions.listed(world.ledger)[0]["silenced"]
    alert = actions.listed(world.ledger)[0]["alert"]
    actions.ack(world.ledger, alert[:6], "ada", world.now_us)
    assert world.poll() == ["acknowledged"]
    assert world.poll() == []
    assert actions.listed(world.ledger)[0]["acknowledged_by"] == "ada"
    with pytest.raises(AlertError, match="no alerts have an id"):
        actions.ack(world.ledger, "zz", "ada", world.now_us)


def test_the_second_watcher_takes_the_lead_and_the_first_writes_nothing_more(world):
    first = Leader(world.store)
    one = AlertLoop(
        world.store,
        Ledger(world.store, first.insert),
        Deliverer([]),
        clock=lambda: world.now_us,
        check=first.check,
    )
    assert one.step() == []
    second = Leader(world.store)
    world.burst(12, content="movie")
    with pytest.raises(FencedError):
        one._watcher.poll(world.now_us)
    assert world.ledger.changes() == []
    world.now_us += MINUTE_US
    with pytest.raises(FencedError):
        one.step()
    other = AlertLoop(
        world.store,
        Ledger(world.store, second.insert),
        Deliverer([]),
        clock=lambda: world.now_us,
        check=second.check,
    )
    assert [told.change.what for told in other.step()] == ["opened"]


def test_no_handle_stands_in_what_is_sent(world):
    world.poll()
    world.burst(12, first=123_456_789_000, content="movie")
    (told,) = world.watcher.poll(world.now_us)
    assert "123456789" not in str(told)


def test_a_backtest_over_history_lists_what_a_watcher_would_have_raised(world):
    began = world.now_us
    world.burst(12, content="movie")
    world.now_us += 180 * MINUTE_US
    found = backtest(world.store, "acme", (began - 60 * MINUTE_US, world.now_us))
    assert [change.what for change in found.changes] == ["opened", "resolved"]
    (alert,) = found.raised
    assert (alert.direction, alert.scope, alert.people) == ("for", ("content", "movie"), 12)
    assert backtest(world.store, "acme", (began + 90 * MINUTE_US, world.now_us)).changes == []
    assert backtest(world.store, "nobody", (began, world.now_us)).changes == []
