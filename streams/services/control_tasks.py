"""The tasks that commands have the engine's thread do: the functions that do them alone, with their answers as JSON."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from schemas.apath import parse_model
from streams.backup.image import discard
from streams.beside.wire import Head
from streams.clock import from_us
from streams.dead_letters import letters
from streams.embedded.backup import imaged
from streams.embedded.change_model import apply
from streams.embedded.embedded import Embedded
from streams.embedded.expire import expire, let_go
from streams.embedded.forget import forget
from streams.embedded.rotate import rotate
from streams.embedded.rotate_readable import rotate_readable
from streams.handles.unknown_key import UNKNOWN_KEY
from streams.process.degraded import Degraded
from streams.recovery.rebuild import Order
from streams.retention.expire import Expired

__all__ = ["LONG", "NAMES", "Asked", "begun", "order_of", "said"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command asks for.

    Attributes
    ----------
    use
        Called once another key or model is in force.
    tell
        Called with how far it is.
    check
        Raises where the command has gone.
    degraded
        Where it stands while it keeps events waiting.
    who
        The command, in words.
    over
        What is called when the command has ended.
    """

    head: Head
    use: Callable[[Embedded], None]
    tell: Callable[[Head], None]
    check: Callable[[], None]
    degraded: Degraded
    who: str
    over: Callable[[Callable[[], None]], object]

    def progress(self, table: str, done: int, count: int) -> None:
        """Tell how many parts of the work on a table are done, and of how many."""
        self.tell({"table": table, "done": done, "count": count})


def _forget(embedded: Embedded, asked: Asked) -> Any:
    embedded.finish_erasures()  # one that failed halfway
    handles, head = [int(each) for each in asked.head["handles"]], asked.head
    receipt, found = forget(embedded, handles, str(head["reason"]), str(head["consent"]))
    return {"receipt": receipt, "erased": asdict(found)}


def _apply(embedded: Embedded, asked: Asked) -> Any:
    text = str(asked.head["toml"])
    done = apply(embedded, parse_model(text, name=str(asked.head["name"])), text)
    asked.use(embedded)
    return done.stage_changes


def _rebuild(embedded: Embedded, asked: Asked) -> Any:
    return [asdict(one) for one in embedded.rebuild(order_of(asked, embedded.clock()))]


def order_of(asked: Asked, now_us: int) -> Order:
    """Return the order of a rebuild, with stages that lapse up to an instant."""
    return Order(
        list(asked.head["tables"]),
        now_us,
        dry_run=bool(asked.head["dry_run"]),
        tell=asked.progress,
        check=asked.check,
    )


def _write_off(embedded: Embedded, _: Asked) -> Any:
    return list(embedded.write_off())


def _expire(embedded: Embedded, asked: Asked) -> Any:
    return [said(each) for each in expire(embedded, asked.progress, late_too=bool(asked.head["late_too"]))]


def _let_go(embedded: Embedded, _: Asked) -> Any:
    embedded.drain()
    return let_go(embedded)


def said(expired: Expired) -> Head:
    """Return what expired of a brand, for a command."""
    return {"brand": expired.brand, "horizon": expired.horizon.isoformat(), "events": expired.events}


def _rotate(embedded: Embedded, asked: Asked) -> Any:
    """Rotate the key; what the collector packed under the old one meanwhile goes through the edge again."""
    name = rotate(embedded, bytes.fromhex(asked.head["given"]) if asked.head["given"] else None)
    asked.use(embedded)
    embedded.drain()
    letters.replay(embedded, UNKNOWN_KEY)
    return name


def _rotate_readable(embedded: Embedded, asked: Asked) -> Any:
    return list(rotate_readable(embedded, asked.use))


def _drop(embedded: Embedded, asked: Asked) -> Any:
    return letters.drop(embedded, str(asked.head["reason"]))


def _doubt(embedded: Embedded, _: Asked) -> Any:
    embedded.doubt()


def _tick(embedded: Embedded, _: Asked) -> Any:
    return embedded.tick().stage_changes


def _lost(embedded: Embedded, asked: Asked) -> Any:
    losses = embedded.losses
    return {
        "rows": embedded.lost() if asked.head.get("rows") else [],  # every file is read for them
        "to_rebuild": sorted(embedded.to_rebuild()),
        "found": [asdict(loss) for loss in losses.found],
        "rebuild": list(losses.rebuild),
    }


def _image(embedded: Embedded, asked: Asked) -> Any:
    made = imaged(embedded, with_key=bool(asked.head["with_key"]))
    asked.over(lambda: discard(Path(made.path)))
    return asdict(made)


_DO: Mapping[str, Callable[[Embedded, Asked], Any]] = {
    "forget": _forget,
    "apply": _apply,
    "expire": _expire,
    "let_go": _let_go,
    "rebuild": _rebuild,
    "write_off": _write_off,
    "rotate": _rotate,
    "rotate_readable": _rotate_readable,
    "drop": _drop,
    "doubt": _doubt,
    "tick": _tick,
    "lost": _lost,
    "image": _image,
}
LONG = frozenset({"forget", "apply", "expire", "let_go", "rebuild", "rotate", "rotate_readable", "drop"})
NAMES = frozenset(_DO)


def begun(what: str, asked: Asked) -> Callable[[Embedded], Any]:
    """Return a task of this name for the engine's thread; one whose command has gone by then is not begun."""

    def work(embedded: Embedded) -> Any:
        asked.check()
        if what not in LONG:
            return _DO[what](embedded, asked)
        with _said(embedded, asked, what):
            return _DO[what](embedded, asked)

    return work


@contextmanager
def _said(embedded: Embedded, asked: Asked, what: str) -> Iterator[None]:
    """Have /health say what keeps events waiting."""
    since = f"{from_us(embedded.clock()):%H:%M:%S} UTC"
    key = ("beside", what)
    asked.degraded.set(
        key, f"{asked.who} is at work since {since}: events are taken, and wait in the log meanwhile"
    )
    try:
        yield
    finally:
        asked.degraded.clear(key)
