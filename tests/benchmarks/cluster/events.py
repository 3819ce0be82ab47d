"""What is sent: a simulated month, repeats among it, in a file and in topics."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from journey.handle import KINDS
from schemas.topics import EVENTS_IN
from streams.clock import system_clock
from streams.edge import Edge
from streams.kafka.clients import producer
from streams.settings import KafkaSettings
from streams.simulate import simulate, write

__all__ = ["DAYS", "Month", "month", "send"]

DAYS = 30
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Month:
    """Lines in a file: `events` of them distinct, by `handles` primary handles."""

    path: Path
    lines: int
    events: int
    handles: int
    size: int  # bytes

    def read(self) -> Iterator[bytes]:
        """Yield the lines."""
        with self.path.open("rb") as file:
            for line in file:
                yield line.rstrip(b"\n")


def month(path: Path, customers: int, key: bytes, *, days: int = DAYS) -> Month:
    """Write a simulated month up to yesterday; what is distinct in it, the edge says."""
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days + 1)
    with path.open("wb") as file:
        count = write(simulate(customers=customers, days=days, seed=7, start=start), file)
    made = Month(path, count, 0, 0, path.stat().st_size)
    events, handles = _distinct(made, Edge(key))
    return replace(made, events=events, handles=handles)


def _distinct(made: Month, edge: Edge) -> tuple[int, int]:
    ids: set[bytes] = set()
    handles: set[int] = set()
    for chunk in _chunks(made.read()):
        events = edge.pack(chunk, topic="bench", now_us=system_clock()).events
        ids.update(events.column("event").to_pylist())
        handles.update(events.column("handle").to_pylist())
    return len(ids), len(handles)


def _chunks(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def send(made: Month, kafka: KafkaSettings, topic: str = EVENTS_IN) -> None:
    """Send each line as a record of its own, with the primary handle as key: nobody has to sort them out anew."""
    with closing(producer(kafka, linger_ms=50, batch_size=2**18)) as out:
        for line in made.read():
            out.send(kafka.prefix + topic, value=line, key=primary(line))
        out.flush()


def primary(line: bytes) -> bytes:
    """Return kind and value of the handle that evidence belongs to."""
    handles = msgspec.json.decode(line)["data"]["handles"]
    kind = next(kind for kind in KINDS if kind in handles)
    value = handles[kind]
    return f"{kind}:{value if isinstance(value, str) else value[0]}".encode()
