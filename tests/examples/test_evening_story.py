"""The bundled evening tells its story by itself: these tests read the file and know no engine."""

import json
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

from schemas.event import event_v1

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
LINES = (EXAMPLES / "evening.ndjson").read_bytes().splitlines()
EVENTS = [json.loads(line) for line in LINES]
PEOPLE = json.loads((EXAMPLES / "evening_people.json").read_text())
NAME = {
    (kind, value): name
    for name, kinds in PEOPLE.items()
    for kind, values in kinds.items()
    for value in values
}
ROOTS = ("ann-share", "ben-share")
RESTAURANTS = {"trattoria-sole": "rosa-review-lunch", "chez-nous": "paul-review-lunch"}


def handles(event):
    return list(event["data"]["handles"].items())


def components(events):
    """Sets of handles that the events connect: each event joins all sets that it touches."""
    found = []
    for event in events:
        joined = set(handles(event)).union(*(part for part in found if part & set(handles(event))))
        found = [part for part in found if not part & joined] + [joined]
    return found


def people(events):
    return {NAME[handles(event)[0]] for event in events}


def caused_by(*roots):
    """The events with these ids, and all that they brought, directly or through others."""
    ids = set(roots)
    while more := {event["id"] for event in EVENTS if event["data"].get("cause") in ids} - ids:
        ids |= more
    return [event for event in EVENTS if event["id"] in ids]


def check_ins(place):
    return [e for e in EVENTS if e["type"] == "store.check_in" and e["data"]["place"] == place]


def at(event):
    return datetime.fromisoformat(event["time"])


def test_every_line_is_a_valid_event_of_that_saturday():
    for line in LINES:
        assert event_v1.validate_json(line)["time"].date().isoformat() == "2026-10-17"
    assert {event["time"][-6:] for event in EVENTS} == {"+02:00"}


def test_the_handles_of_all_events_make_exactly_the_seventeen_people_of_the_table():
    expected = [{handle for handle, owner in NAME.items() if owner == name} for name in PEOPLE]
    assert len(expected) == 17
    assert sorted(map(sorted, components(EVENTS))) == sorted(map(sorted, expected))
    assert {len(part) for part in expected} == {2, 3, 4, 5}


def test_nobody_is_recognised_as_a_whole_before_the_dinner():
    before = components([event for event in EVENTS if at(event).hour < 22])
    whole = [{handle for handle, owner in NAME.items() if owner == name} for name in PEOPLE]
    assert len(before) > 2 * len(PEOPLE)
    assert not [part for part in before if part in whole]


def test_ann_and_ben_mention_the_film_and_nobody_brought_them():
    shares = [event for event in EVENTS if event["id"] in ROOTS]
    assert people(shares) == {"Ann", "Ben"}
    assert {event["data"]["content"] for event in shares} == {"film-aurora"}
    assert not any("cause" in event["data"] for event in shares)


def test_every_cause_is_an_earlier_event_of_somebody_else_or_of_ones_group():
    by_id = {event["id"]: event for event in EVENTS}
    for event in EVENTS:
        if "cause" in event["data"]:
            cause = by_id[event["data"]["cause"]]
            assert at(cause) < at(event)
            assert people([cause]) != people([event])


def test_fourteen_people_are_reached_by_the_two_posts_and_all_of_them_check_in_at_the_cinema():
    reached = people(caused_by(*ROOTS))
    assert len(reached) == 14
    assert {"Ann", "Ben"} < reached < people(check_ins("lumiere-bastille"))


def test_word_of_mouth_goes_three_posts_deep():
    cause = {event["id"]: event["data"].get("cause") for event in EVENTS}
    assert (cause["nils-ticket"], cause["kim-share"], cause["emma-share"]) == (
        "kim-share",
        "emma-share",
        "ann-share",
    )


def test_three_more_were_there_already_and_nobody_brought_them():
    there = check_ins("lumiere-bastille")
    brought = people(caused_by(*ROOTS))
    already = [event for event in there if not people([event]) & brought]
    assert people(already) == {"Olga", "Paul", "Rosa"}
    assert len(people(there)) == 17
    assert max(map(at, already)) < min(at(event) for event in there if event not in already)
    assert not any("cause" in event["data"] for event in already)


def test_everybody_has_a_ticket_and_those_who_were_brought_owe_it_to_a_share():
    tickets = {event["id"]: event for event in EVENTS if event["id"].endswith("-ticket")}.values()
    assert people(tickets) == set(PEOPLE)
    assert {event["type"] for event in tickets} == {"web.purchase", "store.purchase"}
    assert {event["data"]["currency"] for event in tickets} == {"EUR"}
    brought = [event for event in tickets if "cause" in event["data"]]
    assert len(brought) == 12
    assert sum(event["data"]["amount"] for event in brought) == 11 * 12.5 + 9.5


def test_nine_and_eight_go_on_to_two_restaurants_each_by_the_review_that_the_group_read():
    groups = {place: check_ins(place) for place in RESTAURANTS}
    assert [len(people(group)) for group in groups.values()] == [9, 8]
    assert people(groups["trattoria-sole"]) | people(groups["chez-nous"]) == set(PEOPLE)
    for place, review in RESTAURANTS.items():
        assert {event["data"]["cause"] for event in groups[place]} == {review}
        read = [
            e for e in EVENTS if e["type"] in {"web.page_view", "web.click"} and e["data"]["brand"] == place
        ]
        assert people(read) <= people(groups[place])
        assert max(map(at, read)) < min(map(at, groups[place]))


def test_the_reviews_that_they_went_by_are_by_people_who_dine_at_the_other_place():
    by_id = {event["id"]: event for event in EVENTS}
    for place, review in RESTAURANTS.items():
        assert by_id[review]["type"] == "web.review"
        assert by_id[review]["data"]["rating"] >= 4
        assert not people([by_id[review]]) & people(check_ins(place))


def test_reviews_are_written_afterwards_and_one_of_them_is_bad():
    after = [event for event in EVENTS if event["type"] == "web.review" and at(event).hour >= 22]
    assert len(after) == 14
    assert Counter(event["data"]["rating"] <= 2 for event in after)[True] == 1
    assert all(len(handles(event)) == 2 for event in after)


def test_two_events_are_delivered_twice_byte_for_byte():
    by_id = defaultdict(list)
    for event, line in zip(EVENTS, LINES, strict=True):
        by_id[event["source"], event["id"]].append(line)
    repeated = {id_: lines for (_, id_), lines in by_id.items() if len(lines) > 1}
    assert set(repeated) == {"ann-share", "kim-ticket"}
    assert all(len(lines) == 2 and len(set(lines)) == 1 for lines in repeated.values())


def test_one_event_comes_late_and_all_others_in_order():
    seen, newest, late = set(), at(EVENTS[0]), []
    for event in EVENTS:
        if event["id"] not in seen and at(event) < newest:
            late.append(event["id"])
        seen.add(event["id"])
        newest = max(newest, at(event))
    assert late == ["nils-check-in"]
