"""In a data directory: values are nowhere in plain text, kept once, erased with their customer, and survive both rotations."""

import pytest

from streams.analysis.verify import verify
from streams.edge.readable import ReadableError
from streams.embedded.embedded import Embedded
from streams.embedded.expire import let_go
from streams.embedded.forget import forget
from streams.embedded.rotate import rotate
from streams.embedded.rotate_readable import rotate_readable
from streams.handles.readable import ReadableReader
from streams.handles.readable_rows import drop, drop_lost, kept_of
from streams.handles.rekey import RekeyError
from streams.retention.terms import set_idle
from streams.settings import ReadableKinds, Settings
from tests.privacy.people import BRAND, KEY
from tests.privacy.traces import in_files, in_tables
from tests.readable.world import NOW_US, PEOPLE, VALUES, customer, given, load, opened, people, rows

WHOLE = {n: {"user": [f"u-planted-{n}"], "loyalty": [f"LUM-PLANTED-{n}"]} for n in range(PEOPLE)}
PLAIN = [
    value.encode()
    for value in (*VALUES, "planted@example.org", "cookie-planted", "lum-planted", "lumplanted")
]


def drift(embedded):
    return [(check.name, check.rows) for check in verify(embedded) if check.drift]


def test_values_come_back_to_who_has_the_key_and_are_nowhere_in_plain_text(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people())
        assert given(embedded) == WHOLE
        assert rows(embedded) == 2 * PEOPLE
        assert in_tables(embedded.store, PLAIN) == []
        assert in_files(tmp_path, PLAIN) == []
        everyone = list(ReadableReader.of_settings(embedded.settings).everyone(embedded.store, BRAND))
        assert sorted(value for _, _, value in everyone) == sorted(VALUES)
        assert len({one for one, _, _ in everyone}) == PEOPLE
        assert drift(embedded) == []
    assert in_files(tmp_path, PLAIN) == []
    assert (tmp_path / "data" / "readable.key").stat().st_mode & 0o777 == 0o600


def test_nothing_is_kept_unless_it_is_asked_for(tmp_path):
    with opened(tmp_path, "") as embedded:
        load(embedded, people())
        assert rows(embedded) == 0
        assert not (tmp_path / "data" / "readable.key").exists()
        with pytest.raises(ReadableError, match="no handles are kept readable"):
            given(embedded)


def test_what_was_loaded_before_comes_in_with_history_again_and_each_handle_once(tmp_path):
    with opened(tmp_path, "") as embedded:
        load(embedded, people())
    for _ in range(2):
        with opened(tmp_path) as embedded:
            load(embedded, people())
            load(embedded, people(range(3), "2026-06-01T00:00:00Z"))
            assert given(embedded) == WHOLE
            assert rows(embedded) == 2 * PEOPLE, "as rows are, not as they are merged"


def test_who_is_forgotten_is_gone_and_begins_anew(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people())
        forget(embedded, customer(3))
        assert rows(embedded) == 2 * PEOPLE - 2
        assert given(embedded) == WHOLE | {3: {}}
        load(embedded, people([3]))  # from before
        assert given(embedded, [3]) == {3: {}}
        load(embedded, people([3], "2026-06-05T00:00:01Z"))
        assert given(embedded) == WHOLE
        assert drift(embedded) == []
    with opened(tmp_path) as embedded:
        assert given(embedded) == WHOLE


def test_a_handle_that_is_let_go_of_takes_its_value_with_it(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people())
        embedded.store.client.command(
            "ALTER TABLE interactions DELETE WHERE 1", settings={"mutations_sync": 2}
        )
        set_idle(embedded.store, 1, NOW_US)
        gone = let_go(embedded)
        assert gone > 0
        (left,) = embedded.store.rows(
            "SELECT count() AS n, countIf(handle NOT IN (SELECT handle FROM customers)) AS odd FROM readable_handles"
        )
        assert left["odd"] == 0
        assert left["n"] < 2 * PEOPLE


def test_values_are_those_of_their_handles_after_the_handle_key_was_rotated(tmp_path):
    later = KEY + bytes(range(100, 132))
    with opened(tmp_path) as embedded:
        load(embedded, people())
    settings = Settings(tmp_path / "data", handle_key=later, readable=ReadableKinds.parse("user loyalty"))
    with Embedded(settings, clock=lambda: NOW_US) as embedded:
        rotate(embedded)
        assert given(embedded, key=later) == WHOLE
        assert given(embedded) == {n: {} for n in range(PEOPLE)}
        load(embedded, people())
        assert rows(embedded) == 2 * PEOPLE
        assert drift(embedded) == []


def test_the_handle_key_is_not_rotated_without_the_key_of_what_is_readable(tmp_path):
    later = KEY + bytes(range(100, 132))
    with opened(tmp_path) as embedded:
        load(embedded, people())
    (tmp_path / "data" / "readable.key").unlink()
    with (
        Embedded(Settings(tmp_path / "data", handle_key=later), clock=lambda: NOW_US) as embedded,
        pytest.raises(ReadableError, match="JOURNEY_READABLE_KEY is not set"),
    ):
        rotate(embedded)
    settings = Settings(tmp_path / "data", handle_key=later, readable_key=bytes(32))
    with Embedded(settings, clock=lambda: NOW_US) as embedded:
        with pytest.raises(RekeyError, match="journey readable drop --lost first"):
            rotate(embedded)
        assert drop_lost(embedded.store, ()) == 2 * PEOPLE
        rotate(embedded)
        assert drift(embedded) == []


def test_under_a_successor_of_its_key_all_is_there_and_nothing_needs_the_old_one(tmp_path):
    path = tmp_path / "data" / "readable.key"
    with opened(tmp_path) as embedded:
        load(embedded, people())
        (old,) = {one.fingerprint for one in kept_of(embedded.store)}
        name, count = rotate_readable(embedded)
        assert (count, name != old) == (2 * PEOPLE, True)
        assert {one.fingerprint for one in kept_of(embedded.store)} == {name}
        assert given(embedded) == WHOLE
        load(embedded, people())
        assert rows(embedded) == 2 * PEOPLE
        second, third = (rotate_readable(embedded)[0] for _ in range(2))
        assert len({old, name, second, third}) == 4
        path.write_text(path.read_text().split()[-1])
        assert given(embedded) == WHOLE


def test_a_wrong_key_or_a_lost_one_is_told_in_words_and_new_values_are_kept_all_the_same(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people(range(3)))
    right = (tmp_path / "data" / "readable.key").read_text()
    (tmp_path / "data" / "readable.key").unlink()
    with opened(tmp_path) as embedded:
        assert "which is not there: bring it back" in " ".join(embedded.warnings)
        with pytest.raises(ReadableError, match="is encrypted under the key"):
            given(embedded)
        load(embedded, people(range(2, 5)))
    made = (tmp_path / "data" / "readable.key").read_text()
    (tmp_path / "data" / "readable.key").write_text(f"{right} {made}")
    with opened(tmp_path) as embedded:
        assert embedded.warnings == []
        assert given(embedded, range(5)) == {n: WHOLE[n] for n in range(5)}
        rotate_readable(embedded)
        assert len({one.fingerprint for one in kept_of(embedded.store)}) == 1
        assert (tmp_path / "data" / "readable.key").read_text() == f"{right} {made}", (
            "that is what was missing"
        )
        assert given(embedded, range(5)) == {n: WHOLE[n] for n in range(5)}
    (tmp_path / "data" / "readable.key").write_text("rubbish")
    with opened(tmp_path) as embedded:
        assert "is damaged" in " ".join(embedded.warnings)


def test_a_row_that_somebody_changed_or_moved_is_refused_and_others_are_given(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people())
        other = embedded.store.rows(
            "SELECT hex(sealed) AS sealed FROM readable_handles WHERE handle = {h:UInt64}", {"h": customer(1)}
        )[0]["sealed"]
        embedded.store.client.command(
            f"ALTER TABLE readable_handles UPDATE sealed = unhex('{other}') WHERE handle = {customer(2)}",
            settings={"mutations_sync": 2},
        )
        with pytest.raises(
            ReadableError, match=f"user #{customer(2):016x} of maison is not as it was encrypted"
        ):
            given(embedded)
        assert given(embedded, [1, 3]) == {n: WHOLE[n] for n in (1, 3)}
        with pytest.raises(ReadableError, match="not as it was encrypted"):
            rotate_readable(embedded)
        assert given(embedded, [1, 3]) == {n: WHOLE[n] for n in (1, 3)}


def test_what_a_brand_stops_naming_is_given_to_nobody_and_goes_when_it_is_dropped(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people())
    with opened(tmp_path, "loyalty") as embedded:
        assert given(embedded) == {n: {"loyalty": WHOLE[n]["loyalty"]} for n in range(PEOPLE)}
        assert rows(embedded) == 2 * PEOPLE
        load(embedded, people(range(PEOPLE, PEOPLE + 2)))
        assert rows(embedded) == 2 * PEOPLE + 2
        assert drop(embedded.store, BRAND, "user") == PEOPLE
        assert {(one.kind, one.handles) for one in kept_of(embedded.store)} == {("loyalty", PEOPLE + 2)}
