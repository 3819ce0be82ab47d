"""Remembered ids against a dictionary that forgets nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from journey.seen import UNSEEN, Ids, SeenIds, duplicates, position

WINDOW_US = 800
SLACK_US = 100

# Few values, so that ids often share their first 64 bits; times around several windows.
events = st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 4 * WINDOW_US))


def ids_of(rows):
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return Ids(*(np.array(c, t) for c, t in zip(columns, (np.uint64, np.uint64, np.int64), strict=True)))


def remember(seen, rows, at):
    seen.remember(ids_of(rows), np.array(at, np.uint64))


@given(st.lists(st.lists(events, max_size=8), max_size=12), st.integers(-SLACK_US, SLACK_US))
def test_an_id_is_found_where_it_was_first_or_handed_on_to_be_looked_up(batches, shift):
    seen, first = SeenIds(WINDOW_US), {}
    for number, batch in enumerate(batches):
        new = {row[:2]: row[2] for row in reversed(batch) if row[:2] not in first}
        remember(seen, [(*key, time_us) for key, time_us in new.items()], [number] * len(new))
        first |= {key: (time_us, number) for key, time_us in new.items()}
    repeats = ids_of([(*key, time_us + shift) for key, (time_us, _) in first.items()])
    found, beyond = seen.first_positions(repeats), seen.beyond(repeats)
    for (_, at), answer, asked in zip(first.values(), found.tolist(), beyond.tolist(), strict=True):
        assert answer == at or (answer == UNSEEN and asked)


@given(st.lists(events, min_size=1, max_size=30, unique_by=lambda row: row[:2]))
def test_nothing_older_than_the_window_and_one_bucket_is_kept(rows):
    seen = SeenIds(WINDOW_US)
    for row in rows:
        remember(seen, [row], [1])
    newest = max(row[2] for row in rows)
    assert seen.horizon_us == newest - WINDOW_US
    assert len(seen) <= sum(row[2] >= newest - WINDOW_US - SLACK_US for row in rows)
    assert len(seen) >= sum(row[2] >= newest - WINDOW_US for row in rows)
    assert seen.nbytes == 24 * len(seen)


def test_an_id_never_seen_has_no_position_however_alike_it_is():
    seen = SeenIds(WINDOW_US)
    remember(seen, [(7, low, 50) for low in range(0, 100, 2)], range(50))
    asked = ids_of([(7, low, 50) for low in range(100)])
    assert seen.first_positions(asked).tolist() == [i // 2 if i % 2 == 0 else int(UNSEEN) for i in range(100)]


def test_before_the_first_event_nothing_is_beyond_and_no_id_is_known():
    seen = SeenIds(WINDOW_US)
    assert seen.horizon_us is None
    assert not seen.beyond(ids_of([(1, 1, 1)])).any()
    assert seen.first_positions(ids_of([(1, 1, 1)])).tolist() == [UNSEEN]


def test_a_repeat_is_a_replay_where_it_stood_first_and_a_duplicate_elsewhere():
    ids = ids_of([(1, 1, 0), (1, 2, 0), (1, 3, 0)])
    at = np.array([5, 5, 5], np.uint64)
    first = np.array([5, 4, UNSEEN], np.uint64)
    assert duplicates(ids, at, first).tolist() == [False, True, False]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), max_size=12))
def test_of_equal_ids_in_a_batch_the_first_is_kept(rows):
    ids = ids_of([(*row, 0) for row in rows])
    unseen = np.full(len(rows), UNSEEN, np.uint64)
    expected = [row in rows[:i] for i, row in enumerate(rows)]
    assert duplicates(ids, np.arange(len(rows), dtype=np.uint64), unseen).tolist() == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 2**16 - 1), st.integers(0, 2**48 - 1)), min_size=2, max_size=2, unique=True
    )
)
def test_a_position_is_one_number_for_one_place(places):
    partitions, offsets = (np.array(column) for column in zip(*places, strict=True))
    numbers = position(partitions, offsets).tolist()
    assert len(set(numbers)) == 2
    assert sorted(zip(numbers, places, strict=True)) == sorted(
        zip(numbers, places, strict=True), key=lambda p: p[1]
    )
