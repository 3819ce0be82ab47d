"""Handles of stores with earlier rules: named in every form, the primary as it was, and never parted from themselves."""

import json

from journey.identity.handle_key import handle_id
from journey.identity.rules import FIRST, HandleRules
from streams.edge import Edge
from tests.edge.lines import KEY, NOW_US, line, named

AFTER = HandleRules("FR", earlier=(FIRST,))
ODD, OLD, NEW = "+33 (0)6 12 34 56 78", "+330612345678", "+33612345678"


def ids(*forms, kind="phone"):
    return [handle_id(KEY, kind, form) for form in forms]


def pack(*lines, rules=AFTER, **options):
    pack = {name: options.pop(name) for name in ("screen", "now_us") if name in options}
    return Edge(KEY, rules=rules, **options).pack(list(lines), topic="t", **{"now_us": NOW_US} | pack)


def rows(*lines, **options):
    frame = pack(*lines, **options)
    assert frame.letters.to_pylist() == []
    return frame.events.to_pylist()


def test_an_event_names_both_forms_and_is_the_event_that_it_was():
    handles = {"phone": ODD, "email": "ann@example.com", "cookie": "c\u200b1"}
    slow = line(data={"handles": handles, "properties": {"a": 1}}, subject="s", extension=[1])
    (was,) = rows(named(handles), rules=FIRST)
    for text in (named(handles), slow):
        (row,) = rows(text)
        assert (row["event"], row["handle"]) == (was["event"], was["handle"])
        assert set(row["handles"]) == {*was["handles"], *ids(NEW), *ids("c1", kind="cookie")}
        assert len(row["handles"]) == len(row["kinds"]) == 5
    (row,) = rows(named({"phone": ODD}))
    assert (row["handles"], row["kinds"]) == (ids(OLD, NEW), [2, 2])
    (row,) = rows(named({"phone": [ODD, NEW, "0612345678"]}))
    assert sorted(row["handles"]) == sorted(ids(OLD, NEW, "0612345678")), "each once"


def test_eight_values_are_eight_handles_however_many_forms_they_have():
    values = [f"+33 (0)6 12 34 56 7{number}" for number in range(8)]
    (row,) = rows(named({"phone": values}))
    assert len(row["handles"]) == 16


def test_an_unlink_parts_all_forms_of_two_values_and_no_value_from_itself():
    found = rows(named({"phone": ODD, "email": "ann@bücher.example"}, type="identity.unlink"))
    pairs = {frozenset(row["handles"]) for row in found}
    emails = ids("ann@bücher.example", "ann@xn--bcher-kva.example", kind="email")
    assert pairs == {frozenset([one, other]) for one in ids(OLD, NEW) for other in emails}
    assert len({row["event"] for row in found}) == 4
    assert found[0]["id"] == "1"
    assert rows(named({"phone": NEW, "email": "a@x.example"}, type="identity.unlink"), named({"phone": ODD}))


class Bare:
    """A screen of a sender who may make no links."""

    left = 0

    def barred(self, _rows):
        return []

    def judged(self, _place, _brand, _kind, _source):
        return None

    def may_link(self, _place):
        return False

    def left_out(self, _place, count):
        self.left += count


def test_a_sender_who_may_make_no_links_still_names_one_value_in_its_forms():
    screen = Bare()
    (row,) = rows(named({"phone": ODD, "cookie": "c1"}), screen=screen)
    assert (row["handles"], screen.left) == (ids(OLD, NEW), 1)
    (letter,) = pack(
        named({"phone": [ODD, NEW[:-1] + "9"]}, time="2027-01-01T00:00:00Z"), screen=screen
    ).letters.to_pylist()
    (replayed,) = rows(letter["bytes"], trusted=True, now_us=NOW_US + 10**14)
    assert set(replayed["handles"]) in ({*ids(OLD, NEW)}, {*ids(NEW[:-1] + "9")})


def test_a_dead_letter_is_replayed_as_the_same_event_in_the_same_forms():
    text = named({"phone": ODD, "email": "Ann@bücher.example"}, time="2027-01-01T00:00:00Z")
    later = NOW_US + 10**14
    (letter,) = pack(text).letters.to_pylist()
    assert rows(letter["bytes"], trusted=True, now_us=later) == rows(text, now_us=later)
    again = pack(letter["bytes"], trusted=True).letters.to_pylist()
    assert again[0]["bytes"] == letter["bytes"]
    stolen = json.loads(letter["bytes"])["data"]["handles"]["phone"]
    assert len(stolen) == 34
    (row,) = rows(named({"user": stolen}))
    assert row["handles"] == ids(stolen, kind="user"), "nobody but a replay names handles by hashes"


def test_a_region_is_a_brands_own():
    rules = HandleRules("FR", (("nova", "DE"),))
    lines = [named({"phone": "0612345678"}), line(data={"brand": "nova", "handles": {"phone": "0612345678"}})]
    assert [row["handle"] for row in rows(*lines, rules=rules)] == ids(NEW, "+49612345678")
