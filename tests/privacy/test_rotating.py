"""`journey keys rotate`: under the successor of a key everybody is who she was, and nobody is found by the old one."""

import json
from pathlib import Path

import pytest

from journey.identity.handle_key import HandleKey
from streams.analysis.verify import verify
from streams.dead_letters.letters import listed, replay
from streams.edge import Edge
from streams.edge.handles import HandleHasher
from streams.embedded.embedded import Embedded
from streams.embedded.forget import forget
from streams.embedded.rotate import rotate
from streams.handles.key import in_force
from streams.handles.rekey import RekeyError
from streams.handles.unknown_key import UNKNOWN_KEY
from streams.log.frame import decode, encode
from streams.settings import SEPARATE, Settings, SettingsError
from tests.faults.child import BROKEN_CHAINS
from tests.fixtures.directories import with_tables
from tests.privacy.people import ANN, BRAND, HERS, KEY, KIOSK, event, hers, history, only
from tests.privacy.traces import in_files, in_tables, patterns

NOW_US = 1_780_617_600_000_000  # 2026-06-05
OLD_FRAME = Path(__file__).with_name(
    "frame_without_key.bin"
)  # hers(), as a program without fingerprints packed it
LATER = bytes(range(100, 132))
BOTH = KEY + LATER
TWO_MAILS = [
    event(f"two{n}", "web.purchase", n, {"email": [f"a{n}@example.org", f"b{n}@example.org"]})
    for n in range(12)
]
LINES = [*history(kiosk=9), *TWO_MAILS]
# What does not name handles, or names customers by what they did.
SAME = {
    "interactions": "SELECT id, source, type, time, brand, length(handles) AS handles, arraySort(kinds) AS kinds, amount"
    " FROM interactions ORDER BY id",
    "customers": "SELECT arraySort(groupUniqArray(id)) AS events, sum(amount) AS spent FROM touchpoints GROUP BY customer"
    " ORDER BY events",
    "stages": "SELECT stage, touches, revenue, since"
    " FROM journeys_at(at = '2026-06-05 00:00:00') ORDER BY touches, stage, since, toString(revenue)",
    "announced": "SELECT to_stage, from_stage, at, sequence FROM stage_changes ORDER BY sequence, at, from_stage, to_stage",
    "links": "SELECT arraySort([left_kind, right_kind]) AS kinds, source, sum(said) AS said FROM identity_links"
    " GROUP BY kinds, source ORDER BY kinds, source",
}


def separate(key):
    return HandleKey(key, separate=True)


def opened(folder, key=KEY, now_us=NOW_US, brands=""):
    return Embedded(
        Settings(with_tables(folder / "data", brands or SEPARATE), handle_key=key, brands=brands),
        clock=lambda: now_us,
    )


def load(embedded, lines, size=7):
    edge = embedded.edge()
    done = [
        embedded.load([edge.pack(lines[at : at + size], topic="file", now_us=NOW_US)])
        for at in range(0, len(lines), size)
    ]
    embedded.tick()
    return sum(each.stored for each in done)


def asked(embedded):
    return {name: [str(row) for row in embedded.store.rows(sql)] for name, sql in SAME.items()}


def drift(embedded):
    return [(check.name, check.rows) for check in verify(embedded) if check.drift]


def ids(lines, key):
    """Return the handles that lines name, under a key."""
    naming = HandleHasher(separate(key))
    handles = [json.loads(line)["data"]["handles"] for line in lines]
    return sorted({identifier for each in handles for identifier in identifiers(naming, each)})


def identifiers(naming, handles):
    packed = naming.name(handles, BRAND)[1]
    return [int.from_bytes(packed[n : n + 8], "little") for n in range(0, len(packed), 8)]


def test_customers_stay_whole_and_what_is_sent_again_is_recognised_under_the_successor(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, LINES)
        before, letters = asked(embedded), embedded.store.rows("SELECT count() AS n FROM dead_letters")
        old = patterns([], ids([*hers(), *TWO_MAILS], KEY))
        assert in_tables(embedded.store, old)
    with opened(tmp_path, BOTH) as embedded:
        assert in_force(embedded.store) == embedded.key.fingerprint == separate(KEY).fingerprint, (
            "not before it is asked for"
        )
        assert rotate(embedded) == in_force(embedded.store) == separate(BOTH).fingerprint
        assert asked(embedded) == before
        assert embedded.store.rows("SELECT count() AS n FROM dead_letters") == letters
        assert drift(embedded) == []
        assert embedded.store.rows(BROKEN_CHAINS) == []
        assert load(embedded, LINES) == 0, "nothing doubles"
        assert asked(embedded)["customers"] == before["customers"]
        assert in_tables(embedded.store, old) == []
        assert in_files(tmp_path, old) == []
        with pytest.raises(RekeyError, match="has no successor"):
            rotate(embedded)
    with pytest.raises(
        SettingsError, match=f"{separate(BOTH).fingerprint}, and ours is {separate(KEY).fingerprint}"
    ):
        opened(tmp_path)
    with opened(tmp_path, BOTH) as again:
        again.tick()
        many = again.store.rows("SELECT uniqExact(customer) AS n FROM customers")
        load(again, [event("kiosk", "store.check_in", 3, only("loyalty") | KIOSK)])
        assert again.store.rows("SELECT uniqExact(customer) AS n FROM customers") == many, (
            "it is shared still"
        )
        assert load(again, hers("later")) == 5
        assert drift(again) == []
        hashes = [HandleKey(BOTH).wrapped(each) for each in HERS]
        _, found = forget(again, hashes[0])
        assert (found.handles, found.events, found.dead_letters) == (4, 12, 2)
        assert in_tables(again.store, patterns([], hashes)) == []


def test_handles_of_one_kind_keep_their_order_so_that_evidence_and_events_keep_their_handle():
    naming, later = HandleHasher(separate(KEY)), HandleHasher(separate(BOTH))
    for line in TWO_MAILS:
        handles = json.loads(line)["data"]["handles"]
        wrapped = [HandleKey(BOTH).wrapped(identifier) for identifier in identifiers(naming, handles)]
        assert identifiers(later, handles) == wrapped


def test_the_key_of_a_directory_is_succeeded_in_its_file(tmp_path):
    with opened(tmp_path, None) as embedded:
        load(embedded, LINES[:40])
        before = asked(embedded)
        for number in (2, 3):
            rotate(embedded)
            kept = (tmp_path / "data" / "handle.key").read_text().split()
            assert b"".join(map(bytes.fromhex, kept)) == embedded.key.secret
            assert len(kept) == number
        assert load(embedded, LINES[:40]) == 0
        assert asked(embedded) == before
    assert not (tmp_path / "data" / "handle.key.next").exists()


def test_events_under_another_key_wait_as_dead_letters_and_those_under_an_old_one_can_be_replayed(tmp_path):
    line = event(
        "late", "web.purchase", 3, ANN, amount=12.34, currency="EUR", rating=4.5, properties={"a": [1, "ü"]}
    )
    with opened(tmp_path) as embedded:
        load(embedded, [*hers(), line])
    with opened(tmp_path, BOTH) as embedded:
        rotate(embedded)
        strange = Edge(separate(LATER)).pack(
            [event("who", "web.click", 1, ANN), b"{}"], topic="t", now_us=NOW_US
        )
        stale = Edge(separate(KEY)).pack([line, event("new", "web.click", 0, ANN)], topic="t", now_us=NOW_US)
        done = embedded.load([decode(encode(strange)), decode(encode(stale))])
        assert (done.stored, done.dead_letters) == (0, {UNKNOWN_KEY: 4})
        assert drift(embedded) == []
        again = replay(embedded, UNKNOWN_KEY)
        assert (again.tried, again.refused) == (4, 2)
        assert (again.outcome.stored, again.outcome.duplicates) == (1, 1), (
            "one of them was known, to the last field"
        )
        ((left),) = listed(embedded.store)[0]
        assert (left["reason"], left["letters"]) == (UNKNOWN_KEY, 2)
        assert embedded.store.rows("SELECT uniqExact(customer) AS n FROM customers") == [{"n": 1}]
        assert drift(embedded) == []


def test_a_frame_that_does_not_tell_its_key_is_of_an_older_program_and_is_taken(tmp_path):
    frame = Edge(separate(KEY)).pack(hers(), topic="t", now_us=NOW_US)
    assert decode(encode(frame)).key == separate(KEY).fingerprint
    old = decode(OLD_FRAME.read_bytes())
    assert (old.key, old.topic, len(old.events), len(old.letters)) == ("", "file", 5, 1)
    with opened(tmp_path / "separate") as embedded:
        done = embedded.load([old])
        assert (done.stored, done.dead_letters) == (0, {UNKNOWN_KEY: 6}), "it knew no brands"
    with opened(tmp_path / "shared", brands="shared") as embedded:
        assert embedded.load([old]).stored == 5
        assert load(embedded, hers()) == 0
