"""One alert for one event in the world, from counts alone."""

import random
from datetime import timedelta

import pytest

from journey.alerts import BRAND, MINUTE_US, AlertPolicy, BrandWatch, Look, Scope, acknowledged, advance

DAY = 1440
START = 1_780_272_000_000_000
PLACE, OTHER, POST = Scope("place", "rex"), Scope("place", "odeon"), Scope("content", "post")


class World:
    """A brand whose counts are told; feeds two days of quiet first."""

    def __init__(self, policy=AlertPolicy(), rate=0.3, seed=1):  # noqa: B008 - frozen
        self.policy, self.watch, self.rng = policy, BrandWatch(policy), random.Random(seed)
        self.rate, self.at_us, self.alert, self.changes = rate, START, None, []
        self.log = []  # (minute, counts)
        for _ in range(2 * DAY):
            self.minute({BRAND: self.quiet()})

    def quiet(self):
        return sum(self.rng.random() < self.rate / 10 for _ in range(10))

    def minute(self, counts):
        self.log.append((self.at_us, counts))
        sights = self.watch.close(self.at_us, counts)
        self.at_us += MINUTE_US
        return self.look(sights)

    def people(self, scope, since_us):
        return sum(counts.get(scope, 0) for at, counts in self.log if at >= since_us)

    def look(self, sights):
        look = Look("acme", "for", self.watch, sights, self.people, self.at_us)
        self.alert, change = advance(self.alert, look, self.policy)
        if change is not None:
            self.changes.append((change.what, change.alert.scope, change.alert.people))
        return change

    def burst(self, *scopes, people=15, minutes=4):
        for _ in range(minutes):
            counts = dict.fromkeys(scopes, people) | {
                BRAND: people * max(1, len(set(scopes) & {PLACE, OTHER}))
            }
            self.minute(counts)

    def calm(self, minutes):
        for _ in range(minutes):
            self.minute({BRAND: self.quiet()})

    @property
    def said(self):
        return [what for what, _, _ in self.changes]


def test_a_burst_is_one_alert_that_opens_grows_and_is_resolved():
    world = World()
    assert world.changes == []
    world.burst(PLACE)
    world.calm(180)
    assert world.said[0] == "opened"
    assert world.said[-1] == "resolved"
    assert set(world.said[1:-1]) <= {"grew"}
    assert not world.alert.open
    assert world.alert.severity == "warning"


def test_brand_and_place_of_one_burst_are_one_alert_with_the_narrowest_scope_that_explains_it():
    world = World()
    world.burst(PLACE, POST)
    assert {scope for _, scope, _ in world.changes} == {POST}
    wide = World()
    wide.burst(PLACE, OTHER)
    assert wide.changes
    assert wide.changes[-1][1] == BRAND
    assert wide.said.count("opened") == 1


def test_fewer_people_than_the_least_open_nothing_and_more_of_them_later_do():
    world = World(rate=0.0)
    world.minute({BRAND: 4})
    assert world.changes == []
    world.minute({BRAND: 4})
    assert world.said == ["opened"]


def test_an_open_minute_raises_at_once_and_is_not_learned():
    world = World()
    before = [track.detector.snapshot() for track in world.watch._tracks.values()]
    world.log.append((world.at_us, {BRAND: 20, POST: 20}))
    sights = world.watch.peek([(world.at_us, {BRAND: 20, POST: 20})])
    assert world.look(sights).what == "opened"
    assert world.alert.scope == POST
    assert [track.detector.snapshot() for track in world.watch._tracks.values()] == before
    assert world.look(world.watch.peek([(world.at_us, {BRAND: 21, POST: 21})])) is None


def test_an_event_that_comes_back_within_the_cooldown_is_the_same_alert():
    world = World(AlertPolicy(calm=timedelta(minutes=5), cooldown=timedelta(hours=6)))
    world.burst(POST)
    world.calm(120)
    first = world.alert.id
    assert world.said[-1] == "resolved"
    world.burst(POST, people=40)
    assert "reopened" in world.said
    assert world.alert.id == first
    assert world.said.count("opened") == 1


def test_what_began_long_ago_is_not_raised():
    world = World()
    sights = world.watch.peek([(world.at_us, {BRAND: 50})])
    assert sights
    world.at_us += 2 * 3_600_000_000
    assert world.look(sights) is None


def test_quiet_weeks_of_a_brand_with_many_scopes_have_few_alerts():
    world = World(rate=0.5, seed=7)
    for _ in range(10 * DAY):
        people = world.quiet()
        posts = [Scope("content", f"p{world.rng.randrange(12)}") for _ in range(people)]
        world.minute({BRAND: people} | {post: posts.count(post) for post in posts})
    assert world.said.count("opened") <= 5


def test_scopes_are_bounded_and_those_heard_last_are_kept():
    watch = BrandWatch(AlertPolicy(most_scopes=3))
    for minute in range(10):
        watch.close(START + minute * MINUTE_US, {Scope("content", str(minute)): 1})
    assert watch.scopes == {BRAND, *(Scope("content", str(n)) for n in (7, 8, 9))}


def test_an_alert_is_taken_on_once():
    world = World()
    world.burst(POST)
    change = acknowledged(world.alert, "ada", world.at_us)
    assert change.alert.acknowledged == "ada"
    assert acknowledged(change.alert, "ada", world.at_us) is None


@pytest.mark.parametrize("name", ["alarms_per_month", "least_people", "grows"])
def test_a_policy_that_cannot_be_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 0"):
        AlertPolicy(**{name: 0})


@pytest.mark.parametrize("seed", range(4))
def test_empty_minutes_learned_together_change_nothing(seed):
    rng = random.Random(seed)
    heard = {}
    for minute in sorted(rng.sample(range(3 * DAY), 60)):
        people = rng.choice([1, 1, 1, 2, 30])
        heard[START + minute * MINUTE_US] = {BRAND: people, Scope("content", str(rng.randrange(12))): people}
    policy = AlertPolicy(most_scopes=5)
    single, together = BrandWatch(policy), BrandWatch(policy)
    one = []
    for at in range(START, START + 3 * DAY * MINUTE_US, MINUTE_US):
        one += single.close(at, heard.get(at, {}))
        single.settle()  # every scope is given every minute
    all_of, next_us = [], START
    for at, counts in heard.items():
        all_of += together.close_empty(next_us, (at - next_us) // MINUTE_US)
        all_of += together.close(at, counts)
        next_us = at + MINUTE_US
    all_of += together.close_empty(next_us, (START + 3 * DAY * MINUTE_US - next_us) // MINUTE_US)
    assert sorted(one, key=repr) == sorted(all_of, key=repr)
    assert one, "something stands out"
    assert single.scopes == together.scopes
    assert {scope: single.recent(scope) for scope in single.scopes} == {
        scope: together.recent(scope) for scope in together.scopes
    }
    burst = [(START + 3 * DAY * MINUTE_US, {BRAND: 9, OTHER: 9})]
    assert sorted(single.peek(burst), key=repr) == sorted(together.peek(burst), key=repr)
