"""Figure 9: the same load for hours, half an hour and a minute for each unit of JOURNEY_SOAK; nothing may grow with time."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest

from streams.inputs.simulate import simulate
from tests.collector.conftest import collect  # noqa: F401 — the fixture
from tests.collector.server import LINES, lines_of
from tests.fixtures.servers.process import memory_mb, wait_until
from tests.soak.conftest import SOAK

pytestmark = pytest.mark.soak
MINUTES, WARM_UP = 30 + SOAK, 20
RATE, BATCH, CUSTOMERS = 400, 40, 15_000  # events/s in requests of so many, of so many people
WEEK = timedelta(days=7)
LIMIT_MB_H = 8


def weeks() -> Iterator[dict]:
    """Yield the events of the same people, week after week, so that no handle is new after the first."""
    last = datetime.now(UTC) - WEEK
    first = last - 200 * WEEK
    week = list(simulate(customers=CUSTOMERS, days=WEEK.days, seed=1, start=first))
    for number in count():
        for event in week:
            at = min(datetime.fromisoformat(event["time"]) + number * WEEK, datetime.now(UTC))
            yield event | {"id": f"{event['id']}-{number}", "time": at.isoformat()}


def sizes(pid: int) -> tuple[float, int, int]:
    """Return resident memory in MB, threads and descriptors of a process."""
    return memory_mb(pid), *(len(list(Path(f"/proc/{pid}/{kind}").iterdir())) for kind in ("task", "fd"))


def slope_of(at: np.ndarray, sizes: np.ndarray) -> float:
    """Return the median of the slopes between any two samples (Theil and Sen): a merge's peak moves it little."""
    first, second = np.triu_indices(len(at), 1)
    return float(np.median((sizes[second] - sizes[first]) / (at[second] - at[first])))


def test_under_the_same_load_for_hours_nothing_grows(collect):  # noqa: F811 — as above
    collector = collect()
    key = collector.key("shop")
    collector.start()
    connection = HTTPConnection("127.0.0.1", collector.port, timeout=60)
    headers = {"authorization": f"Bearer {key}", "content-type": LINES}
    events, begin_s = weeks(), time.monotonic()
    seen: list[tuple[float, float, int, int]] = []  # minutes, MB, threads, descriptors
    ids, sent = set[str](), 0
    while (minutes := (time.monotonic() - begin_s) / 60) < MINUTES:
        batch = list(islice(events, BATCH))
        connection.request("POST", "/v1/events", lines_of(*batch), headers)
        answer = connection.getresponse()
        assert answer.status == 202, answer.read()
        assert json.loads(answer.read())["rejected"] == 0
        ids.update(event["id"] for event in batch)
        sent += BATCH
        if sent % (10 * RATE) == 0:
            seen.append((minutes, *sizes(collector.pid)))
            assert collector.get("/").status == 200
        time.sleep(max(0.0, begin_s + sent / RATE - time.monotonic()))
    wait_until(
        lambda: collector.metrics()["journey_collector_lag_frames"] == 0, 30, "all of it to be processed"
    )
    at, memory, threads, descriptors = np.array([row for row in seen if row[0] >= WARM_UP]).T
    slope = slope_of(at / 60, memory)
    medians = [round(float(np.median(memory[at // 10 == ten]))) for ten in np.unique(at // 10)]
    print(
        f"{len(ids):,} events, sent {sent:,} times, in {MINUTES} min, after {WARM_UP} min {memory.min():.0f} to {memory.max():.0f} MB, "
        f"medians of ten minutes {medians}, {slope:+.1f} MB/h; threads {threads.min():.0f} to {threads.max():.0f}, descriptors {descriptors.min():.0f} to "
        f"{descriptors.max():.0f}"
    )
    connection.close()
    assert collector.stop() == 0
    (stored,) = collector.rows("SELECT count() AS n, uniqExact(id) AS u FROM interactions")
    assert stored == {"n": len(ids), "u": len(ids)}
    half = len(at) // 2
    assert slope < LIMIT_MB_H
    assert np.median(threads[half:]) <= np.median(threads[:half]) + 10  # ClickHouse's pools grow on demand
    assert np.median(descriptors[half:]) <= np.median(descriptors[:half]) + 10
