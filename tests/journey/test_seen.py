"""Remembered ids against a dictionary that forgets nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.id_filter import IdFilter
from journey.seen import UNSEEN, Ids, SeenIds, duplicates, position

WINDOW_US = 800

# Few values, so that ids often share their first 64 bits.
keys = st.tuples(st.integers(0, 2), st.integers(0, 3))


def ids_of(rows):
    high, low = zip(*rows, strict=True) if rows else ((), ())
    return Ids(np.array(high, np.uint64), np.array(low, np.uint64))


def some_ids(count, seed):
    return Ids(*np.random.default_rng(seed).integers(0, 2**64, (2, count), dtype=np.uint64))


@given(
    st.lists(st.tuples(st.lists(keys, max_size=8), st.none() | st.integers(-WINDOW_US, 4 * WINDOW_US))),
    st.integers(0, 20),
)
def test_an_id_is_found_where_it_was_first_or_handed_on_to_be_looked_up(batches, most):
    seen, first = SeenIds(WINDOW_US, most), {}
    for number, (batch, arrived_us) in enumerate(batches):
        new = [key for key in dict.fromkeys(batch) if key not in first]
        seen.remember(ids_of(new), np.full(len(new), number, np.uint64), arrived_us)
        first |= dict.fromkeys(new, number)
    found, unknown = seen.first_positions(ids_of(list(first)))
    for row, (at, answer) in enumerate(zip(first.values(), found.tolist(), strict=True)):
        assert answer == at or (answer == UNSEEN and row in unknown)
    assert set(found[unknown].tolist()) <= {UNSEEN}


def test_positions_are_forgotten_by_arrival_and_by_number_and_ids_are_not():
    seen, ids = SeenIds(WINDOW_US, most=100), some_ids(1_000, 1)
    for start in range(0, 1_000, 10):
        rows = slice(start, start + 10)
        seen.remember(ids.take(rows), np.full(10, start, np.uint64), arrived_us=start // 4)
        assert len(seen) <= 100 + 10
        assert seen.nbytes == 24 * len(seen)
    found, unknown = seen.first_positions(ids)
    assert unknown.tolist() == list(range(1_000 - len(seen)))
    assert (found[1_000 - len(seen) :] != UNSEEN).all()
    seen.remember(some_ids(1, 2), np.zeros(1, np.uint64), arrived_us=10 * WINDOW_US)
    assert len(seen) == 1
    assert len(seen.first_positions(ids)[1]) == 1_000


def test_an_id_never_seen_has_no_position_however_alike_it_is():
    seen = SeenIds(WINDOW_US)
    seen.remember(ids_of([(7, low) for low in range(0, 100, 2)]), np.arange(50, dtype=np.uint64), 0)
    asked = ids_of([(7, low) for low in range(100)])
    assert seen.first_positions(asked)[0].tolist() == [i // 2 if i % 2 == 0 else UNSEEN for i in range(100)]


@pytest.mark.parametrize(
    ("sizes", "most_bytes", "bytes_an_id", "perhaps"),
    [
        ([2_000_000], 2**31, 2, 0.006),  # restored at once
        ([400_000] * 10, 2**31, 3, 0.015),  # grown, in segments
        ([400_000] * 10, 2**22, 1.1, 0.12),  # more than there is room for: denser, and nothing is forgotten
    ],
)
def test_a_filter_forgets_no_id_and_keeps_to_its_bytes(sizes, most_bytes, bytes_an_id, perhaps):
    known, added = IdFilter(most_bytes), [some_ids(size, number) for number, size in enumerate(sizes)]
    known.expect(sizes[0])
    for ids in added:
        known.add(ids)
    assert all(known.perhaps(ids).all() for ids in added)
    assert known.nbytes <= min(bytes_an_id * sum(sizes), most_bytes)
    assert known.perhaps(some_ids(100_000, 99)).mean() < perhaps


def test_a_repeat_is_a_replay_where_it_stood_first_and_a_duplicate_elsewhere():
    ids = ids_of([(1, 1), (1, 2), (1, 3)])
    at = np.array([5, 5, 5], np.uint64)
    first = np.array([5, 4, UNSEEN], np.uint64)
    assert duplicates(ids, at, first).tolist() == [False, True, False]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), max_size=12))
def test_of_equal_ids_in_a_batch_the_first_is_kept(rows):
    unseen = np.full(len(rows), UNSEEN, np.uint64)
    expected = [row in rows[:i] for i, row in enumerate(rows)]
    found = duplicates(ids_of(rows), np.arange(len(rows), dtype=np.uint64), unseen)
    assert found.tolist() == expected


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
