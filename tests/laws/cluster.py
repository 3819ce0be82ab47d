"""The simulation of workers: partitions, topics, nodes that crash, lose partitions, and go on when they should not."""

from collections import defaultdict
from contextlib import suppress
from random import Random

import numpy as np
import pyarrow as pa

from journey.handle import KINDS
from journey.identity import IdentityGraph
from journey.seen import Ids
from schemas.apath import parse_model
from schemas.topics import DEAD_LETTERS, EVIDENCE, IDENTITY_MAP, INTERACTIONS, LINKS
from streams.batch import Batch
from streams.clock import to_us
from streams.edge import Edge
from streams.frames import EVENTS, encode
from streams.models import InForce
from streams.ports import SEQUENCED, StoreError
from streams.processors.journey import Journey
from streams.workers.identity import IdentityWorker
from streams.workers.intake import IntakeWorker
from streams.workers.journey import JourneyWorker
from streams.workers.lane import SendError
from streams.workers.messages import ABANDON, DONE, PREPARE, Control, Message, pack_control
from streams.workers.ports import FencedError, LogSpan
from tests.laws.compare import check
from tests.laws.history import DAY_US, HOUR_US, MODEL, TEXT, History, history
from tests.laws.memory import MemoryStore
from tests.laws.oracle import named
from tests.laws.world import KEY, Crash, Faults

OTHER_TEXT = TEXT.replace("user = 2, email = 2", "user = 1, email = 1").replace(
    "threshold = 2", "threshold = 1"
)
OTHER = parse_model(OTHER_TEXT)
_ROUNDS = 1_000  # in which all that was sent must be done
LANES = {INTERACTIONS: (INTERACTIONS, IDENTITY_MAP), LINKS: (LINKS,), EVIDENCE: (EVIDENCE,)}


class Connection:
    """`streams.workers.ports.PartitionedStore` on a MemoryStore, for one worker of one node."""

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

    def newest_us(self, partitions):
        return max(
            (to_us(row["time"]) for row in self._mine("interactions", "handle", partitions)), default=None
        )

    def ids_since(self, time_us, partitions):
        part = MemoryStore()
        part.rows["interactions"] = self._mine("interactions", "handle", partitions)
        return part.ids_since(time_us)

    def first_positions(self, ids: Ids, slack_us):
        self.world.faults.read()
        return self.store.first_positions(ids, slack_us)

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


class Node:
    """One worker process: three processors, what it believes to own, and how far it has read."""

    def __init__(self, world: "Cluster", number: int) -> None:
        self.world = world
        self.number = number
        self.assigned: dict[str, frozenset[int]] = dict.fromkeys(LANES, frozenset())
        self.start()

    def start(self) -> None:
        """Be a new process with the same assignment."""
        options = {"partitions": self.world.count, "wait": lambda _s: None}
        connections = {lane: Connection(self.world) for lane in LANES}
        self.tokens = {connection.token for connection in connections.values()}
        self.workers = {
            INTERACTIONS: IntakeWorker(
                connections[INTERACTIONS],
                self.world.model,
                window_us=self.world.history.window_us,
                log=self.world.ends,
                **options,
            ),
            LINKS: IdentityWorker(connections[LINKS], self.world.model, **options),
            EVIDENCE: JourneyWorker(connections[EVIDENCE], self.world.model, **options),
        }
        self.fenced = dict.fromkeys(LANES, False)
        self.taken = dict.fromkeys(LANES, False)
        self.rewind()

    def rewind(self) -> None:
        """Read on from what is committed, as after every assignment."""
        self.at = defaultdict(int, self.world.committed)

    def assign(self, lane: str, partitions: frozenset[int]) -> None:
        self.assigned[lane] = partitions
        self.fenced[lane] = self.taken[lane] = False

    def work(self, lane: str) -> bool:
        """Do one batch of a lane, or a tick; return whether there was anything to read."""
        if self.fenced[lane] or not self.assigned[lane]:
            return False
        worker = self.workers[lane]
        try:
            if not self.taken[lane]:
                worker.take(self.assigned[lane])
                self.taken[lane] = True
            worker.restore()
            worker.refresh()
            batch = self._read(lane)
            outgoing = worker.step(batch, self.world.now()) if batch else worker.tick(self.world.now())
            while outgoing:
                self.world.interrupt(next(iter(self.tokens)), node=self)
                if self.world.strikes(self.world.stills):
                    self._stand_still(outgoing)
                    return True
                self._hand_over(outgoing.pop(0))
            if self.world.strikes(0.5):
                self.world.rebalance(share=0.0)  # what was not committed before is read again
            else:
                self._commit(lane, batch)
        except FencedError:
            worker.reset()
            self.fenced[lane] = True
            return True
        except (StoreError, SendError):
            worker.reset()
            self.rewind_lane(lane)
            return True
        except Crash:
            self.start()
            return True
        return bool(batch)

    def _hand_over(self, out) -> None:
        if self.world.strikes(0.15):
            raise SendError("Kafka does not take it")
        self.world.send(out)

    def _stand_still(self, outgoing) -> None:
        """Be taken for dead before sending, and send when others have long gone on."""
        self.world.late.append(lambda: [self.world.append(out) for out in outgoing])
        self.world.rebalance(without=self, share=0.0)
        if len(self.world.nodes) > 1:
            self.assigned = dict.fromkeys(LANES, frozenset())
        self.start()

    def rewind_lane(self, lane: str) -> None:
        for topic in LANES[lane]:
            for partition in self.assigned[lane]:
                self.at[topic, partition] = self.world.committed[topic, partition]

    def _read(self, lane: str) -> list[Message]:
        random, batch = self.world.random, []
        places = [(topic, p) for topic in LANES[lane] for p in self.assigned[lane]]
        for _ in range(random.randint(1, 5)):
            waiting = [place for place in places if len(self.world.topics[place]) > self.at[place]]
            if not waiting:
                break
            place = random.choice(waiting)
            self.at[place] += 1
            batch.append(Message(*place, self.at[place], self.world.topics[place][self.at[place] - 1]))
        return batch

    def _commit(self, lane: str, batch: list[Message]) -> None:
        for message in batch:
            place = (message.topic, message.partition)
            if self.world.owner[lane, message.partition] is self:  # Kafka refuses others
                offset = max(self.world.committed[place], message.offset)
                self.world.faults.write(lambda p=place, o=offset: self.world.commit(p, o), may_fail=False)


class Cluster:
    """One run of a history on several nodes. The seed decides cuts, clock, faults, rebalances and who works when."""

    def __init__(self, history: History, seed: int, *, calm: bool = False, packed_right: bool = True) -> None:
        self.packed_right = packed_right  # whether frames come to the partition of their handles
        self.random = Random(f"cluster {seed}")
        self.history = history
        self.count = history.partitions
        self.faults = Faults(self.random, 0.0 if calm else self.random.choice([0.0, 0.01, 0.03, 0.08]))
        self.takeovers = 0 if calm else self.random.choice([0, 3, 12, 30])
        self.eager = self.random.choice([0.05, 0.3])  # how likely a node is stopped where it can be
        self.stills = self.random.choice([0.05, 0.3, 0.8])  # the same just before something is sent
        self.late: list = []  # what is on its way,
        self.lateness = self.random.choice([0.0, 0.01, 0.1])  # how likely something of it arrives
        self.haunted = not calm and self.random.random() < 0.4  # by what was sent before others began
        if self.haunted:
            self.takeovers, self.eager, self.stills, self.lateness = 30, 0.1, 0.8, 0.0
        self.diligence = self.random.choice(
            [(1, 1, 1), (1, 1, 1), (8, 1, 1), (8, 1, 8), (8, 8, 1), (1, 8, 8)]
        )
        self.generation = self.connections = 0
        self.store = MemoryStore()
        self.log = "a topic"  # as its broker names it
        self.topics = defaultdict(list)
        self.committed = defaultdict(int)
        self.fences = defaultdict(lambda: (None, None))
        self.owner = {}
        self.switches = 0
        self.model = MODEL
        self.texts = {model.hash: text for model, text in ((MODEL, TEXT), (OTHER, OTHER_TEXT))}
        self.changes = []
        self.changing = self.change() if not calm and self.random.random() < 0.5 else iter(())
        self.logged = []
        self.edge = Edge(KEY)
        self.base_us = self.offset_us = self.latest_us = 0
        self.busy: list = []
        self.nodes = [Node(self, number) for number in range(self.random.choice([1, 2, 3]))]
        self.rebalance()

    def ends(self, partitions):
        return {
            p: LogSpan(self.committed[INTERACTIONS, p], len(self.topics[INTERACTIONS, p]), self.log)
            for p in partitions
        }

    @property
    def model(self):
        """The model in force."""
        return self._model

    @model.setter
    def model(self, model) -> None:
        self._model = model
        self.switches += 1

    @property
    def frames(self) -> int:
        """How many records the topic of frames has."""
        return sum(len(values) for (topic, _), values in self.topics.items() if topic == INTERACTIONS)

    def now(self) -> int:
        now_us = self.base_us + self.offset_us
        self.latest_us = max(self.latest_us, now_us)
        return now_us

    def commit(self, place, offset) -> None:
        self.committed[place] = offset

    def send(self, out) -> None:
        """Append a message, at times twice: the producer had no answer and sent it again in another process."""
        if out.topic == DEAD_LETTERS:
            return  # for others to read
        self.faults.write(lambda: self.append(out), may_fail=False)
        if self.faults.rate and self.random.random() < 0.03:
            self.append(out)

    def append(self, out) -> None:
        if out.topic != DEAD_LETTERS:
            self.topics[out.topic, out.partition].append(out.value)

    def strikes(self, share: float) -> bool:
        """Whether something is cut off here, and arrives later: as often as nodes are stopped."""
        if not self.takeovers or self.busy or self.random.random() > self.eager * share:
            return False
        self.takeovers -= 1
        return True

    def deliver(self) -> None:
        """Let something arrive that was on its way; nobody waits for it any more."""
        with suppress(FencedError, StoreError):
            self.late.pop(self.random.randrange(len(self.late)))()

    def rebalance(self, without: Node | None = None, *, share: float = 1.0) -> None:
        """Deal a share of all partitions out anew; `without` does not hear of it, and goes on as it was."""
        nodes = [node for node in self.nodes if node is not without] or self.nodes
        dealt = {node: {lane: set() for lane in LANES} for node in nodes}
        for lane in LANES:
            for partition in range(1 if lane == LINKS else self.count):
                node = self.owner.get((lane, partition))
                if node not in nodes or self.random.random() < share:
                    node = self.random.choice(nodes)
                dealt[node][lane].add(partition)
                self.owner[lane, partition] = node
        for node, lanes in dealt.items():
            for lane, partitions in lanes.items():
                node.assign(lane, frozenset(partitions))
            node.rewind()

    def interrupt(self, token, node: Node | None = None) -> None:
        """A node is stopped just before a write; others take over and work; then it goes on."""
        if len(self.nodes) == 1 or not self.strikes(1.0):
            return
        stopped = node or next(each for each in self.nodes if token in each.tokens)
        self.busy.append(stopped)
        try:
            self.rebalance(without=stopped, share=self.random.choice([0.0, 0.3]))
            for _ in range(self.random.randint(1, 20)):
                self.some_work(without=stopped)
        finally:
            self.busy.pop()

    def some_work(self, without: Node | None = None) -> None:
        node = self.random.choice([node for node in self.nodes if node is not without])
        node.work(*self.random.choices(list(LANES), self.diligence))
        if self.late and self.random.random() < self.lateness:
            self.deliver()

    def run(self) -> "Cluster":
        for partition, items in self._cuts():
            if self.random.random() < 0.2:
                step_us = self.random.choice([-HOUR_US, HOUR_US, 5 * DAY_US, 20 * DAY_US, -20 * DAY_US])
                self.offset_us = max(self.offset_us + step_us, -2 * HOUR_US)
            self.base_us = max([self.base_us, *(item.event["_us"] for item in items if item.event)])
            self._accept(partition, items)
            for _ in range(self.random.randint(0, 6)):
                self.some_work()
            if self.random.random() < 0.3:
                next(self.changing, None)
            if self.random.random() < 0.05:
                self.rebalance(share=self.random.choice([0.0, 0.3, 1.0]))
            if self.random.random() < 0.1 and self.model is MODEL:
                self.look()
        self.finish()
        return self

    def take_in(self, items) -> None:
        """Accept items, each in a frame of its own, and have everything done."""
        for item in items:
            self.accept(item)
        self.settle()

    def accept(self, item) -> None:
        """Accept an item in a frame of its own."""
        self._accept(self._partition(item), [item])

    def restart(self) -> None:
        """Start every process anew, and have everything done."""
        for node in self.nodes:
            node.start()
        self.rebalance()
        self.settle()

    def look(self) -> None:
        """Have everything done that was sent so far, and compare: what goes wrong now may be made good later."""
        left, takeovers = self.faults.left, self.takeovers
        self.faults.left = self.takeovers = 0
        self.offset_us = self.latest_us - self.base_us
        self.settle()
        check(self)
        self.faults.left, self.takeovers = left, takeovers

    def finish(self, ahead_us: int = 0) -> None:
        """Process everything that is left, then tick at the latest time that the clock has shown, or later."""
        self.latest_us += ahead_us
        self.offset_us = self.latest_us - self.base_us
        self.faults.left = self.takeovers = 0
        for node in self.nodes if self.faults.rate and self.random.random() < 0.15 else ():
            node.start()  # at times only, since much that got lost is made good by it
        for _ in self.changing:
            self.settle()
        self.settle()
        if self.late and self.haunted:
            check(self)
            self.restart()  # who stood still wakes up to others who know only what the tables say
        while self.late:
            self.deliver()
            self.settle()

    def change(self):
        """Put the other model in force and then ours again, as `journey model apply` does, a step at a time."""
        for number, model in enumerate((OTHER, MODEL)):
            if self.random.random() < 0.3:  # a change that is given up half-way
                yield from self.ask(
                    f"{number} given up", PREPARE, OTHER if model is MODEL else MODEL, wait=False
                )
            yield from self.ask(f"{number} abandon", ABANDON, None)
            rows = self.store.rows["evidence"]
            if self.model is not model:
                rows[:] = [row for row in rows if row["model"] != model.hash]
            yield from self.ask(f"{number} prepare", PREPARE, model)
            self.model = model
            yield

    def ask(self, change, verb, model, *, wait=True):
        control = Control(verb, change, self.texts[model.hash] if model else "")
        at = {}
        for partition in range(self.count):
            self.topics[INTERACTIONS, partition].append(pack_control(control))
            at[partition] = len(self.topics[INTERACTIONS, partition])
            yield
        said = (DONE[verb], control.model)
        while wait and not {(*said, p, offset) for p, offset in at.items()} <= {
            (state, text, p, offset) for state, _, text, p, offset in self.changes
        }:
            yield

    def settle(self) -> None:
        for _ in range(_ROUNDS):
            worked = [node.work(lane) for node in self.nodes for lane in LANES]
            behind = [place for place, values in self.topics.items() if len(values) > self.committed[place]]
            if not any(worked) and not behind:
                return
            if any(node.fenced[lane] for node in self.nodes for lane in LANES):
                self.rebalance(share=0.0)
        raise AssertionError(f"there is no end of work, and {behind} are behind")

    def _cuts(self):
        items = list(self.history.items)
        while items:
            size = self.random.choice([1, 1, 2, 3, 5, 9])
            taken, items = items[:size], items[size:]
            for partition in range(self.count):
                here = [item for item in taken if self._partition(item) == partition]
                if here:
                    yield partition, here

    def _partition(self, item) -> int:
        return named(item.event, KEY)[0][1] % self.count if item.event else 0

    def _accept(self, partition: int, items) -> None:
        frame = encode(self.edge.pack([item.line for item in items], topic="t", now_us=self.now()))
        at = partition if self.packed_right else self.random.randrange(self.count)
        self.topics[INTERACTIONS, at].append(frame)
        self.logged.extend(items)


def run(seed: int) -> Cluster:
    """Run one history on several nodes under faults and compare; then let time pass and compare again."""
    cluster = Cluster(history(seed), seed).run()
    check(cluster)
    cluster.finish(ahead_us=40 * DAY_US)
    check(cluster)
    return cluster


def run_packed_wrong(seed: int) -> None:
    """Run one history whose frames come to any partition, without faults, and compare."""
    check(Cluster(history(seed), seed, calm=True, packed_right=False).run())
