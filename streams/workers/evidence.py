"""Keeps the evidence of the handles that intake owns, under the active model and under one that is being activated."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.journeys import Pairs
from journey.model import Model
from streams.engine.journey import Journey
from streams.fencing.port import PartitionedStore
from streams.log.batch import Batch
from streams.workers.directory import Directory
from streams.workers.writer import Writer

__all__ = ["Weighing"]

Ints = NDArray[np.int64]


class Weighing:
    """The state of journeys under one model, and under a second in the partitions that were prepared for it.

    Parameters
    ----------
    model
        The active A-Path model.
    owned
        The handles whose evidence it is.
    store
        Where evidence comes from.
    writer
        Returns which evidence the table has already.
    """

    def __init__(self, model: Model, owned: Directory, store: PartitionedStore, writer: Writer) -> None:
        self._owned = owned
        self._store = store
        self._writer = writer
        self._journey = Journey(model, owned.graph)
        self._next: Journey | None = None
        self._prepared: set[int] = set()

    @property
    def journeys(self) -> list[Journey]:
        """The active model first, then the one to come."""
        return [self._journey] if self._next is None else [self._journey, self._next]

    def restore(self, partitions: Collection[int]) -> None:
        """Restore the evidence of partitions under the active model."""
        self._take_up(self._journey, partitions)

    def _take_up(self, journey: Journey, partitions: Collection[int]) -> None:
        evidence = self._store.evidence_of_handles(journey.model.hash, partitions)
        journey.restore(evidence, self._owned.find(evidence.column("handle").to_numpy()))

    def prepare(self, model: Model, partition: int) -> None:
        """Weigh a partition under a second model from now on; its history is in the table."""
        if self._next is None or self._next.model.hash != model.hash:
            self._next, self._prepared = Journey(model, self._owned.graph), set()
        if partition not in self._prepared:
            self._take_up(self._next, [partition])
            self._prepared.add(partition)

    def abandon(self, partition: int) -> None:
        """Weigh a partition under the active model alone."""
        self._prepared.discard(partition)
        if not self._prepared:
            self._next = None

    def switch(self, model: Model, partitions: Collection[int]) -> bool:
        """Go over to a model if these partitions were all prepared for it; else return False and change nothing."""
        if self._next is None or self._next.model.hash != model.hash or not self._prepared >= set(partitions):
            return False
        self._journey, self._next, self._prepared = self._next, None, set()
        return True

    def weigh(self, batch: Batch, slots: Ints) -> list[tuple[Journey, pa.Table, Pairs]]:
        """Return, for each model, rows of evidence and the pairs that were touched."""
        weighed = [(self._journey, *self._evidence(self._journey, batch, slots))]
        if self._next is not None:
            here = batch.keep(np.isin(batch.partition, sorted(self._prepared)))
            weighed.append((self._next, *self._evidence(self._next, here, self._owned.observe(here))))
        return weighed

    def _evidence(self, journey: Journey, batch: Batch, slots: Ints) -> tuple[pa.Table, Pairs]:
        fresh = batch.after(self._writer.of("evidence"))
        if fresh is batch:
            return journey.process(batch, slots)
        rows, _ = journey.process(fresh, self._owned.observe(fresh))
        return rows, journey.touched(batch, slots)
