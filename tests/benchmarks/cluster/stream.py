"""Publish events at a steady rate, as an application does, with a marked one now and then: `python -m … FILE RATE SECONDS`.

Each marked event is of a customer that nobody knows. Its number and the moment at which it was given to the publisher
(monotonic seconds, which all processes share) are printed.
"""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from streams.kafka.publisher import Publisher, PublisherPolicy

__all__ = ["BRAND", "cookie"]

BRAND = "lumiere"
_TICK_S = 0.01
_PROBE_S = 0.1
_LINGER_S = 0.05
_TIME = b'"time":"'


def cookie(run: str, number: int) -> str:
    """Return the handle of a marked event."""
    return f"probe-{run}-{number}"


def _halves(path: Path) -> list[tuple[bytes, bytes]]:
    """Return what stands before and after the time in each line that is an event."""
    halves = []
    with path.open("rb") as file:
        for line in file:
            before, mark, after = line.rstrip(b"\n").partition(_TIME)
            if mark:
                halves.append((before + mark, after[after.index(b'"') :]))
    return halves


def _now() -> bytes:
    return datetime.now(UTC).isoformat(timespec="microseconds").encode()


def _probes(run: str) -> Iterator[bytes]:
    number = 0
    while True:
        handle = cookie(run, number).encode()
        yield (
            b'{"id":"%b","source":"bench","type":"web.page_view","time":"%b","data":{"brand":"%b","handles":{"cookie":"%b"}}}'
            % (handle, _now(), BRAND.encode(), handle)
        )
        number += 1


def main(path: Path, rate: float, seconds: float, run: str) -> None:
    """Publish for some seconds; say how late the last event was, which must be next to nothing."""
    lines, probes, number = cycle(_halves(path)), _probes(run), 0
    with Publisher(policy=PublisherPolicy(linger_s=_LINGER_S)) as publisher:
        begun, given, probed = time.monotonic(), 0, 0.0
        while (passed := time.monotonic() - begun) < seconds:
            while given < passed * rate:
                before, after = next(lines)
                publisher.publish(before + _now() + after)
                given += 1
            if passed >= probed:
                probe = next(probes)
                print("probe", number, time.monotonic(), flush=True)
                publisher.publish(probe)
                number, probed = number + 1, probed + _PROBE_S
            time.sleep(_TICK_S)
        publisher.flush()
    print("end", given + number, time.monotonic() - begun, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
