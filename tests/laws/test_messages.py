"""Messages that come long after, or never, and takeovers amid a change: each with the bug it is there for, and without.

What the simulation of a cluster meets too rarely to rely on.
"""

import json
from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import pytest

from schemas.topics import EVIDENCE, IDENTITY_MAP, INTERACTIONS
from streams.fencing.port import StoreError
from streams.log.messages import PREPARE, Outgoing
from streams.workers.directory import Directory
from streams.workers.identity import IdentityWorker
from streams.workers.journey import JourneyWorker
from tests.laws.compare import check
from tests.laws.connection import Connection
from tests.laws.history import DAY_US, MODEL, OTHER, START_US, History, Item
from tests.laws.node import Node
from tests.laws.oracle import named
from tests.laws.workers import Cluster
from tests.laws.world import KEY, Crash

PARTITIONS = 3
OTHERS = {"cookie": "c", "email": "p@example.org"}


def event(name: str, kind: str, handles: dict) -> Item:
    data = {"brand": "lumiere", "handles": handles}
    made = {"id": name, "source": "shop", "type": kind, "time": "2026-06-01T00:00:00Z", "data": data}
    return Item(json.dumps(made).encode(), made | {"_us": START_US})


def ids(*handles: dict) -> list[int]:
    """Return the id of each of these, which name one each."""
    return [named(event("", "", one).event, KEY)[0][1] for one in handles]


def people() -> Iterator[tuple[dict, dict, dict]]:
    """Yield triples of a cookie, an e-mail address and a phone, without end."""
    number = 0
    while True:
        number += 1
        yield {"cookie": f"c{number}"}, {"email": f"p{number}@example.org"}, {"phone": f"+3361234{number:04}"}


def opened() -> Cluster:
    """Return several nodes without anything to do, whose brands share handles: `ids` are the same with each."""
    made = (Cluster(History((), DAY_US, PARTITIONS), seed, calm=True) for seed in range(0, 40, 2))
    cluster = next(each for each in made if len(each.nodes) > 1)
    cluster.base_us = START_US
    return cluster


def sent(cluster: Cluster, topic: str) -> list[Outgoing]:
    """Return all that stands in a topic."""
    return [
        Outgoing(topic, partition, value)
        for (name, partition), values in cluster.topics.items()
        if name == topic
        for value in values
    ]


def part(cluster: Cluster, *handles: int) -> None:
    """Restart until whoever has the partition of one of these handles does not have that of another."""
    while len({cluster.owner[EVIDENCE, handle % PARTITIONS] for handle in handles}) == 1:
        cluster.restart()


def evidence_of_a_handle_that_has_left(cluster: Cluster) -> list[Outgoing]:
    cookie, email = next(
        (cookie, email)
        for cookie, email, _ in people()
        for one, other in [ids(cookie, email)]
        if one > other and one % PARTITIONS != other % PARTITIONS
    )
    cluster.take_in([event("1", "web.purchase", cookie), event("2", "web.purchase", cookie)])
    late = sent(cluster, EVIDENCE)
    cluster.restart()
    cluster.take_in([event("3", "web.sign_up", cookie | email)])
    cluster.take_in([event("4", "web.sign_up", OTHERS)])  # the last write of the map is told of again
    cluster.restart()
    part(cluster, *ids(cookie, email))
    return late


def evidence_that_was_outdone(cluster: Cluster) -> list[Outgoing]:
    cookie = {"cookie": "c1"}
    cluster.take_in([event("1", "social.like", cookie)])
    late = sent(cluster, EVIDENCE)
    cluster.take_in([event("2", "social.like", cookie)])
    cluster.restart()
    return late


def a_customer_that_was_outdone(cluster: Cluster) -> list[Outgoing]:
    cookie, email, phone = next(
        (cookie, email, phone)
        for cookie, email, phone in people()
        for one, two, three in [ids(cookie, email, phone)]
        if one > two > three and two % PARTITIONS != three % PARTITIONS
    )
    cluster.take_in([event("1", "web.page_view", cookie | email)])
    late = sent(cluster, IDENTITY_MAP)
    cluster.take_in([event("2", "web.page_view", cookie | phone)])
    for message in late:
        cluster.append(message)
    cluster.settle()
    cluster.take_in([event("3", "web.purchase", cookie), event("4", "web.purchase", cookie)])
    return []


def a_write_that_was_never_told_of(cluster: Cluster) -> list[Outgoing]:
    cookie, email = next((cookie, email) for cookie, email, _ in people() if ids(email) > ids(cookie))
    hand_over, lost = Node._hand_over, []

    def cut(self, out):
        if out.topic == IDENTITY_MAP and not lost:
            lost.append(out)
            raise Crash
        hand_over(self, out)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Node, "_hand_over", cut)
        cluster.take_in([event("1", "web.sign_up", cookie | email)])
    assert lost
    return []


def a_change_of_the_model_under_way(cluster: Cluster) -> list[Outgoing]:
    for model in (OTHER, MODEL):
        rows = cluster.store.rows["evidence"]
        rows[:] = [row for row in rows if row["model"] != model.hash]
        for _ in cluster.ask(f"to {model.hash}", PREPARE, model):
            cluster.settle()
        cluster.restart()
        cluster.take_in([event(model.hash, "web.purchase", {"cookie": "c"})])
        cluster.model = model
        cluster.settle()
    return []


def a_model_that_came_and_went(cluster: Cluster) -> list[Outgoing]:
    cookie = {"cookie": "c"}
    cluster.take_in([event("1", "social.like", cookie)])
    for model in (OTHER, MODEL):
        rows = cluster.store.rows["evidence"]
        rows[:] = [row for row in rows if row["model"] != model.hash or model is cluster.model]
        for _ in cluster.ask(f"to {model.hash}", PREPARE, model):
            take_only(cluster)
        cluster.model = model
        if model is OTHER:
            cluster.accept(event("2", "social.like", cookie))
            take_only(cluster)
    cluster.settle()  # only now does anybody look who owns customers
    return []


def take_only(cluster: Cluster) -> None:
    for _ in range(5):
        for node in cluster.nodes:
            node.work(INTERACTIONS)


def believes_what_comes_late(patch) -> None:
    patch.setattr(JourneyWorker, "_corrected", lambda _self, rows: rows)


def restores_no_versions(patch) -> None:
    original = Connection.evidence_of_customers

    def evidence_of_customers(self, *arguments):
        rows = original(self, *arguments)
        column = rows.schema.get_field_index("version")
        return rows.set_column(column, "version", [np.zeros(len(rows), np.uint64)])

    patch.setattr(Connection, "evidence_of_customers", evidence_of_customers)


def believes_the_last_word(patch) -> None:
    original = Directory.apply_moves

    def told(self, moves):
        self._version.data[:] = 0
        return original(self, moves)

    patch.setattr(Directory, "apply_moves", told)


def forgets_what_was_not_sent(patch) -> None:
    original = IdentityWorker._restore

    def restore(self, partitions):
        original(self, partitions)
        self._unsent = None

    patch.setattr(IdentityWorker, "_restore", restore)


def forgets_what_was_prepared(patch) -> None:
    patch.setattr(Connection, "prepared", lambda *_: {})


def looks_at_the_model_alone(patch) -> None:
    original = Connection.model_in_force

    def model_in_force(self):
        found = original(self)
        return found._replace(changes=hash(found.hash))

    patch.setattr(Connection, "model_in_force", model_in_force)


@pytest.mark.parametrize(
    ("history", "bug"),
    [
        (evidence_of_a_handle_that_has_left, believes_what_comes_late),
        (evidence_that_was_outdone, restores_no_versions),
        (a_customer_that_was_outdone, believes_the_last_word),
        (a_write_that_was_never_told_of, forgets_what_was_not_sent),
        (a_change_of_the_model_under_way, forgets_what_was_prepared),
        (a_model_that_came_and_went, looks_at_the_model_alone),
    ],
)
@pytest.mark.parametrize("planted", [False, True])
def test_what_comes_late_or_not_at_all_changes_nothing(history, bug, planted, monkeypatch):
    if planted:
        bug(monkeypatch)
    cluster = opened()
    late = history(cluster)
    if not planted:
        check(cluster)
    for message in late:
        cluster.append(message)
    cluster.settle()
    with pytest.raises(AssertionError) if planted else nullcontext():
        check(cluster)


def restored(cluster: Cluster) -> None:
    """Bring the state of all frames' partitions in anew."""
    for node in cluster.nodes:
        node.workers[INTERACTIONS].reset()
        node.workers[INTERACTIONS].restore()


def test_a_broker_that_does_not_name_its_logs_yet_is_followed_through_its_upgrade_and_another_log_is_not():
    cluster = opened()
    for number, told in enumerate(["", "a topic", "", "a topic"]):
        cluster.log = told
        restored(cluster)
        cluster.take_in([event(str(number), "web.purchase", OTHERS)])
    cluster.log = "another topic"
    with pytest.raises(StoreError, match="recreated"):
        restored(cluster)
