"""One worker process of the simulation: it crashes, stands still, loses partitions, and goes on when it should not."""

from collections import defaultdict
from typing import TYPE_CHECKING

from schemas.topics import EVIDENCE, IDENTITY_MAP, INTERACTIONS, LINKS
from streams.fencing.port import FencedError
from streams.log.messages import Message
from streams.store.port import StoreError
from streams.workers.identity import IdentityWorker
from streams.workers.intake import IntakeWorker
from streams.workers.journey import JourneyWorker
from streams.workers.partition_task import SendError
from tests.laws.connection import Connection
from tests.laws.world import Crash

if TYPE_CHECKING:
    from tests.laws.workers import Cluster

LANES = {INTERACTIONS: (INTERACTIONS, IDENTITY_MAP), LINKS: (LINKS,), EVIDENCE: (EVIDENCE,)}


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
