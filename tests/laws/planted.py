"""Bugs to plant, by name: each is a patch of the code that the simulation must catch (this tests the tests)."""

import numpy as np

from journey import journeys, seen
from journey.identity import graph, links
from journey.journeys import Changes, Pairs
from journey.seen import UNSEEN
from streams.engine import conflicts, engine, intake
from streams.engine import identity as identity_processor
from streams.engine import journey as journey_processor
from streams.log.batch import Batch
from streams.store.port import StoreError
from tests.laws import world
from tests.laws.bugs import Bugs

bug = BUGS = Bugs()


@bug("the offset is committed before the inserts")
def _(patch):
    def drain(self):
        while records := self._read():
            for record in records:
                self.position[record.partition] = record.offset
            for partition in {record.partition for record in records}:
                self.commit(partition)
            self.engine.step(records, self.now())

    patch.setattr(world.World, "drain", drain)


@bug("the watermark is ignored when rows are written")
def _(patch):
    patch.setattr(engine, "after", lambda rows, _watermark: rows)


@bug("the watermark is ignored when evidence is added to the state")
def _(patch):
    original = engine.Engine._of
    patch.setattr(
        engine.Engine, "_of", lambda self, table: {} if table == "evidence" else original(self, table)
    )


@bug("one table's watermark is taken for all")
def _(patch):
    patch.setattr(engine.Engine, "_of", lambda self, _table: self._watermarks["interactions"])


@bug("the watermark is off by one")
def _(patch):
    original = engine.Engine._of
    patch.setattr(
        engine.Engine,
        "_of",
        lambda self, table: {p: offset - 1 for p, offset in original(self, table).items()},
    )


@bug("rows carry the first offset of their batch, not the last")
def _(patch):
    def first(partitions, batch):
        least = np.full(2**16, np.iinfo(np.uint64).max, dtype=np.uint64)
        np.minimum.at(least, batch.partition, batch.offset)
        return journey_processor.pa.array(least[partitions.to_numpy()])

    patch.setattr(journey_processor, "last_offsets", first)


@bug("whatever is not after the last position is a duplicate")
def _(patch):
    def by_position(ids, positions, first):
        return np.r_[False, positions[1:] == positions[:-1]] if len(positions) else np.zeros(0, bool)

    patch.setattr(intake, "duplicates", by_position)


@bug("a replay is taken for a duplicate")
def _(patch):
    original = seen.duplicates
    patch.setattr(intake, "duplicates", lambda ids, at, first: original(ids, at, first) | (first != UNSEEN))


@bug("a repeat within the batch is not seen")
def _(patch):
    patch.setattr(intake, "duplicates", lambda _ids, at, first: (first != UNSEEN) & (first != at))


@bug("remembered ids are not restored")
def _(patch):
    patch.setattr(intake.Intake, "restore", lambda *_: None)


@bug("ids older than the window are not looked up")
def _(patch):
    original = seen.SeenIds.first_positions
    patch.setattr(
        seen.SeenIds, "first_positions", lambda self, ids: (original(self, ids)[0], np.empty(0, np.intp))
    )


@bug("the filter does not know the ids whose positions are forgotten")
def _(patch):
    patch.setattr(seen.SeenIds, "note", lambda *_: None)


@bug("a repeat with another time is another event")
def _(patch):
    original = intake.event_ids

    def with_time(batch):
        ids = original(batch)
        return seen.Ids(ids.high ^ batch.numpy("time").astype(np.uint64), ids.low)

    patch.setattr(intake, "event_ids", with_time)


@bug("a repeat is compared with the latest, not with the one that counts")
def _(patch):
    def latest(ids, _repeated, repeats):
        keys = list(zip(ids.high.tolist(), ids.low.tolist(), strict=True))
        return np.array(
            [next((i for i in range(r - 1, -1, -1) if keys[i] == keys[r]), -1) for r in repeats], int
        )

    patch.setattr(conflicts, "_first_in_batch", latest)


@bug("repeats of stored events are not compared")
def _(patch):
    patch.setattr(
        conflicts,
        "_from_store",
        lambda batch, _ids, rows, _stored: (rows[:0], conflicts._content(batch.events, rows[:0])),
    )


@bug("links are not withdrawn")
def _(patch):
    patch.setattr(links.LinkColumns, "_withdrawn", lambda _self, rows: np.zeros(len(rows), dtype=bool))


@bug("the last decision heard wins, not the latest made")
def _(patch):
    def decide(self, row, withdrawn_us, restored_us):
        self._decisions[row] = withdrawn_us, restored_us

    patch.setattr(links.LinkColumns, "_decide", decide)


@bug("rings of members are not rebuilt")
def _(patch):
    patch.setattr(graph, "ring", lambda _labels, members: members)


@bug("caps on handles are ignored")
def _(patch):
    patch.setattr(graph.IdentityGraph, "shared", lambda _self, slots: np.zeros(len(slots), dtype=bool))


@bug("links are not restored")
def _(patch):
    kind = identity_processor.Identity
    original = kind.restore
    patch.setattr(kind, "restore", lambda self, said, mapped: original(self, said.slice(0, 0), mapped))


@bug("the map of handles is not brought up to date for moved handles")
def _(patch):
    def only_new(self, _moved):
        known = len(self._mapped)
        self._grow()
        return np.arange(known, len(self._mapped))

    patch.setattr(identity_processor.Identity, "changed", only_new)


@bug("evidence goes into the state and not into the table")
def _(patch):
    original = journey_processor.Journey.process

    def unwritten(self, batch, slots):
        rows, touched = original(self, batch, slots)
        return rows.slice(0, max(0, len(rows) - 1)), touched

    patch.setattr(journey_processor.Journey, "process", unwritten)


@bug("evidence goes into the table and not into the state")
def _(patch):
    original = journeys.Journeys.add
    patch.setattr(
        journeys.Journeys, "add", lambda self, pairs, sums: original(self, pairs, np.full_like(sums, np.nan))
    )


@bug("evidence is not restored")
def _(patch):
    kind = journey_processor.Journey
    original = kind.restore
    patch.setattr(kind, "restore", lambda self, sums, handles: original(self, sums.slice(0, 0), handles[:0]))


@bug("a sum is taken where the maximum belongs")
def _(patch):
    original = journey_processor._fold

    def fold(ufunc, values, group, size, start):
        summed = ufunc is np.maximum
        return original(np.add if summed else ufunc, values, group, size, 0 if summed else start)

    patch.setattr(journey_processor, "_fold", fold)


@bug("what a refund takes back is added")
def _(patch):
    original = journey_processor.Model.revenue_sign
    patch.setattr(journey_processor.Model, "revenue_sign", lambda self, name: abs(original(self, name)))


@bug("a failed insert is repeated without looking")
def _(patch):
    patch.setattr(engine.Engine, "_look_again", lambda _self, _table, rows: rows)


@bug("a failed insert is taken for done")
def _(patch):
    patch.setattr(engine.Engine, "_look_again", lambda _self, _table, rows: rows.slice(0, 0))


@bug("a batch that the store does not take is dropped")
def _(patch):
    original = engine.Engine._write

    def write(self, table, rows):
        try:
            original(self, table, rows)
        except StoreError:
            return

    patch.setattr(engine.Engine, "_write", write)


@bug("after a failure the process goes on with its state")
def _(patch):
    def until_done(self, work):
        while True:
            try:
                work()
            except world.Crash:
                self.restart()
            except StoreError:
                self.position = list(self.log.committed)
            else:
                return

    patch.setattr(world.World, "_until_done", until_done)


@bug("customers who joined another are not announced as gone")
def _(patch):
    none = np.empty(0, np.int64)
    short = none.astype(np.int8)
    patch.setattr(journeys.Journeys, "_absorbed", lambda *_: Changes(none, none, short, short, none, short))


@bug("announcements are not restored")
def _(patch):
    patch.setattr(journeys.Journeys, "restore_announced", lambda *_: None)


@bug("after a restart nobody is compared with what was announced")
def _(patch):
    original = engine.Engine.restore

    def settled(self):
        original(self)
        self._unsettled = False

    patch.setattr(engine.Engine, "restore", settled)


@bug("writes are numbered from one after a restart")
def _(patch):
    original = engine.Engine.restore

    def renumbered(self):
        original(self)
        self._sequence = 0

    patch.setattr(engine.Engine, "restore", renumbered)


@bug("lapses are not announced")
def _(patch):
    patch.setattr(journeys.Journeys, "due", lambda *_: Pairs.none())


@bug("who parted from a customer is not looked at")
def _(patch):
    original = journeys.Journeys.customers_of
    patch.setattr(journeys.Journeys, "customers_of", lambda self, slots: original(self, slots[:1]))


@bug("dead letters are written again after a crash")
def _(patch):
    original = engine.Engine._of
    patch.setattr(
        engine.Engine, "_of", lambda self, table: {} if table == "dead_letters" else original(self, table)
    )


@bug("links of handles are counted as touches")
def _(patch):
    patch.setattr(Batch, "touches_only", lambda self: self)
