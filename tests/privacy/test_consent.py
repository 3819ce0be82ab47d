"""Whoever did not consent is counted, and nothing more is kept of it; however the event is read."""

import json

import pytest

from streams.edge import Edge
from streams.embedded import Embedded
from streams.letters import listed, replay
from streams.settings import Settings
from streams.verify import verify
from tests.privacy.people import ANN, HERS, KEY, RAW, event, others
from tests.privacy.traces import in_files, in_tables, patterns
from tests.streams.test_plain_events import same

NOW_US = 1_780_617_600_000_000  # 2026-06-05
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
    with Embedded(Settings(tmp_path / "data", handle_key=KEY), clock=lambda: NOW_US) as embedded:
        embedded.load([embedded.edge().pack([*others(3), NO, *BROKEN], topic="file", now_us=NOW_US)])
        counts, _ = listed(embedded.store)
        assert [(row["reason"], row["letters"]) for row in counts] == [("consent_denied", 6)]
        assert replay(embedded).tried == 0
        wanted = [*patterns(RAW, HERS), b"planted-page", json.dumps(ANN).encode()]
        assert in_tables(embedded.store, wanted) == []
        assert in_files(tmp_path, wanted) == []
        assert not [check.name for check in verify(embedded) if check.drift]
