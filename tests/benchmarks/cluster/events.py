"""What is sent: a simulated month, repeats among it, in a file and in topics; and what must come of it."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from journey.evidence import weigh
from journey.identity.handle import KINDS
from journey.identity.handle_key import AnyKey
from schemas.apath import default_model
from schemas.topics import EVENTS_IN
from streams.clock import system_clock
from streams.edge import Edge
from streams.inputs.simulate import simulate, write
from streams.kafka.clients import producer
from streams.log.batch import Batch
from streams.settings import KafkaSettings

__all__ = ["DAYS", "Month", "month", "one_event", "send"]

DAYS = 30
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Month:
    """Lines in a file.

    Attributes
    ----------
    events, handles
        Distinct events, and their primary handles.
    sums
        Of the evidence of all handles, by stage, under the default model.
    """

    path: Path
    lines: int
    events: int
    handles: int
    sums: tuple[float, ...]

    def read(self) -> Iterator[bytes]:
        """Yield the lines."""
        with self.path.open("rb") as file:
            for line in file:
                yield line.rstrip(b"\n")


def month(path: Path, customers: int, key: AnyKey, *, days: int = DAYS) -> Month:
    """Write a simulated month up to yesterday."""
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days + 1)
    with path.open("wb") as file:
        write(simulate(customers=customers, days=days, seed=7, start=start), file)
    return _read(path, key)


def one_event(path: Path, key: AnyKey) -> Month:
    """Write a month of a single event."""
    month(path, 1, key)
    path.write_bytes(path.read_bytes().partition(b"\n")[0] + b"\n")
    return _read(path, key)


def _read(path: Path, key: AnyKey) -> Month:
    edge, model = Edge(key), default_model()
    lines, seen, handles, sums = 0, set[bytes](), set[int](), np.zeros(len(model.stages))
    with path.open("rb") as file:
        while chunk := [line.rstrip(b"\n") for line in islice(file, _CHUNK)]:
            lines += len(chunk)
            events = edge.pack(chunk, topic="bench", now_us=system_clock()).events
            new = [not (event in seen or seen.add(event)) for event in events.column("event").to_pylist()]
            events = pa.Table.from_batches([events]).filter(pa.array(new))
            handles.update(events.column("handle").to_pylist())
            place = np.zeros(len(events), np.uint16), np.zeros(len(events), np.uint64)
            sums += np.nansum(weigh(Batch(events, *place).touches, model), axis=0)
    return Month(path, lines, len(seen), len(handles), tuple(sums.tolist()))


def send(made: Month, kafka: KafkaSettings, topic: str = EVENTS_IN) -> None:
    """Send each line as a record of its own, with the primary handle as key: nobody has to sort them out anew."""
    with closing(producer(kafka, linger_ms=50, batch_size=2**18)) as out:
        for line in made.read():
            out.send(kafka.prefix + topic, value=line, key=_primary(line))
        out.flush()


def _primary(line: bytes) -> bytes:
    """Return kind and value of the handle that evidence belongs to."""
    handles = msgspec.json.decode(line)["data"]["handles"]
    kind = next(kind for kind in KINDS if kind in handles)
    value = handles[kind]
    return f"{kind}:{value if isinstance(value, str) else value[0]}".encode()
