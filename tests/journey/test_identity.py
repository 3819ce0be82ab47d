"""Identity is a function of the set of links: the graph against an oracle that starts afresh each time."""

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.evidence import NEVER
from journey.identity.graph import IdentityGraph
from journey.identity.handle import KIND_CODE, KINDS
from journey.identity.links import Links
from journey.identity.policy import IdentityPolicy

HANDLES = 9


def oracle(kinds, ids, said, caps):
    """Return the customer of every handle, from all that was ever said of pairs."""
    live = set()
    for pair, facts in said.items():
        withdrawn, restored = max(f[1] for f in facts), max(f[2] for f in facts)
        if any(f[0] for f in facts) and (withdrawn == NEVER or withdrawn < restored):
            live.add(pair)
    near = defaultdict(set)
    for a, b in live:
        near[a].add(b)
        near[b].add(a)
    shared = {a for a in near if any(n > caps[k] for k, n in Counter(kinds[b] for b in near[a]).items())}
    customer = {}
    for start in sorted(range(len(ids)), key=lambda h: ids[h]):
        waiting = [start]
        while waiting:
            a = waiting.pop()
            if a not in customer:
                customer[a] = ids[start]
                waiting += [b for b in near[a] if not {a, b} & shared]
    return [customer[h] for h in range(len(ids))]


def links(statements):
    """Fold statements (left, right, said, withdrawn, restored) into distinct pairs."""
    pairs = defaultdict(list)
    for left, right, *facts in statements:
        pairs[left, right].append(facts)
    rows = [
        (*pair, any(f[0] for f in facts), max(f[1] for f in facts), max(f[2] for f in facts))
        for pair, facts in pairs.items()
    ]
    columns = list(zip(*rows, strict=True)) or [()] * 5
    dtypes = (np.int64, np.int64, np.bool_, np.int64, np.int64)
    return Links(*(np.array(column, dtype) for column, dtype in zip(columns, dtypes, strict=True)))


def graph_of(kinds, ids, caps):
    graph = IdentityGraph(IdentityPolicy(caps=tuple(caps)))
    slots = graph.slots(np.array(ids, np.uint64), np.array(kinds))
    assert slots.tolist() == list(range(len(ids)))
    return graph


def customers(graph):
    return graph.customers(np.arange(len(graph.handles))).tolist()


when = st.sampled_from([NEVER, NEVER, NEVER, 1, 2, 3])
ends = st.tuples(st.integers(0, HANDLES - 1), st.integers(0, HANDLES - 1)).filter(lambda e: e[0] < e[1])
statement = st.tuples(ends, st.booleans() | st.just(value=True), when, when).map(lambda s: (*s[0], *s[1:]))
caps = st.lists(st.sampled_from([1, 2, 3, 100]), min_size=len(KINDS), max_size=len(KINDS))
kinds = st.lists(st.sampled_from([0, 1, 5]), min_size=HANDLES, max_size=HANDLES)
ids = st.lists(st.integers(1, 2**64 - 1), min_size=HANDLES, max_size=HANDLES, unique=True)


@settings(max_examples=400)
@given(kinds, ids, caps, st.lists(st.lists(statement, max_size=6), max_size=8))
def test_after_every_update_the_customers_are_those_of_all_links_so_far(kinds, ids, caps, batches):
    graph, said = graph_of(kinds, ids, caps), defaultdict(list)
    for batch in batches:
        before = graph.roots(np.arange(HANDLES))
        moved = graph.update(links(batch))
        after = graph.roots(np.arange(HANDLES))
        for left, right, *facts in batch:
            said[left, right].append(facts)
        assert customers(graph) == oracle(kinds, ids, said, caps)
        assert moved.slot.tolist() == np.flatnonzero(before != after).tolist()
        assert moved.old.tolist() == before[moved.slot].tolist()
        assert moved.new.tolist() == after[moved.slot].tolist()


@settings(max_examples=200)
@given(kinds, ids, caps, st.lists(statement, max_size=16), st.data())
def test_neither_order_nor_cut_of_what_is_said_changes_a_customer(kinds, ids, caps, statements, data):
    one, other = (graph_of(kinds, ids, caps) for _ in range(2))
    one.update(links(statements))
    shuffled = data.draw(st.permutations(statements))
    at = data.draw(st.integers(0, len(shuffled)))
    for part in (shuffled[:at], shuffled[at:]):
        other.update(links(part))
    assert customers(one) == customers(other)


@settings(max_examples=200)
@given(kinds, ids, caps, st.lists(statement, max_size=12))
def test_members_of_a_customer_are_all_handles_that_have_it_each_once(kinds, ids, caps, statements):
    graph = graph_of(kinds, ids, caps)
    graph.update(links(statements))
    roots = np.unique(graph.roots(np.arange(HANDLES)))
    index, members = graph.members(roots)
    assert sorted(members.tolist()) == list(range(HANDLES))
    assert graph.roots(members).tolist() == roots[index].tolist()


@settings(max_examples=200)
@given(
    kinds, ids, caps, st.lists(statement, max_size=12), st.lists(ends, min_size=1, max_size=6, unique=True)
)
def test_linking_and_unlinking_again_restores_everybody_exactly(kinds, ids, caps, statements, pairs):
    graph = graph_of(kinds, ids, caps)
    known = {s[:2] for s in statements}
    pairs = [pair for pair in pairs if pair not in known]
    graph.update(links(statements))
    before = customers(graph)
    graph.update(links([(*pair, True, NEVER, NEVER) for pair in pairs]))
    graph.update(links([(*pair, False, 9, NEVER) for pair in pairs]))
    assert customers(graph) == before


def test_a_customer_is_named_by_its_smallest_handle_also_when_that_comes_last():
    graph = graph_of([0, 5, 5], [30, 20, 10], [5] * 7)
    graph.update(links([(0, 1, True, NEVER, NEVER)]))
    assert customers(graph) == [20, 20, 10]
    graph.update(links([(1, 2, True, NEVER, NEVER)]))
    assert customers(graph) == [10, 10, 10]


def test_a_kiosk_joins_nobody_once_it_has_more_people_than_the_cap():
    policy = IdentityPolicy()
    cap = policy.caps[KIND_CODE["email"]]
    people = cap + 1
    kinds = [KIND_CODE["device"]] + [KIND_CODE["email"]] * people
    graph = graph_of(kinds, range(1, people + 2), policy.caps)
    for person in range(1, people + 1):
        assert len(set(customers(graph))) == people + 2 - person
        graph.update(links([(0, person, True, NEVER, NEVER)]))
    assert customers(graph) == list(range(1, people + 2))
    graph.update(links([(0, 1, False, 5, NEVER)]))
    assert len(set(customers(graph))) == 2


def test_a_withdrawal_wins_over_a_restoration_of_the_same_instant_and_over_touches_after_it():
    graph = graph_of([0, 1], [1, 2], [5] * 7)
    graph.update(links([(0, 1, True, 5, 5)]))
    assert customers(graph) == [1, 2]
    graph.update(links([(0, 1, True, NEVER, NEVER)]))
    assert customers(graph) == [1, 2]
    graph.update(links([(0, 1, True, NEVER, 6)]))
    assert customers(graph) == [1, 1]
