"""Bugs to plant in the workers, by name: each is a patch that the simulation of a cluster must catch."""

import numpy as np
import pyarrow as pa

from journey.identity.membership import Membership
from streams.engine.intake import Intake
from streams.workers import journey, writer
from streams.workers.directory import Directory
from streams.workers.evidence import Weighing
from streams.workers.identity import IdentityWorker
from streams.workers.intake import IntakeWorker
from streams.workers.journey import JourneyWorker, Versions
from streams.workers.outgoing import SentPairs
from streams.workers.owner import Owner
from tests.laws.bugs import Bugs
from tests.laws.connection import Connection
from tests.laws.node import Node

bug = BUGS = Bugs()


@bug("the fence is skipped")
def _(patch):
    def insert(self, topic, table, rows):
        self.world.interrupt(self.token)
        self.world.faults.write(lambda: self.store.insert(table, rows), may_fail=True)

    patch.setattr(Connection, "insert", insert)


@bug("what is in doubt is not settled before it is asked for")
def _(patch):
    patch.setattr(Connection, "settle", lambda *_: None)


@bug("partitions that others have had meanwhile keep their state")
def _(patch):
    def take(self, partitions):
        wanted = frozenset(partitions)
        self._store.take(self._topic, wanted - self._store.held(self._topic, self.owned & wanted))
        self.owned = wanted

    patch.setattr(Owner, "take", take)


@bug("a failed insert is repeated without looking")
def _(patch):
    patch.setattr(writer.Writer, "_look_again", lambda _self, _table, rows: rows)


@bug("a failed insert is taken for done")
def _(patch):
    patch.setattr(writer.Writer, "_look_again", lambda _self, _table, rows: rows.slice(0, 0))


@bug("after a failure a worker goes on with its state")
def _(patch):
    for worker in (IntakeWorker, IdentityWorker, JourneyWorker):
        original = worker.reset

        def reset(self, original=original):
            if "_unsettled" not in self.__dict__ and "_done" not in self.__dict__:
                original(self)

        patch.setattr(worker, "reset", reset)


@bug("records are acknowledged before what follows from them is sent")
def _(patch):
    original = Node._read

    def read(self, lane):
        batch = original(self, lane)
        self._commit(lane, batch)
        return batch

    patch.setattr(Node, "_read", read)


@bug("the watermark is ignored when rows are written")
def _(patch):
    patch.setattr(writer, "after", lambda rows, _watermark: rows)


@bug("the watermark is ignored when evidence is added to the state")
def _(patch):
    def evidence(self, journey, batch, slots):
        return journey.process(batch, slots)

    patch.setattr(Weighing, "_evidence", evidence)


@bug("a frame that was dealt with is taken again")
def _(patch):
    class Nothing(dict):
        def __getitem__(self, _partition):
            return 0

    original = IntakeWorker.reset

    def reset(self):
        original(self)
        self._done = Nothing()

    patch.setattr(IntakeWorker, "reset", reset)


@bug("remembered ids are not restored")
def _(patch):
    patch.setattr(Intake, "restore", lambda *_: None)


@bug("the customer that a handle leaves is not told")
def _(patch):
    original = IntakeWorker._send_moved

    def send_moved(self, moves):
        column = moves.schema.get_field_index("previous")
        return original(self, moves.set_column(column, "previous", moves.column("customer")))

    patch.setattr(IntakeWorker, "_send_moved", send_moved)


@bug("the customer that a handle comes to is not told")
def _(patch):
    patch.setattr(IntakeWorker, "_send_moved", lambda *_: [])


@bug("the customers of handles are not restored")
def _(patch):
    original = Connection.handles

    def handles(self, partitions):
        rows = original(self, partitions)
        column = rows.schema.get_field_index("customer")
        return rows.set_column(column, "customer", rows.column("handle"))

    patch.setattr(Connection, "handles", handles)


@bug("new handles are not written to the map")
def _(patch):
    original = Directory.lone_rows
    patch.setattr(Directory, "lone_rows", lambda self, *args: original(self, *args).slice(0, 0))


@bug("a pair that was sent before is not sent again, whatever was decided")
def _(patch):
    original = SentPairs.new

    def new_alone(self, rows):
        pairs = zip(
            rows.column("left_handle").to_pylist(), rows.column("right_handle").to_pylist(), strict=True
        )
        new = np.array([pair not in self._sent for pair in pairs], dtype=bool)
        return original(self, rows.filter(pa.array(new)))

    patch.setattr(SentPairs, "new", new_alone)


@bug("pairs are remembered as sent although sending failed")
def _(patch):
    original = IntakeWorker.reset

    def reset(self):
        sent = self.__dict__.get("_sent", SentPairs())
        original(self)
        self._sent = sent

    patch.setattr(IntakeWorker, "reset", reset)


@bug("versions of evidence are ignored")
def _(patch):
    patch.setattr(Versions, "newer", lambda _self, keys, _versions: np.ones(len(keys), bool))


@bug("versions of the map are ignored")
def _(patch):
    original = Membership.assign
    newest = 2**60

    def assign(self, slots, roots, versions):
        return original(self, slots, roots, np.full(len(versions), newest, np.uint64))

    patch.setattr(Membership, "assign", assign)


@bug("the evidence of a handle that has left is kept")
def _(patch):
    original = journey.JourneyWorker._take_up

    def take_up(self, rows, partitions):
        put = self._journey.state.put
        self._journey.state.put = lambda pairs, sums: None if np.isnan(sums).all() else put(pairs, sums)
        try:
            return original(self, rows, partitions)
        finally:
            del self._journey.state.put

    patch.setattr(JourneyWorker, "_take_up", take_up)


@bug("evidence of customers is not restored")
def _(patch):
    original = Connection.evidence_of_customers
    patch.setattr(
        Connection, "evidence_of_customers", lambda self, *arguments: original(self, *arguments).slice(0, 0)
    )


@bug("announcements are not restored")
def _(patch):
    original = Connection.announced
    patch.setattr(Connection, "announced", lambda self, partitions: original(self, partitions).slice(0, 0))


@bug("announcements are numbered from one after a restart")
def _(patch):
    original = Connection.last_sequence

    def last_sequence(self, table, partitions=None):
        return 0 if table == "stage_changes" else original(self, table, partitions)

    patch.setattr(Connection, "last_sequence", last_sequence)


@bug("writes of the map are numbered from one after a restart")
def _(patch):
    original = Connection.last_sequence

    def last_sequence(self, table, partitions=None):
        return 0 if table == "identity_map" else original(self, table, partitions)

    patch.setattr(Connection, "last_sequence", last_sequence)


@bug("after a restart nobody is compared with what was announced")
def _(patch):
    original = JourneyWorker._restore

    def restore(self, partitions):
        original(self, partitions)
        self._unsettled = False

    patch.setattr(JourneyWorker, "_restore", restore)


@bug("after a restart no handle is compared with the map")
def _(patch):
    original = IdentityWorker._restore

    def restore(self, partitions):
        original(self, partitions)
        self._unsettled = False

    patch.setattr(IdentityWorker, "_restore", restore)


@bug("links are not restored")
def _(patch):
    original = Connection.links
    patch.setattr(Connection, "links", lambda self: original(self).slice(0, 0))


@bug("lapses are not announced")
def _(patch):
    patch.setattr(JourneyWorker, "tick", lambda *_: [])


@bug("a model is switched to without its evidence")
def _(patch):
    patch.setattr(Connection, "recompute", lambda *_: None)


@bug("the workers do not go over to the model in force")
def _(patch):
    patch.setattr(Owner, "refresh", lambda _self: None)
