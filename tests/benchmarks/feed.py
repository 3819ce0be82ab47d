"""How soon a change of stage is at a receiver: from the call that sends the event, over `journey up`, with history behind it."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from journey.identity.handle_key import HandleKey
from streams.edge.handles import HandleHasher
from tests.alerts.receiver import Receiver, Taken, listening
from tests.benchmarks.alerts import SECRET
from tests.benchmarks.cluster.process import cpu_s
from tests.collector.server import BATCH, KEY, Collector, event
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until

__all__ = ["CALM_S", "FEED", "IDLE_S", "PEOPLE", "delays", "publish", "run", "told"]

PEOPLE, EVENTS, BETWEEN_S = 20_000, 300, 0.1
FIRST = 20  # events that the start is still in the way of: it is over when they are received
CALM_S, IDLE_S = 30.0, 30.0  # what events have left to do is done; then nothing happens
_BRAND = "lumiere"
FEED = """
[[feed]]
name = "{name}"
url = "{url}"
secret = "{secret}"
private = true
begin = "{begin}"
batch = {batch}
"""


def run(folder: Path) -> None:
    """Send a purchase of somebody new each tenth of a second; then give a new receiver all that was ever announced."""
    with listening() as new, listening() as whole:
        (file := folder / "feed.toml").write_text(
            FEED.format(name="new", url=new.url, secret=SECRET, begin="now", batch=1)
        )
        collector = Collector(folder / "feed", made=False, JOURNEY_ALERTS=str(file))
        key = collector.key("shop")
        try:
            lines = str(folder / "month.ndjson")
            month = ["--customers", str(PEOPLE), "--days", "30", "--seed", "1", "--out", lines]
            for words in (["simulate", *month], ["load", lines, "--data", str(collector.data)]):
                commands.run(
                    [commands.JOURNEY, *words], env=collector._environment, check=True, capture_output=True
                )
            collector.start()
            _soon(collector, key, new)
            collector.stop()
            file.write_text(
                FEED.format(name="whole", url=whole.url, secret=SECRET, begin="beginning", batch=100)
            )
            began_s = time.monotonic()
            collector.start()
            count = int(collector.run("sql", "SELECT count() FROM stage_changes", "--format", "TSV"))
            wait_until(lambda: sum(len(one.json) for one in list(whole.taken)) >= count, 600, "all of them")
            took_s = time.monotonic() - began_s
            print(
                f"all of {count:,} changes, in lists of 100, with the start: {took_s:.1f} s, {count / took_s:,.0f} a second"
            )
        finally:
            collector.kill()


def purchase(number: int) -> tuple[str, bytes]:
    """Return somebody new, and their purchase of now as a line."""
    name = f"feed{number}"
    made = event(
        name, type="store.purchase", data={"brand": _BRAND, "handles": {"user": name}, "place": "bastille"}
    )
    return name, json.dumps(made).encode()


def publish(send: Callable[[bytes], object], sent_s: dict[str, float], receiver: Receiver) -> None:
    """Send purchases at a steady rate, noting when; once the start is over and the first are received."""
    next_s = time.monotonic()
    for number in range(FIRST + EVENTS):
        time.sleep(max(0.0, next_s - time.monotonic()))
        name, line = purchase(number)
        sent_s[name] = time.monotonic()
        send(line)
        next_s += BETWEEN_S
        if number == FIRST - 1:
            receiver.wait(FIRST, 120)
            next_s = time.monotonic()
    receiver.wait(FIRST + EVENTS, 60)


def delays(sent_s: Mapping[str, float], taken: Sequence[Taken]) -> list[float]:
    """Return the seconds from sending to receipt, of all but the first; each person has one change of stage."""
    hasher = HandleHasher(HandleKey(KEY, separate=True))
    came_s = {one.json["subject"]: one.at_s for one in taken}
    ids = {name: f"{hasher.id('user', name, _BRAND):016x}" for name in sent_s}
    return [came_s[ids[name]] - at_s for name, at_s in list(sent_s.items())[FIRST:]]


def told(shell: str, found: Sequence[float]) -> None:
    """Print the delays (seconds) of a shell."""
    p50, p95, p99 = np.percentile(found, [50, 95, 99])
    print(
        f"\nfeed {shell}, with {PEOPLE:,} people behind it, an event each {BETWEEN_S} s: from the call to the webhook"
        f" p50 {p50:.2f} s, p95 {p95:.2f} s, p99 {p99:.2f} s, longest {max(found):.2f} s ({len(found)} events)"
    )


def _soon(collector: Collector, key: str, new: Receiver) -> None:
    sent_s: dict[str, float] = {}

    def send(line: bytes) -> None:
        answer = collector.send(b"[" + line + b"]", key, kind=BATCH)
        assert answer.status == 202, answer.body

    publish(send, sent_s, new)
    told("in one process", delays(sent_s, new.accepted))
    time.sleep(CALM_S)
    before, began_s = cpu_s(collector.pid), time.monotonic()
    time.sleep(IDLE_S)
    idle = (cpu_s(collector.pid) - before) / (time.monotonic() - began_s)
    print(f"  journey up: {idle:.1%} of a core with nothing to do")
