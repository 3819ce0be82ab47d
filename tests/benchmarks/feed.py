"""How soon a change of stage is at a receiver: from the call that sends the event, over `journey up`, with history behind it."""

import time
from pathlib import Path

import numpy as np

from tests.alerts.receiver import Receiver, listening
from tests.benchmarks.alerts import SECRET
from tests.collector.server import BATCH, Collector, event
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until

__all__ = ["run"]

PEOPLE, EVENTS, BETWEEN_S = 20_000, 150, 0.1
FIRST = 20  # events that the start is still in the way of
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


def _soon(collector: Collector, key: str, new: Receiver) -> None:
    sent_s: dict[str, float] = {}
    for number in range(FIRST + EVENTS):
        name = f"feed{number}"
        at_s = time.monotonic()
        answer = collector.send(
            [event(name, type="store.purchase", data={"handles": {"user": name}, "place": name})],
            key,
            kind=BATCH,
        )
        assert answer.status == 202, answer.body
        sent_s[name] = at_s
        time.sleep(BETWEEN_S)
        if number == FIRST:
            new.wait(FIRST, 60)
    requests = new.wait(FIRST + EVENTS, 60)
    order = sorted(sent_s.values())[FIRST:]
    came = sorted(one.at_s for one in requests)[FIRST:]
    delays = [came_s - at_s for came_s, at_s in zip(came, order, strict=True)]
    p50, p95 = np.percentile(delays, [50, 95])
    print(f"\nfeed: {PEOPLE:,} people behind it, an event each {BETWEEN_S} s")
    print(f"from the call to the webhook: p50 {p50:.2f} s, p95 {p95:.2f} s, longest {max(delays):.2f} s")
