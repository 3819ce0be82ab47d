"""The simulated retailer: the same for a seed, valid, and with everything in it that the engine has to cope with."""

import io
import json
import tomllib
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schemas.event import event_v1
from streams.inputs.simulate import simulate, write

START = datetime(2026, 9, 1, tzinfo=timezone(timedelta(hours=2)))
DAYS = 30
CUSTOMERS = 300
MODEL = tomllib.loads((Path(__file__).parents[2] / "schemas" / "apath.toml").read_text())


@pytest.fixture(scope="module")
def month():
    """A month, as parsed events in the order of arrival."""
    return [
        {**event, "time": datetime.fromisoformat(event["time"])}
        for event in simulate(customers=CUSTOMERS, days=DAYS, seed=7, start=START)
    ]


@pytest.fixture(scope="module")
def people(month):
    """The events of each person, in event time: a person is what the handles of all events connect."""
    parent = {}

    def find(handle):
        while parent.setdefault(handle, handle) != handle:
            handle = parent[handle]
        return handle

    for event in month:
        first, *others = event["data"]["handles"].items()
        for other in others:
            parent[find(other)] = find(first)
    journeys = defaultdict(list)
    for event in sorted(month, key=lambda event: event["time"]):
        journeys[find(next(iter(event["data"]["handles"].items())))].append(event)
    return list(journeys.values())


def lines(**options):
    file = io.BytesIO()
    count = write(simulate(**{"customers": 40, "days": 5, "seed": 1, "start": START} | options), file)
    found = file.getvalue().splitlines()
    assert len(found) == count
    return found


def test_the_same_seed_gives_the_same_bytes():
    assert lines() == lines()


def test_another_seed_gives_other_people_and_other_ids():
    one, two = ([json.loads(line) for line in lines(seed=seed)] for seed in (1, 2))
    for part in (lambda event: event["id"], lambda event: str(event["data"]["handles"])):
        assert not set(map(part, one)) & set(map(part, two))


def test_a_start_in_the_afternoon_of_a_time_zone_keeps_everything_between_start_and_end():
    start = datetime(2026, 9, 1, 15, 30, tzinfo=ZoneInfo("Europe/Paris"))
    times = [datetime.fromisoformat(json.loads(line)["time"]) for line in lines(start=start)]
    assert start <= min(times) <= max(times) < start + timedelta(days=5)


def test_every_event_of_a_month_is_valid(month):
    for line in lines(customers=CUSTOMERS, days=DAYS, seed=7):
        event_v1.validate_json(line)
    assert len(month) == len(lines(customers=CUSTOMERS, days=DAYS, seed=7))


def test_a_customer_leaves_20_to_40_events_a_month(month):
    assert 20 <= len(month) / CUSTOMERS <= 40


def test_every_channel_occurs(month):
    areas = {event["type"].split(".")[0] for event in month}
    assert {MODEL["channels"][area] for area in areas} == set(MODEL["channels"].values())


# Simulated people take nothing back, and do not speak ActivityStreams.
OF_OTHER_PROTOCOLS = {
    "community.join", "community.leave", "social.accept", "social.dislike", "*.uncomment", "social.unimpression",
    "social.unlike", "*.unshare", "store.undo_check_in", "*.unreview", "*.withdrawn_answer", "*.withdrawn_content",
    "*.withdrawn_post", "community.withdrawn_post",
    "support.message", "web.cart_view", "web.checkout", "web.group", "web.order_cancelled", "web.promotion_view",
    "web.remove_from_cart",
}  # fmt: skip


def test_every_type_of_the_model_occurs_and_some_that_it_does_not_name(month):
    found = {event["type"] for event in month}
    found |= {"*." + name.split(".")[1] for name in found}
    named = {rule["type"] for stage in MODEL["stages"].values() for rule in stage["evidence"]} | set(
        MODEL["neutral"]
    )
    assert named - OF_OTHER_PROTOCOLS <= found
    assert {"web.scroll_depth", "store.fitting_room"} <= found - named


def test_ratings_fall_on_both_sides(month):
    for verb, low, high in (("csat", 2, 4), ("review", 2, 4), ("nps", 6, 9)):
        ratings = [event["data"]["rating"] for event in month if event["type"].endswith("." + verb)]
        assert min(ratings) <= low
        assert max(ratings) >= high


def test_moods_complaints_returns_and_quiet_customers_are_there_as_in_real_histories(month, people):
    count = Counter(event["type"] for event in month)
    stars = Counter(event["data"]["rating"] for event in month if event["type"] == "web.review")
    assert stars[3] < min(stars[1] + stars[2], stars[4], stars[5]), "who rates is delighted or angry"
    assert 0.1 < (stars[1] + stars[2]) / stars.total() < 0.4
    said = [
        event["data"].get("sentiment")
        for event in month
        if event["type"].startswith(("social.c", "social.s"))
    ]
    read = [mood for mood in said if mood is not None]
    assert 0.4 < len(read) / len(said) < 0.8, "not everything is read for its mood"
    assert 0.03 < sum(mood <= -0.3 for mood in read) / len(read) < 0.25
    bought = sum(count[f"{area}.purchase"] for area in ("web", "app", "store"))
    assert 0.01 < (count["web.refund"] + count["store.refund"]) / bought < 0.12
    assert 0 < count["support.unresolved"] < count["support.resolved"] < count["support.ticket"]
    speaks = ("comment", "share", "post", "review", "answer", "user_content", "like")
    quiet = [events for events in people if not any(e["type"].endswith(speaks) for e in events)]
    assert 0.5 < len(quiet) / len(people) < 0.95  # who is never recognised is several people here
    assert sum(any(e["type"].endswith("purchase") for e in events) for events in quiet) > len(quiet) / 5


def test_most_events_carry_one_handle_a_sixth_two_and_few_three(month):
    share = {count: n / len(month) for count, n in Counter(len(e["data"]["handles"]) for e in month).items()}
    assert 0.12 <= share[2] <= 0.25
    assert 0 < share[3] <= 0.04
    assert set(share) == {1, 2, 3}


def test_at_least_half_of_the_people_with_several_handles_are_recognised_only_later(people):
    several = [
        events for events in people if len({h for e in events for h in e["data"]["handles"].items()}) > 1
    ]
    late = [events for events in several if len(events[0]["data"]["handles"]) == 1]
    assert len(several) > CUSTOMERS / 4
    assert len(late) >= len(several) / 2


def test_some_events_are_delivered_twice_and_nothing_differs(month):
    by_id = defaultdict(list)
    for event in month:
        by_id[event["source"], event["id"]].append(event)
    repeated = [events for events in by_id.values() if len(events) > 1]
    assert 0.002 <= len(repeated) / len(month) <= 0.01
    assert all(events[0] == event for events in repeated for event in events)


def test_a_few_events_come_late_and_the_others_in_order(month):
    newest, late = month[0]["time"], []
    for event in month:
        late.append(newest - event["time"])
        newest = max(newest, event["time"])
    behind = sum(delay > timedelta(minutes=1) for delay in late)
    assert 0.003 <= behind / len(month) <= 0.03
    assert timedelta(hours=1) < max(late) < timedelta(hours=24)


def test_some_see_it_in_the_store_and_buy_it_on_the_web_and_others_the_reverse(people):
    def path(seen, bought):
        return sum(
            one["type"] in seen
            and two["type"] == bought
            and one["data"].get("product") == two["data"].get("product", "none")
            and timedelta(0) < two["time"] - one["time"] < timedelta(days=14)
            for events in people
            for place, one in enumerate(events)
            for two in events[place:]
        )

    assert path({"store.walk_by", "store.fitting_room"}, "web.purchase") >= 10
    assert path({"web.product_view"}, "store.purchase") >= 10


def test_every_cause_is_an_earlier_share(month):
    shares = {event["id"]: event["time"] for event in month if event["type"] == "social.share"}
    brought = [event for event in month if "cause" in event["data"]]
    assert len(brought) > 50
    assert all(shares[event["data"]["cause"]] <= event["time"] for event in brought)


def test_some_posts_are_shown_and_never_answered(month):
    shown, answered = (
        {e["data"].get("content") for e in month if (e["type"] == "social.impression") == impression}
        for impression in (True, False)
    )
    assert len(shown - answered) >= 8


def test_nights_are_quiet_and_stores_are_closed(month):
    hours = Counter(event["time"].astimezone(START.tzinfo).hour for event in month)
    walks = {
        event["time"].astimezone(START.tzinfo).hour for event in month if event["type"] == "store.walk_by"
    }
    assert sum(hours[hour] for hour in range(2, 6)) < len(month) / 30
    assert walks <= set(range(9, 22))


def test_people_who_are_planned_in_groups_come_in_one_order_each_with_their_own_handles(monkeypatch):
    whole = [json.loads(line) for line in lines(customers=300, days=10)]
    monkeypatch.setattr("streams.inputs.simulate._GROUP_DAYS", 800)
    monkeypatch.setattr("streams.inputs.simulation.sorted_runs._READ", 64)
    monkeypatch.setattr("streams.inputs.simulation.sorted_runs._LEAST", 8)
    grouped = lines(customers=300, days=10)
    assert grouped == lines(customers=300, days=10)
    events = [json.loads(line) for line in grouped]
    assert 0.8 < len(events) / len(whole) < 1.25
    newest, late = "", 0
    for event in events:
        late += event["time"] < newest
        newest = max(newest, event["time"])
    assert late < len(events) * 0.04
    by_id = {}
    for event in events:
        assert by_id.setdefault(event["id"], event) == event
    brought = [event for event in by_id.values() if "cause" in event["data"]]
    assert len(brought) > 20
    assert all(by_id[event["data"]["cause"]]["type"] == "social.share" for event in brought)
    devices, alike = (
        len({event["data"]["handles"].get("device") for event in some}) for some in (events, whole)
    )
    assert 0.85 < devices / alike < 1.15, "nobody has the handles of somebody in another group"


def test_nobody_leaves_no_events():
    assert lines(customers=0) == []


@pytest.mark.parametrize(
    "wrong", [{"customers": -1}, {"days": 0}, {"brands": ()}, {"start": START.replace(tzinfo=None)}], ids=str
)
def test_what_cannot_be_simulated_is_refused_at_the_call(wrong):
    with pytest.raises(ValueError, match="simulate needs"):
        simulate(**{"customers": 1, "days": 1, "seed": 1, "start": START.astimezone(UTC)} | wrong)
