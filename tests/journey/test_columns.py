"""Columns, indexes and components against lists, dictionaries and sets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from journey.column import ABSENT, Column, RowIndex
from journey.identity.components import components, ring
from journey.identity.handle_index import Handles

keys = st.sampled_from([0, 1, 2, 3, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)


@given(st.lists(st.lists(st.integers(-9, 9), max_size=90), max_size=5))
def test_a_column_is_a_list_that_grows_at_its_end(parts):
    column = Column(np.int32)
    for part in parts:
        column.grow(len(part), part)
    assert column.data.tolist() == [value for part in parts for value in part]
    assert len(column) == len(column.data)


def test_a_wide_column_keeps_its_rows_when_it_grows():
    column = Column(np.float64, width=3)
    column.grow(1, 7.0)
    column.grow(1000, np.nan)
    assert column.data[0].tolist() == [7.0, 7.0, 7.0]
    assert np.isnan(column.data[1:]).all()


@given(st.lists(st.lists(keys, max_size=20), max_size=8), st.lists(keys, max_size=20))
def test_an_index_answers_as_a_dictionary(batches, questions):
    index, expected = RowIndex(), {}
    for batch in batches:
        new = [key for key in dict.fromkeys(batch) if key not in expected]
        rows = range(len(expected), len(expected) + len(new))
        index.add(np.array(new, np.uint64), np.array(rows, np.int64))
        expected |= dict(zip(new, rows, strict=True))
    asked = [*questions, *expected]
    assert index.get(np.array(asked, np.uint64)).tolist() == [expected.get(key, ABSENT) for key in asked]
    assert len(index) == len(expected)
    assert index.nbytes == 12 * len(expected)


@given(st.lists(st.lists(keys, max_size=20), max_size=8))
def test_slots_are_given_in_order_of_appearance_and_never_change(batches):
    handles, expected = Handles(), {}
    for batch in batches:
        for key in batch:
            expected.setdefault(key, len(expected))
        ids = np.array(batch, np.uint64)
        assert handles.slots(ids, (ids % 7).astype(np.uint8)).tolist() == [expected[key] for key in batch]
    assert handles.id.tolist() == list(expected)
    assert handles.kind.tolist() == [key % 7 for key in expected]


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))
    )
)
def test_components_are_what_can_be_reached_named_by_the_smallest(graph):
    nodes, edges = graph
    parts = [{node} for node in range(nodes)]
    for a, b in edges:
        joined = set().union(*(part for part in parts if part & {a, b}))
        parts = [part for part in parts if not part & joined] + [joined]
    ends = np.array(edges, np.int64).reshape(-1, 2)
    labels = components(ends[:, 0], ends[:, 1], nodes)
    assert labels.tolist() == [min(next(part for part in parts if node in part)) for node in range(nodes)]


def test_a_long_chain_is_one_component():
    chain = np.random.default_rng(1).permutation(5000)
    assert set(components(chain[:-1], chain[1:], 5000).tolist()) == {0}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_following_a_ring_visits_every_member_of_its_label_once(labels):
    members = np.arange(len(labels)) * 10
    following = dict(zip(members.tolist(), ring(np.array(labels), members).tolist(), strict=True))
    for start, label in zip(members.tolist(), labels, strict=True):
        visited, at = [start], following[start]
        while at != start:
            visited.append(at)
            at = following[at]
        assert sorted(visited) == [
            m for m, other in zip(members.tolist(), labels, strict=True) if other == label
        ]
