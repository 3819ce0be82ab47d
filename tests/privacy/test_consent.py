"""Whoever did not consent is counted, and nothing more is kept of it; however the event is read."""

import json

import pytest

from streams.analysis.verify import verify
from streams.dead_letters.letters import listed, replay
from streams.edge import Edge
from streams.embedded.embedded import Embedded
from streams.embedded.forget import forget
from streams.erasure.statements import count, is_denied
from streams.settings import Settings
from tests.edge.test_fast_path import same
from tests.fixtures.directories import with_tables
from tests.privacy.people import ANN, HERS, KEY, RAW, event, hers, history, others
from tests.privacy.traces import in_files, in_tables, patterns

NOW_US = 1_780_617_600_000_000  # 2026-06-05
LATER = "2026-06-05T12:00:00Z"
YES, NO = (
    event(said, "web.click", 0, ANN, consent=said, content="planted-page") for said in ("granted", "denied")
)
BROKEN = [
    NO.replace(b'"web.click"', b'"click"'),
    NO.replace(b'"time"', b'"when"'),
    NO.replace(b"2026-06-04", b"2126-06-04"),
    NO[:-1],
    NO.replace(b'"content"', b'"unheard"'),
]


def test_a_granted_event_is_an_event_and_a_denied_one_a_count():
    frame = Edge(KEY).pack([YES, NO, event("none", "web.click", 0, ANN)], topic="t", now_us=NOW_US)
    assert frame.events.column("id").to_pylist() == ["granted", "none"]
    assert frame.letters.to_pylist() == [
        {"reason": "consent_denied", "detail": "", "topic_partition": 0, "topic_offset": 2, "bytes": b""}
    ]
    Edge(KEY).check(NO, NOW_US)  # to be counted, it has to be taken


@pytest.mark.parametrize("line", BROKEN)
def test_of_a_denied_event_that_is_refused_besides_nothing_is_kept_either(line):
    (letter,) = Edge(KEY).pack([line], topic="t", now_us=NOW_US).letters.to_pylist()
    assert (letter["reason"], letter["bytes"]) == ("consent_denied", b"")


def test_both_ways_to_read_an_event_agree_on_consent():
    assert (
        same([YES, NO, *BROKEN, NO.replace(b'"denied"', b'"perhaps"'), NO.replace(b'"denied"', b"null")]) == 3
    )


def test_the_books_have_them_and_no_table_or_file_does(tmp_path):
    with Embedded(Settings(with_tables(tmp_path / "data"), handle_key=KEY), clock=lambda: NOW_US) as embedded:
        embedded.load([embedded.edge().pack([*others(3), NO, *BROKEN], topic="file", now_us=NOW_US)])
        counts, _ = listed(embedded.store)
        assert [(row["reason"], row["letters"]) for row in counts] == [("consent_denied", 6)]
        assert replay(embedded).tried == 0
        wanted = [*patterns(RAW, HERS), b"planted-page", json.dumps(ANN).encode()]
        assert in_tables(embedded.store, wanted) == []
        assert in_files(tmp_path, wanted) == []
        assert not [check.name for check in verify(embedded) if check.drift]


def taken(embedded, lines) -> int:
    """Return how many of these events are stored."""
    return embedded.load([embedded.edge().pack(lines, topic="file", now_us=NOW_US)]).stored


@pytest.mark.parametrize("known", [True, False])
def test_what_a_customer_denied_holds_for_later_events_until_she_grants_it(tmp_path, known):
    settings = Settings(with_tables(tmp_path / "data"), handle_key=KEY)
    shared = event("with her", "web.purchase", 0, {"email": "p1@example.org", "phone": ANN["phone"]}, LATER)
    with Embedded(settings, clock=lambda: NOW_US) as embedded:
        taken(embedded, history() if known else others())
        for handle in HERS[:1] if known else HERS:  # of whom nothing is known, nobody knows the other handles
            forget(embedded, handle, consent="denied")
        assert all(is_denied(embedded.store, handle) for handle in HERS)
        assert taken(embedded, hers("later", LATER)) == 0
    with Embedded(settings, clock=lambda: NOW_US) as embedded:
        assert taken(embedded, [*hers("and later", LATER), shared]) == 1
        assert in_tables(embedded.store, patterns(RAW, HERS)) == []
        counts, _ = listed(embedded.store, "erased")
        assert [row["letters"] for row in counts] == [10]
        forget(embedded, HERS[0], consent="granted")
        assert [is_denied(embedded.store, handle) for handle in HERS] == [False, True, True, True]
        mail = {"email": ANN["email"]}
        assert taken(embedded, [event("yes", "web.purchase", 0, mail, LATER)]) == 1
        assert taken(embedded, [event("before", "web.purchase", 0, mail)]) == 0
        assert count(embedded.store, HERS).events == 1
        assert not [check.name for check in verify(embedded) if check.drift]
        kept = [row["what"] for row in embedded.store.rows("SELECT what FROM erasures ORDER BY what")]
        assert kept == ["consent denied"] * (1 if known else 4) + ["consent granted"]


def test_a_plain_erasure_grants_nothing(tmp_path):
    with Embedded(Settings(with_tables(tmp_path / "data"), handle_key=KEY), clock=lambda: NOW_US) as embedded:
        taken(embedded, history())
        forget(embedded, HERS[0], consent="denied")
        forget(embedded, HERS[0])
        assert is_denied(embedded.store, HERS[0])


def refused_of(handles: dict, when: str) -> list[bytes]:
    """Return what an edge refuses, with something to keep: an unknown field, no currency, a bad value, no time."""
    said = {"content": "kept-of-nobody"}
    broken = event("no-time", "web.click", 0, handles, when, **said).replace(b'"time"', b'"when"')
    return [
        event("unknown", "web.click", 0, handles, when, tel="0699", **said),
        event("no-currency", "web.purchase", 0, handles, when, amount=1.0, **said),
        event("bad-value", "web.click", 0, handles, when, rating=99, **said),
        broken,
    ]


def test_of_refused_events_of_whoever_denied_consent_nothing_is_kept(tmp_path):
    with Embedded(Settings(with_tables(tmp_path / "data"), handle_key=KEY), clock=lambda: NOW_US) as embedded:
        taken(embedded, history())
        forget(embedded, HERS[0], consent="denied")
        letters = [*refused_of(ANN, LATER), *refused_of({"email": ANN["email"]}, "2126-06-04T12:00:00Z")]
        mine, others_ = len(letters), refused_of({"email": "p2@example.org"}, LATER)
        assert taken(embedded, [*letters, *others_]) == 0
        rows = embedded.store.rows("SELECT reason, detail, toString(bytes) AS bytes FROM dead_letters")
        blank = [row for row in rows if row["reason"] == "erased"]
        assert {(row["detail"], row["bytes"]) for row in blank} == {("", "")}
        assert len([row for row in rows if "kept-of-nobody" in row["bytes"]]) == len(others_)
        assert len(blank) >= mine
        assert not [one for row in rows for one in HERS if f"#{one:016x}" in row["bytes"]]
        assert not [check.name for check in verify(embedded) if check.drift]


def test_of_refused_events_from_before_an_erasure_nothing_is_kept(tmp_path):
    with Embedded(Settings(with_tables(tmp_path / "data"), handle_key=KEY), clock=lambda: NOW_US) as embedded:
        taken(embedded, history())
        forget(embedded, HERS[0])
        before, after = refused_of(ANN, "2026-06-04T12:00:00+02:00"), refused_of(ANN, LATER)
        taken(embedded, [*before, *after])
        rows = embedded.store.rows(
            "SELECT JSONExtractString(toString(bytes), 'id') AS id FROM dead_letters WHERE bytes LIKE '%kept-of-nobody%' ORDER BY id"
        )
        assert [row["id"] for row in rows] == ["bad-value", "no-currency", "unknown"]  # of the time after it
        assert not [check.name for check in verify(embedded) if check.drift]
