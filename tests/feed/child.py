"""A data directory whose changes of stage are delivered, in a process of its own, made to be killed. The argument is JSON."""

import json
import sys
import time
from pathlib import Path

from streams import faults
from streams.alerts.delivery.deliverer import Pauses
from streams.alerts.feed_delivery import FeedDelivery
from streams.alerts.feed_receivers import FeedReceiver
from streams.embedded.embedded import Embedded
from streams.settings import Settings
from streams.store.connections import opener
from tests.alerts.child import SECRET, line

PEOPLE, AT_US = 30, 1_780_617_600_000_000


def main(task):
    settings = Settings(data=Path(task["data"]), handle_key=bytes(32))
    with Embedded(settings, clock=lambda: AT_US) as embedded:
        if embedded.log.last == 0:
            lines = [line(number, AT_US - number, number, "post") for number in range(PEOPLE)]
            embedded.load([embedded.edge().pack(lines, topic="file", now_us=AT_US)])
        receiver = FeedReceiver(
            name="crm", url=task["url"], secret=SECRET, private=True, begin="beginning", batch=task["batch"]
        )
        delivery = FeedDelivery([receiver], opener(settings, None), pauses=Pauses(0.05, 0.1))
        if task.get("arm"):
            faults.arm(*task["arm"])
        delivery.start()
        done = "SELECT max(delivered + refused) FROM feed_positions"
        until_s = time.monotonic() + 20
        while embedded.store.query(done, {})[0][0] < PEOPLE and time.monotonic() < until_s:
            time.sleep(0.05)
        delivery.stop()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
