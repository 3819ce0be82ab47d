"""The simulation of workers: partitions, topics, and nodes among which partitions go to and fro."""

from collections import defaultdict
from contextlib import suppress
from random import Random

from schemas.topics import DEAD_LETTERS, INTERACTIONS, LINKS
from streams.edge import Edge
from streams.edge.readable import Sealing
from streams.fencing.port import FencedError
from streams.log.frame import encode
from streams.log.lag import LogSpan
from streams.log.messages import ABANDON, DONE, PREPARE, Control, pack_control
from streams.store.port import StoreError
from tests.laws.compare import check
from tests.laws.history import DAY_US, HOUR_US, MODEL, OTHER, OTHER_TEXT, TEXT, History, history
from tests.laws.memory import MemoryStore
from tests.laws.node import LANES, Node
from tests.laws.oracle import named
from tests.laws.world import KEYS, Faults

_ROUNDS = 1_000  # in which all that was sent must be done


class Cluster:
    """One run of a history on several nodes. The seed decides cuts, clock, faults, rebalances and who works when."""

    def __init__(
        self,
        history: History,
        seed: int,
        *,
        calm: bool = False,
        packed_right: bool = True,
        sealing: Sealing | None = None,
    ) -> None:
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
        self.key = KEYS[seed % 2]
        self.edge = Edge(self.key, sealing=sealing)
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
        return named(item.event, self.key)[0][1] % self.count if item.event else 0

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
