"""A data directory that is watched, in a process of its own, made to be killed. The argument is JSON."""

import json
import random
import sys
import time
from functools import partial
from pathlib import Path

from streams import faults
from streams.alerts import actions
from streams.alerts.config import read
from streams.alerts.delivery.deliverer import Deliverer, Pauses
from streams.alerts.delivery.receivers import Receiver
from streams.alerts.ledger import Ledger
from streams.alerts.loop import AlertLoop
from streams.alerts.rule_queries import RULE_LIMITS, RuleQueries
from streams.clock import from_us
from streams.embedded.embedded import Embedded
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse

MINUTE_US = 60_000_000
START_US = 1_780_617_600_000_000
# Kept, so that its figures are all that it writes.
RULE = """
[[rule]]
name = "doubled"
sql = "SELECT brand, count() AS figure FROM interactions GROUP BY brand"
rises_by = 1
over = "1h"
"""
SECRET = "whsec_" + "A" * 43 + "="


def line(number, at_us, who, content):
    data = {"brand": "acme", "handles": {"user": f"u{who}"}, "content": content}
    event = {"specversion": "1.0", "id": f"e{number}", "source": "test", "type": "social.share",
             "time": from_us(at_us).isoformat(), "data": data}  # fmt: skip
    return json.dumps(event).encode()


def history():
    rng = random.Random(3)
    return [line(n, START_US - rng.randrange(3 * 1440) * MINUTE_US, n, "old") for n in range(432)]


def burst():
    return [line(1_000 + n, START_US + 1_000_000, 1_000 + n, "movie") for n in range(12)]


def take(embedded, lines, first):
    frame = embedded.edge().pack(lines, topic="file", now_us=embedded.clock(), first_offset=first)
    embedded.accept(frame)
    embedded.drain()


def look(watching, rules):
    """Look once; what rules find is there for the next one."""
    watching.step()
    while rules.asking:
        time.sleep(0.01)


def main(task):
    clock = [START_US]
    settings = Settings(data=Path(task["data"]), handle_key=bytes(32))
    with Embedded(settings, clock=lambda: clock[0]) as embedded:
        if embedded.log.last == 0:
            take(embedded, history(), 1)
        if task.get("only_history"):
            return
        receiver = Receiver(name="hook", kind="webhook", url=task["url"], secret=SECRET, private=True)
        ledger = Ledger(embedded.store, embedded.store.insert)
        deliverer = Deliverer([receiver], clock=lambda: clock[0], pauses=Pauses(0.05, 0.1))
        file = Path(task["tell"]).with_name("alerts.toml")
        file.write_text(RULE, encoding="utf-8")
        store = f"chdb://{(settings.data / 'clickhouse').resolve()}"
        rules = RuleQueries(read(file, {}.get).rules, partial(ClickHouse, store, limits=RULE_LIMITS))
        watching = AlertLoop(embedded.store, ledger, deliverer, clock=lambda: clock[0], rules=rules)
        if task.get("arm"):
            faults.arm(*task["arm"])
        look(watching, rules)
        if embedded.log.last == 1:
            take(embedded, burst(), 1_000)
        for seconds in (2, 4, 3_600, 3_602, 7_200, 7_202):
            clock[0] = START_US + seconds * 1_000_000
            look(watching, rules)
            if seconds == 4:
                for one in actions.listed(ledger):
                    if not one["acknowledged_by"]:
                        actions.ack(ledger, one["alert"], "ada", clock[0])
            until = time.monotonic() + 5
            while sum(deliverer.waiting().values()) and time.monotonic() < until:
                time.sleep(0.01)
        watching.stop()
        rows = "SELECT sequence, change, people FROM alerts ORDER BY sequence"
        done = "SELECT DISTINCT sequence FROM alert_deliveries WHERE outcome = 'delivered' ORDER BY sequence"
        found = {"alerts": embedded.store.query(rows, {}), "delivered": embedded.store.query(done, {})}
        Path(task["tell"]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
