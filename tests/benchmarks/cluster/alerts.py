"""How soon a spike is told on servers: from the publisher's hands over Kafka, worker, ClickHouse and watcher to the webhook."""

import random
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from journey.alerts import AlertPolicy
from streams.clock import system_clock
from streams.kafka.publisher import Publisher, PublisherPolicy
from tests.alerts.receiver import listening
from tests.benchmarks.alerts import BETWEEN_S, HISTORY_MIN, MINUTE_US, PEOPLE, SECRET, line, told
from tests.benchmarks.cluster.bench import opened
from tests.benchmarks.cluster.ours import is_open
from tests.benchmarks.cluster.process import Measured
from tests.fixtures.commands import JOURNEY
from tests.fixtures.servers.process import free_port, wait_until
from tests.real_workers.deployment import KEY, Deployment

__all__ = ["run"]

_ROOT = Path(__file__).parents[3]
_LINGER_S = 0.05
_LAST_S = 15.0  # that is waited for the last webhook


def run(folder: Path, spikes: int = 12) -> None:
    """Let one brand after the other have a spike of a person each tenth of a second, and print the delays.

    The delay is from the moment at which the fifth person's event is given to the publisher to the receipt.
    """
    with opened(folder) as bench, listening() as receiver:
        deployment, brands = bench.deployment(), [f"brand{n}" for n in range(spikes)]
        _history(deployment, brands)
        file = folder / "alerts.toml"
        file.write_text(
            f'[[receiver]]\nname = "bench"\nkind = "webhook"\nurl = "{receiver.url}"\nsecret = "{SECRET}"\nprivate = true\n'
        )
        port = free_port()
        environment = deployment.environment | {"PYTHONPATH": str(_ROOT)}
        worker = Measured([JOURNEY, "worker"], environment, folder / "worker.log")
        try:
            wait_until(lambda: worker.check() or is_open(worker), 60, "a worker to be ready", 0.1)
            deployment.settle()
            more = {"JOURNEY_ALERTS": str(file), "JOURNEY_WEB_PORT": str(port)}
            watcher = Measured([JOURNEY, "alerts", "watch"], environment | more, folder / "watcher.log")
            try:
                wait_until(lambda: watcher.check() or _ready(port), 120, "the watcher to be ready", 0.2)
                delays = _spikes(deployment, receiver, brands)
            finally:
                watcher.kill()
        finally:
            worker.kill()
    told("over Kafka and a ClickHouse server", delays, spikes)


def _history(deployment: Deployment, brands: Sequence[str]) -> None:
    rng, now_us = random.Random(1), system_clock()
    quiet = [
        line(n, brands[n % len(brands)], now_us - rng.randrange(20, HISTORY_MIN) * MINUTE_US)
        for n in range(len(brands) * 100)
    ]
    deployment.publish(quiet)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _spikes(deployment: Deployment, receiver, brands: Sequence[str]) -> list[float]:
    least, number, decisive = AlertPolicy().least_people, 10**6, {}
    next_s = time.monotonic()
    with Publisher(deployment.settings, key=KEY, policy=PublisherPolicy(linger_s=_LINGER_S)) as publisher:
        for brand in brands:
            for person in range(PEOPLE):
                time.sleep(max(0.0, next_s - time.monotonic()))
                number += 1
                publisher.publish(line(number, brand, system_clock()))
                if person == least - 1:
                    decisive[brand] = time.monotonic()
                next_s += BETWEEN_S
    end_s = time.monotonic() + _LAST_S
    came: dict[str, float] = {}
    while len(came) < len(brands) and time.monotonic() < end_s:
        time.sleep(0.05)
        for one in list(receiver.taken):
            if one.json["type"] == "alert.opened":
                came.setdefault(one.json["data"]["brand"], one.at_s)
    missing = set(brands) - came.keys()
    if missing:
        print(f"no webhook for {', '.join(sorted(missing))}", file=sys.stderr)
    return [came[brand] - decisive[brand] for brand in brands if brand in came]
