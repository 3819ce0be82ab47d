"""How soon a spike is told: from the event that can first make it one to the receipt of the webhook, embedded."""

import json
import random
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from journey.alerts import AlertPolicy
from streams.alerts.delivery.deliverer import Deliverer
from streams.alerts.delivery.receivers import Receiver
from streams.alerts.ledger import Ledger
from streams.alerts.loop import AlertLoop
from streams.clock import from_us, system_clock
from streams.embedded.embedded import Embedded
from streams.settings import Settings
from tests.alerts.receiver import listening

__all__ = ["BETWEEN_S", "HISTORY_MIN", "MINUTE_US", "PEOPLE", "SECRET", "line", "run", "told"]

MINUTE_US = 60_000_000
HISTORY_MIN = 1_800
PEOPLE, BETWEEN_S = 20, 0.1
SECRET = "whsec_" + "A" * 43 + "="


def line(number: int, brand: str, at_us: int) -> bytes:
    """Return a share, of old content below a million, of that of a spike above."""
    data = {
        "brand": brand,
        "handles": {"user": f"u{number}"},
        "content": "movie" if number >= 10**6 else "old",
    }
    event = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "bench",
        "type": "social.share",
        "data": data,
    }
    return json.dumps(event | {"time": from_us(at_us).isoformat()}).encode()


def run(folder: Path, spikes: int = 12) -> None:
    """Let one brand after the other have a spike of a person each tenth of a second, and print the delays.

    The delay is from the acceptance of the fifth person's event, before which no alert is raised, to the receipt.
    """
    with (
        listening() as receiver,
        Embedded(Settings(data=folder / "alerts", handle_key=bytes(32))) as embedded,
    ):
        rng, now_us = random.Random(1), system_clock()
        brands = [f"brand{n}" for n in range(spikes)]
        quiet = [
            line(n, brands[n % spikes], now_us - rng.randrange(20, HISTORY_MIN) * MINUTE_US)
            for n in range(spikes * 100)
        ]
        embedded.accept(embedded.edge().pack(quiet, topic="bench", now_us=now_us, first_offset=1))
        embedded.drain()
        hook = Receiver(name="bench", kind="webhook", url=receiver.url, secret=SECRET, private=True)
        ledger = Ledger(embedded.store, embedded.store.insert)
        watching = AlertLoop(embedded.store, ledger, Deliverer([hook]), clock=system_clock)
        began = time.perf_counter()
        watching.step()
        print(
            f"\nalerts: {spikes} brands restored from {HISTORY_MIN / 60:.0f} h in {time.perf_counter() - began:.1f} s"
        )
        delays = _spikes(embedded, watching, receiver, brands)
        watching.stop()
    told("embedded", delays, spikes)


def told(shell: str, delays: Sequence[float], spikes: int) -> None:
    """Print the delays (seconds) of a shell."""
    if not delays:
        print(f"from the person that makes a spike to the webhook, {shell}: none of {spikes} spikes was told")
        return
    print(
        f"from the person that makes a spike to the webhook, {shell}: p50 {np.percentile(delays, 50):.2f} s,"
        f" p95 {np.percentile(delays, 95):.2f} s, longest {max(delays):.2f} s ({len(delays)} of {spikes} spikes)"
    )


def _spikes(embedded, watching, receiver, brands):
    edge, least = embedded.edge(), AlertPolicy().least_people
    due = deque((brand, n) for brand in brands for n in range(PEOPLE))
    decisive, came, number = {}, {}, 10**6
    next_s, end_s = time.monotonic(), None
    while end_s is None or time.monotonic() < end_s:
        while due and time.monotonic() >= next_s:
            brand, person = due.popleft()
            number += 1
            frame = edge.pack(
                [line(number, brand, system_clock())], topic="bench", now_us=system_clock(), first_offset=1
            )
            embedded.accept(frame)
            if person == least - 1:
                decisive[brand] = time.monotonic()
            next_s += BETWEEN_S
        embedded.drain()
        watching.step()
        for one in list(receiver.taken):
            said = one.json
            if said["type"] == "alert.opened":
                came.setdefault(said["data"]["brand"], one.at_s)
        if not due and end_s is None:
            end_s = time.monotonic() + 10
        time.sleep(0.01)
    return [came[brand] - decisive[brand] for brand in brands if brand in came]
