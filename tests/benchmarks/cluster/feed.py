"""How soon a change of stage is at a receiver, on servers: from the publisher over Kafka, worker, ClickHouse and watcher to the webhook."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from streams.kafka.publisher import Publisher, PublisherPolicy
from tests.alerts.receiver import Receiver, listening
from tests.benchmarks.alerts import SECRET
from tests.benchmarks.cluster.bench import Bench, opened
from tests.benchmarks.cluster.ours import is_open
from tests.benchmarks.cluster.process import Measured, cpu_s
from tests.benchmarks.feed import (
    CALM_S,
    FEED,
    IDLE_S,
    PEOPLE,
    delays,
    publish,
    told,
)
from tests.fixtures.commands import JOURNEY
from tests.fixtures.servers.process import free_port, wait_until
from tests.real_workers.deployment import KEY, Deployment

__all__ = ["run"]

_ROOT = Path(__file__).parents[3]
_LINGER_S = 0.05


def run(folder: Path) -> None:
    """Publish a purchase of somebody new at a steady rate, and print how long each takes to the receipt of its change."""
    with (
        opened(folder) as bench,
        listening() as receiver,
        _running(bench, folder, receiver) as (deployment, pids),
    ):
        sent_s: dict[str, float] = {}
        busy = _cpu(pids, lambda: _publish(deployment, sent_s, receiver))
        time.sleep(CALM_S)
        idle = _cpu(pids, lambda: time.sleep(IDLE_S))
        told("over Kafka and a ClickHouse server", delays(sent_s, receiver.accepted))
        for name in pids:
            print(f"  {name}: {idle[name]:.1%} of a core with nothing to do, {busy[name]:.1%} meanwhile")


@contextmanager
def _running(
    bench: Bench, folder: Path, receiver: Receiver
) -> Iterator[tuple[Deployment, Mapping[str, int]]]:
    """Yield a deployment with history, a worker and a watcher, and the processes by name."""
    deployment, port = bench.deployment(), free_port()
    deployment.publish(bench.month(PEOPLE).read())
    (file := folder / "feed-on-servers.toml").write_text(
        FEED.format(name="new", url=receiver.url, secret=SECRET, begin="now", batch=1)
    )
    environment = deployment.environment | {"PYTHONPATH": str(_ROOT)}
    worker = Measured([JOURNEY, "worker"], environment, folder / "feed-worker.log")
    try:
        wait_until(lambda: worker.check() or is_open(worker), 60, "a worker to be ready", 0.1)
        deployment.settle(600)
        more = {"JOURNEY_ALERTS": str(file), "JOURNEY_WEB_PORT": str(port)}
        watcher = Measured([JOURNEY, "alerts", "watch"], environment | more, folder / "feed-watcher.log")
        try:
            wait_until(
                lambda: watcher.check() or _is_at_work(deployment, port), 120, "the watcher to be ready", 0.2
            )
            yield (
                deployment,
                {"worker": worker.pid, "watcher": watcher.pid, "ClickHouse": bench.servers.clickhouse},
            )
        finally:
            watcher.kill()
    finally:
        worker.kill()


def _is_at_work(deployment: Deployment, port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            is_ready = bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
    store = deployment.store()
    try:  # a receiver that begins now begins when its position is written
        return is_ready and bool(store.query("SELECT 1 FROM feed_positions LIMIT 1", {}))
    finally:
        store.close()


def _publish(deployment: Deployment, sent_s: dict[str, float], receiver: Receiver) -> None:
    with Publisher(deployment.settings, key=KEY, policy=PublisherPolicy(linger_s=_LINGER_S)) as publisher:
        publish(publisher.publish, sent_s, receiver)


def _cpu(pids: Mapping[str, int], work: Callable[[], None]) -> dict[str, float]:
    """Return the share of a core that each process takes meanwhile."""
    before, began_s = {name: cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
    work()
    passed_s = time.monotonic() - began_s
    return {name: (cpu_s(pid) - before[name]) / passed_s for name, pid in pids.items()}
