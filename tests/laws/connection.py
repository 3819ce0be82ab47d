"""What workers ask of their store, in the simulation of a cluster: fenced by partition, on rows in memory."""

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from journey.identity.graph import IdentityGraph
from journey.identity.handle import KINDS
from journey.seen import Ids
from schemas.topics import INTERACTIONS
from streams.apath.in_force import InForce
from streams.engine.journey import Journey
from streams.fencing.port import FencedError
from streams.log.batch import Batch
from streams.log.frame import EVENTS
from streams.log.messages import DONE
from streams.store.port import SEQUENCED, StoreError
from tests.laws.memory import MemoryStore

if TYPE_CHECKING:
    from tests.laws.workers import Cluster


class Connection:
    """`streams.fencing.port.PartitionedStore` on a MemoryStore, for one worker of one node."""

    def __init__(self, world: "Cluster") -> None:
        self.world = world
        self.store = world.store
        self.world.connections += 1
        self.token = self.world.connections
        self.generations = {}
        self.doubtful = set()

    def take(self, topic, partitions):
        def enter():
            for place in ((topic, partition) for partition in partitions):
                self.world.generation += 1
                self.generations[place] = self.world.generation
                self.world.fences[place] = (self.token, self.world.generation)
                self.doubtful.discard(place)

        self.world.faults.write(enter, may_fail=True)

    def held(self, topic, partitions):
        self.world.faults.read()
        return {p for p in partitions if self.world.fences[topic, p][0] == self.token}

    def tenure(self, topic):
        return {p: (number, self.token) for (name, p), number in self.generations.items() if name == topic}

    def owners(self, topic):
        self.world.faults.read()
        return {
            p: (generation, token)
            for (name, p), (token, generation) in self.world.fences.items()
            if name == topic and generation
        }

    def customers_of(self, handles):
        self.world.faults.read()
        wanted = set(handles.tolist())
        return self._map([row for row in self.store.rows["identity_map"] if row["handle"] in wanted])

    def settle(self, topic, partitions):
        if doubtful := {p for p in partitions if (topic, p) in self.doubtful}:
            if self.held(topic, doubtful) != doubtful:
                raise FencedError("what is in doubt")
            self.take(topic, doubtful)

    def insert(self, topic, table, rows):
        self.world.interrupt(self.token)
        partitions = set(rows.column("_partition").to_pylist())
        self.write(topic, partitions, lambda: self.store.insert(table, rows))

    def write(self, topic, partitions, action):
        """Do an insert if the partitions are owned when it arrives, which may be long after it was given up."""
        sent = {(topic, p): (self.token, self.generations.get((topic, p))) for p in partitions}

        def arrive():
            if any(self.world.fences[place] != owner for place, owner in sent.items()):
                raise FencedError(f"{topic} {partitions}")
            action()

        try:
            if self.world.strikes(0.3):
                self.world.late.append(arrive)
                raise StoreError("no answer; it is on its way")  # noqa: TRY301
            self.world.faults.write(arrive, may_fail=True)
        except StoreError:
            self.doubtful |= sent.keys()
            raise

    def keep_poison(self, *_):
        raise AssertionError("nothing here is poison")

    def _mine(self, table, column, partitions):
        self.world.faults.read()
        return [row for row in self.store.rows[table] if row[column] % self.world.count in partitions]

    def watermarks(self, tables, partitions):
        self.world.faults.read()
        marks = self.store.watermarks()
        return {
            table: {p: offset for p, offset in marks[table].items() if p in partitions} for table in tables
        }

    def logs(self, partitions):
        self.world.faults.read()
        newest = {}
        for row in self.store.rows["deliveries"]:
            if row["_partition"] in partitions:
                newest[row["_partition"]] = max(
                    newest.get(row["_partition"], (0, "")), (row["_offset"], row["log"])
                )
        return {partition: log for partition, (_, log) in newest.items()}

    def _part(self, column, partitions):
        part = MemoryStore()
        for table in ("interactions", "deliveries"):
            part.rows[table] = self._mine(
                table, column if table == "interactions" else "_partition", partitions
            )
        return part

    def count_ids(self, partitions):
        return self._part("handle", partitions).count_ids()

    def known_ids(self, partitions):
        return self._part("handle", partitions).known_ids()

    def recent(self, partitions, window_us, most):
        return self._part("_partition", partitions).recent(window_us, most)

    def first_positions(self, ids: Ids, near):
        self.world.faults.read()
        return self.store.first_positions(ids, near)

    def stored(self, ids: Ids, near):
        self.world.faults.read()
        return self.store.stored(ids, near)

    def readable(self, brands, handles):
        self.world.faults.read()
        return self.store.readable(brands, handles)

    def handles(self, partitions):
        return self._map(self._mine("identity_map", "handle", partitions))

    def _map(self, rows):
        newest = {}
        for row in rows:
            if row["handle"] not in newest or newest[row["handle"]]["version"] < row["version"]:
                newest[row["handle"]] = row
        return pa.table(
            {
                "handle": pa.array(newest, pa.uint64()),
                "kind": pa.array([row["kind"] for row in newest.values()], pa.string()),
                **{
                    name: pa.array([row[name] for row in newest.values()], pa.uint64())
                    for name in ("customer", "previous", "version")
                },
            }
        )

    def evidence_of_handles(self, model, partitions):
        part = MemoryStore()
        part.rows["evidence"] = self._mine("evidence", "handle", partitions)
        return part.evidence(model)

    def evidence_of_customers(self, model, partitions):
        self.world.faults.read()
        known = {row["handle"]: row for row in self._map(self.store.rows["identity_map"]).to_pylist()}
        evidence = self.store.evidence(model)
        rows = [
            row
            for row in evidence.to_pylist()
            if known[row["handle"]]["customer"] % self.world.count in partitions
        ]
        last = defaultdict(int)
        for row in self.store.rows["evidence"]:
            if row["_partition"] == row["handle"] % self.world.count:
                key = row["brand"], row["handle"]
                last[key] = max(last[key], row["_offset"])
        table = pa.Table.from_pylist(rows, evidence.schema)
        return (
            table.append_column(
                "customer", pa.array([known[r["handle"]]["customer"] for r in rows], pa.uint64())
            )
            .append_column(
                "map_version", pa.array([known[r["handle"]]["version"] for r in rows], pa.uint64())
            )
            .append_column("version", pa.array([last[r["brand"], r["handle"]] for r in rows], pa.uint64()))
        )

    def announced(self, partitions):
        part = MemoryStore()
        part.rows["stage_changes"] = self._mine("stage_changes", "customer", partitions)
        return part.announced()

    def announced_under(self, partitions):
        part = MemoryStore()
        part.rows["stage_changes"] = self._mine("stage_changes", "customer", partitions)
        return part.announced_under()

    def last_sequence(self, table, partitions=None):
        self.world.faults.read()
        rows = self.store.rows[table]
        if partitions is not None:
            rows = [row for row in rows if row["_partition"] in partitions]
        return max((row[SEQUENCED[table]] for row in rows), default=0)

    def model_in_force(self):
        self.world.faults.read()
        name = self.world.model.hash
        return InForce(name, self.world.texts[name], self.world.switches)

    def prepared(self, partitions):
        self.world.faults.read()
        last = {}
        for state, model, text, partition, offset in self.world.changes:
            if partition in partitions and offset >= last.get(partition, (0,))[0]:
                last[partition] = (offset, state, model, text)
        in_force = self.world.model.hash
        return {
            p: text
            for p, (_, state, model, text) in last.items()
            if state == "prepared" and model != in_force
        }

    def recompute(self, model, partition, offset):
        self.world.interrupt(self.token)

        def weigh():
            rows = self._mine("interactions", "handle", {partition})
            there = [r for r in self._mine("evidence", "handle", {partition}) if r["model"] == model.hash]
            if rows and not there:
                self.store.insert("evidence", weighed(rows, model, partition, offset))

        self.write(INTERACTIONS, {partition}, weigh)

    def book_change(self, control, model, partition, offset):
        self.world.faults.write(
            lambda: self.world.changes.append((DONE[control.verb], model, control.model, partition, offset)),
            may_fail=True,
        )

    def erasing(self):
        return {}

    def tombstones(self):
        return {}

    def erasure_steps(self, _topic):
        return []

    def links(self):
        self.world.faults.read()
        return self.store.links()

    def linked_handles(self):
        linked = {
            row[f"{side}_handle"] for row in self.store.rows["identity_links"] for side in ("left", "right")
        }
        table = self.store.identity_map()
        return table.filter(pa.array([h in linked for h in table.column("handle").to_pylist()], pa.bool_()))

    def moves_of(self, version):
        self.world.faults.read()
        return self._map([row for row in self.store.rows["identity_map"] if row["version"] == version])


def weighed(rows, model, partition, offset):
    """Return the rows of evidence that stored interactions give under a model."""
    records = [
        row
        | {
            "kinds": [KINDS.index(kind) for kind in row["kinds"]],
            "amount": None if row["amount"] is None else int(row["amount"] * 10_000),
        }
        for row in rows
    ]
    events = pa.Table.from_pylist(records, EVENTS)
    count = len(rows)
    batch = Batch(
        events, np.full(count, partition, np.uint16), np.full(count, offset, np.uint64)
    ).touches_only()
    graph = IdentityGraph(model.identity)
    slots = graph.slots(np.asarray(batch.numpy("handle"), np.uint64), np.zeros(len(batch), np.uint8))
    table, _ = Journey(model, graph).process(batch, slots)
    return table
