"""Opens a data directory that another process has open: statements, frames and tasks go to that process."""

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import Any, Self

from journey.errors import UserError
from journey.identity.handle_key import HandleKey
from journey.identity.rules import HandleRules
from journey.model import Model
from streams.apath import in_force
from streams.backup.image import Image
from streams.beside.connection import EngineConnection
from streams.beside.wire import ClosedError, Head, Wire, version
from streams.clock import Clock, system_clock
from streams.edge import Edge
from streams.engine.outcome import BatchOutcome
from streams.engine.shell import Tell
from streams.erasure.statements import Erased, Forgotten
from streams.handles.edges import edge_with
from streams.handles.key import fitting, in_mode
from streams.handles.key_file import KeyLostError
from streams.log.frame import Frame, encode
from streams.log.local import PARTITION
from streams.recovery.losses import Loss, Losses
from streams.recovery.rebuild import Order, Rebuilt
from streams.retention.expire import Expired
from streams.settings import SEPARATE, Settings
from streams.store.clickhouse import ClickHouse

__all__ = ["Beside", "BesideError"]

_TOGETHER = 5_000  # offsets in a query
_BOOKS = "SELECT sum(received) AS received, sum(stored) AS stored, sum(duplicates) AS duplicates, sum(conflicts) AS conflicts FROM deliveries WHERE"
_LETTERS = "SELECT reason, count() AS letters FROM dead_letters WHERE"
_PLACE = f"_partition = {PARTITION} AND _offset IN {{offsets:Array(UInt64)}}"
_CHANGES = (
    f"SELECT count() AS changes FROM stage_changes WHERE _partition = {PARTITION}"
    " AND _offset BETWEEN {first:UInt64} AND {last:UInt64}"
)


class BesideError(UserError, RuntimeError):
    """An error of the process that has the data directory open; the message is its own."""


def _as_progress(tell: Tell) -> Callable[[Head], None]:
    """Return what tells of the progress that the other process sends."""
    return lambda at: tell(at["table"], at["done"], at["count"])


class Beside:
    """The shell over a data directory that `journey up` has open.

    Parameters
    ----------
    is_steady
        Whether `store` shows all tables as of one instant, which is then that of `clock`.

    Attributes
    ----------
    rules
        The rules by which the process that has the directory turns values into handles, with the earlier ones.
    warnings
        What the directory has lost, a line each.

    Raises
    ------
    BesideError
        That process refuses.
    OSError
        Nobody listens.
    """

    def __init__(self, settings: Settings, *, is_steady: bool = False, clock: Clock = system_clock) -> None:
        self.settings = settings
        self._broken: ClosedError | None = None
        self._pid = 0
        with ExitStack() as refused:
            self._control = Wire.to(settings.data)
            refused.callback(self._control.close)
            told = self._greeted(self._control, {"words": " ".join(sys.argv[1:])})
            self.warnings: Sequence[str] = told["warnings"]
            self._told = told
            ours, *earlier = map(HandleRules.parse, told["rules"])
            self.rules = replace(ours, earlier=tuple(earlier))
            if "key" in told:
                _ = self.key  # ours, where one is set, is the same
            wire = Wire.to(settings.data)
            refused.callback(wire.close)
            told = self._greeted(wire, {"is_steady": is_steady})
            at_us = told.get("at_us")
            self.clock: Clock = clock if at_us is None else lambda: int(at_us)
            self.store = ClickHouse("", connection=EngineConnection(wire, self._breaks))
            self.store.database = self.store.client.database = told["database"]
            self.model: Model = self._model()
            refused.pop_all()

    def _greeted(self, wire: Wire, said: Head) -> Head:
        try:
            wire.send({"version": version(), "pid": os.getpid()} | said)
            told, _ = wire.receive()
        except ClosedError as error:
            raise BesideError(self._ended) from error
        self._pid = told["pid"]
        if told["version"] != version():
            raise BesideError(
                f"{self.settings.data} is in use by process {self._pid}, whose version is {told['version']}, and this is"
                f" {version()}: start that one again with this version"
            )
        if "error" in told:
            raise BesideError(told["error"])
        return told

    def _model(self) -> Model:
        found = in_force.in_force(self.store.client)
        if found is None:
            raise BesideError(
                "no A-Path model is in force: start the process that has the directory open again"
            )
        return found.parsed()

    def _breaks(self, error: ClosedError) -> None:
        self._broken = error

    @property
    def key(self) -> HandleKey:
        """The key that hashes handles. Raises KeyLostError where it is lost, SettingsError where ours is another."""
        if "key" not in self._told:
            raise KeyLostError(self._told["keyless"])
        key = HandleKey(bytes.fromhex(self._told["key"]), separate=self._told["brands"] == SEPARATE)
        if self.settings.handle_key is not None:
            fitting(self.settings.handle_key, key.fingerprint, self.settings.brands)
        return in_mode(key, self.settings.brands)

    def edge(self, *, trusted: bool = False) -> Edge:
        """Return an edge that hashes handles with the key."""
        nobody = self.model.identity.nobody
        return edge_with(self.settings, self.key, nobody, self.rules, self.settings.data, trusted=trusted)

    def load(self, frames: Iterable[Frame]) -> BatchOutcome:
        """Have frames accepted, and wait until every table has them; changes of stage are of their batches."""
        offsets = [int(self._asked("append", body=encode(frame))["offset"]) for frame in frames]
        if not offsets:
            return BatchOutcome()
        last = int(self._asked("wait", offset=offsets[-1])["offset"])
        outcome = BatchOutcome()
        for start in range(0, len(offsets), _TOGETHER):
            outcome.add(self._booked(offsets[start : start + _TOGETHER]))
        (row,) = self.store.rows(_CHANGES, {"first": offsets[0], "last": last})
        outcome.stage_changes = int(row["changes"])
        return outcome

    def _booked(self, offsets: Sequence[int]) -> BatchOutcome:
        place = {"offsets": list(offsets)}
        (row,) = self.store.rows(f"{_BOOKS} {_PLACE}", place)
        letters = self.store.rows(
            f"{_LETTERS} {_PLACE} GROUP BY reason ORDER BY min((_offset, _index))", place
        )
        reasons = {str(each["reason"]): int(each["letters"]) for each in letters}
        return BatchOutcome(
            int(row["received"]),
            int(row["stored"]),
            int(row["duplicates"]),
            reasons,
            conflicts=int(row["conflicts"]),
        )

    @staticmethod
    @contextmanager
    def sources() -> Iterator[ClickHouse]:
        """Open an empty store in this process, whose statements may read files and other hosts."""
        with TemporaryDirectory() as folder, closing(ClickHouse(f"chdb://{folder}", sources=True)) as store:
            yield store

    def doubt(self) -> None:
        """Do nothing: the other process sees for itself what a statement does."""

    def tick(self) -> BatchOutcome:
        """Announce the stages that have lapsed by now."""
        return BatchOutcome(stage_changes=int(self._asked("tick")["done"]))

    def announce(self, now_us: int) -> BatchOutcome:
        """Do nothing: at the instant that the tables are of, the stages that had lapsed were announced."""
        del now_us
        return BatchOutcome()

    def lost(self) -> list[dict[str, Any]]:
        """Return what files and tables have lost, a row each."""
        rows: list[dict[str, Any]] = self._asked("lost", rows=True)["done"]["rows"]
        return rows

    def to_rebuild(self) -> set[str]:
        """Return the tables that a rebuild repairs, as far as `lost` knows."""
        return set(self._asked("lost")["done"]["to_rebuild"])

    @property
    def losses(self) -> Losses:
        """What the tables have lost, as far as counts show it."""
        told = self._asked("lost")["done"]
        return Losses(tuple(Loss(**each) for each in told["found"]), tuple(told["rebuild"]))

    def rebuild(self, order: Order) -> Sequence[Rebuilt]:
        """Have tables rebuilt from the interactions."""
        done = self._asked(
            "rebuild",
            _as_progress(order.tell),
            tables=list(order.tables),
            dry_run=order.dry_run,
        )
        return [Rebuilt(**each) for each in done["done"]]

    def write_off(self) -> tuple[int, int]:
        """Have what is lost for good written off; return how many events and dead letters that are."""
        events, letters = self._asked("write_off")["done"]
        return events, letters

    def forget(self, handles: Collection[int], reason: str, consent: str) -> Forgotten:
        """Have the customers of handles erased; see `streams.embedded.forget`."""
        done = self._asked("forget", handles=list(handles), reason=reason, consent=consent)["done"]
        return done["receipt"], Erased(**done["erased"])

    def apply(self, toml: str, name: str) -> int:
        """Have a model activated; return how many customers changed stage."""
        return int(self._asked("apply", toml=toml, name=name)["done"])

    def expire(self, tell: Tell, *, late_too: bool = True) -> Sequence[Expired]:
        """Have what is due expired."""
        done = self._asked("expire", _as_progress(tell), late_too=late_too)["done"]
        return [
            Expired(each["brand"], datetime.fromisoformat(each["horizon"]), each["events"]) for each in done
        ]

    def let_go(self) -> int:
        """Have handles that are idle let go of; return how many."""
        return int(self._asked("let_go")["done"])

    def rotate(self) -> str:
        """Have the handle key rotated; return the fingerprint of the new one."""
        given = self.settings.handle_key
        return str(self._asked("rotate", given=given.hex() if given else "")["done"])

    def rotate_readable(self) -> tuple[str, int]:
        """Have the key of readable handles rotated; return the fingerprint of the new one, and how many values it took over."""
        name, count = self._asked("rotate_readable")["done"]
        return str(name), int(count)

    def drop(self, reason: str) -> int:
        """Have the dead letters of a reason dropped; return how many."""
        return int(self._asked("drop", reason=reason)["done"])

    def imaged(self, *, with_key: bool) -> Image:
        """Have an image of the directory made; it is there until this is closed."""
        return Image(**self._asked("image", with_key=with_key)["done"])

    def refresh(self) -> list[Head]:
        """Have all audiences looked at, by the file of that process; return what became of each."""
        done: list[Head] = self._asked("refresh")["done"]
        return done

    def status(self) -> Head:
        """Return what that process says of itself."""
        status: Head = self._asked("status")["status"]
        return status

    def _asked(
        self, what: str, tell: Callable[[Head], None] = lambda _: None, body: bytes = b"", **said: Any
    ) -> Head:
        try:
            self._control.send({"do": what} | said, body)
            while True:
                told, _ = self._control.receive()
                if "progress" not in told:
                    break
                tell(told["progress"])
        except ClosedError as error:
            self._breaks(error)
            raise
        if "error" in told:
            raise BesideError(told["error"])
        return told

    def close(self) -> None:
        """Close the connections."""
        self.store.close()
        self._control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._broken is not None:
            raise BesideError(self._ended) from self._broken

    @property
    def _ended(self) -> str:
        return (
            f"process {self._pid or 'unknown'}, which had {self.settings.data} open, has ended; what it accepted is safe:"
            " start it again, then give the command again"
        )
