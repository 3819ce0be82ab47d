"""Owns partitions for a worker: takes them when they are assigned, then restores the state of the new ones."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection

from journey.model import Model
from streams.erasure.partitions import Erasing
from streams.fencing.port import PartitionedStore
from streams.workers.unreadable import UnreadableRecords
from streams.workers.writer import Writer

__all__ = ["Owner"]


class Owner(ABC):
    """An owner of partitions of one topic. `take` once per assignment; `restore` then, and again after `reset`.

    Parameters
    ----------
    store
        Where rows go and state comes from.
    model
        The active A-Path model.
    partitions
        How many partitions the topics have.
    wait
        Called with seconds before an insert is tried again.
    """

    def __init__(
        self,
        store: PartitionedStore,
        topic: str,
        model: Model,
        *,
        partitions: int,
        wait: Callable[[float], None],
    ) -> None:
        self.model = model
        self._store = store
        self._topic = topic
        self._count = partitions
        self._writer = Writer(store, topic, wait)
        self._poison = UnreadableRecords(store, topic)
        self._erasing = Erasing(store, topic)
        self._changes = 0  # of the model, when state was restored
        self.owned: frozenset[int] = frozenset()
        self.open: frozenset[int] = frozenset()

    def take(self, partitions: Collection[int]) -> None:
        """Own these partitions and no others.

        Again for the same assignment only after a while: a worker that was fenced since and does not know it yet must not
        fence its successor. What was held all the time keeps its state.
        """
        wanted = frozenset(partitions)
        held = self._store.held(self._topic, self.owned & wanted)
        if not self.open <= held:
            self.reset()
        if new := wanted - held:
            self._store.take(self._topic, new)
        self.owned = wanted

    def restore(self) -> None:
        """Bring the state of all owned partitions in from the store."""
        if missing := self.owned - self.open:
            self._store.settle(self._topic, self.owned)
            changes = self._store.model_in_force().changes
            self._restore(missing)
            self._changes = min(changes, self._changes) if self.open else changes
            self.open = self.owned

    def refresh(self) -> None:
        """Switch to the active model, if that is another by now, or was in between.

        What others sent under the one in between was left out here.
        """
        found = self._store.model_in_force()
        if found.hash == self.model.hash and found.changes == self._changes:
            return
        if found.hash != self.model.hash:
            self.model = found.parsed()
        self._switch()
        self._changes = found.changes
        self.restore()

    def _switch(self) -> None:
        """Put the new model to use; the state is restored after this."""
        self.reset()

    @abstractmethod
    def reset(self) -> None:
        """Let go of all state: it may be ahead of the store. `restore` rebuilds it."""

    @abstractmethod
    def _restore(self, partitions: frozenset[int]) -> None:
        """Bring in the state of these partitions."""
