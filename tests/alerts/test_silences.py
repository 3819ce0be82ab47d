"""What receivers learn when a silence ends: how alerts stand, where they do not know, and nothing else."""

from datetime import timedelta

from streams.alerts import actions
from streams.alerts.delivery.message import document, headline
from tests.alerts.delivering import hook
from tests.alerts.world import MINUTE_US

RECEIVER = hook("http://127.0.0.1:9/")


def silence(world, minutes):
    actions.silence(world.ledger, "ada", world.now_us, span=timedelta(minutes=minutes), brand="acme")


def received(world, minutes=0, step=1):
    """Return what a receiver is told in some minutes, looked at every `step`; without any, a second later."""
    told = []
    for _ in range(max(1, minutes // step)):
        world.now_us += step * MINUTE_US if minutes else 1_000_000
        told += [one for one in world.watcher.poll(world.now_us) if RECEIVER.wants(one)]
    return told


def test_an_alert_that_opened_in_a_silence_is_told_once_when_it_ends(world):
    world.poll()
    silence(world, 10)
    world.burst(12, content="movie")
    assert received(world, 9) == []
    world.watcher = world.fresh()
    (told,) = received(world, 2)
    assert told.change.what == "opened"
    assert headline(told).startswith("was silenced: 12 people recommend acme (content movie)")
    said = document(told)["data"]
    assert (said["was_silenced"], said["people"], said["state"]) == (True, 12, "open")
    assert said["reason"]["carried_by"]
    world.watcher = world.fresh()
    assert received(world, 10) == []
    (over,) = received(world, 40, step=4)
    assert over.change.what == "resolved"
    assert over.change.alert.id == told.change.alert.id
    assert not headline(over).startswith("was silenced")


def test_of_an_alert_that_opened_and_ended_in_a_silence_nothing_is_told(world):
    world.poll()
    silence(world, 90)
    world.burst(12, content="movie")
    assert received(world, 120, step=6) == []
    assert [told.change.what for told in world.ledger.changes()] == ["opened", "resolved"]


def test_an_alert_that_ends_after_its_silence_without_having_been_told_has_no_over(world):
    world.poll()
    silence(world, 120)
    world.burst(12, content="movie")
    assert received(world, 20, step=4) == []
    world.now_us += 150 * MINUTE_US  # nobody watched when it ended, nor when the silence did
    world.watcher = world.fresh()
    told = [one.change.what for one in received(world, 3)]
    assert told in ([], ["opened", "resolved"]), "as pairs, or not at all"


def test_what_became_of_an_alert_in_a_silence_is_told_when_it_ends(world):
    world.poll()
    world.burst(12, content="movie")
    assert [one.change.what for one in received(world)] == ["opened"]
    silence(world, 5)
    world.burst(40, first=100, content="movie")
    assert received(world, 4) == []
    (grown,) = received(world, 2)
    assert (grown.change.what, grown.change.alert.severity) == ("grew", "warning")
    silence(world, 120)
    assert received(world, 119, step=7) == []
    (over,) = received(world, 3)
    assert (over.change.what, over.change.alert.open) == ("resolved", False)
    assert received(world, 5) == []
