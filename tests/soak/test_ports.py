"""The ports in numbers: for each unit of JOURNEY_SOAK ten thousand malformed requests to each port of `journey up`."""

import time
from collections import Counter

import pytest

from tests.ports.fuzz import press
from tests.ports.world import Ports
from tests.soak.conftest import SOAK

pytestmark = pytest.mark.soak
PART = 10_000


@pytest.mark.parametrize("name", ["events", "sql", "metrics"])
def test_malformed_requests_break_nothing_and_leave_nothing(tmp_path, name):
    ports, found, began_s = Ports(tmp_path), Counter[int](), time.monotonic()
    health_s = 0.0
    for part in range(SOAK):
        found += press(ports, name, PART, seed=100 + part)
        health_s = max(health_s, ports.health_s())
        if part == SOAK * 3 // 10:  # threads, connections and caches are there by then
            warm_mb, warm_own_mb = ports.memory_mb, ports.own_mb
    end_mb, own_mb = ports.memory_mb, ports.own_mb
    took_s = time.monotonic() - began_s
    print(
        f"{name}: {SOAK * PART:,} requests in {took_s:.0f} s, answers {dict(found)}; {warm_mb:.0f} to {end_mb:.0f} MB, of its own {warm_own_mb:.0f} to {own_mb:.0f}; "
        f"/health within {health_s:.2f} s"
    )
    ports.end()  # first: what goes on beside the next port would spoil its figures
    assert own_mb - warm_own_mb < 50
    assert health_s < 1
