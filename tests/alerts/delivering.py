"""A deliverer for a test, and what became of what it was given."""

import base64
import time
from contextlib import contextmanager

from streams.alerts.delivery.deliverer import Deliverer, Pauses
from streams.alerts.delivery.receivers import Receiver
from tests.alerts.examples import NOW_US

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
QUICK = Pauses(first_s=0.05, longest_s=0.2)


def hook(url, **more):
    return Receiver(
        **{"name": "hook", "kind": "webhook", "url": url, "secret": SECRET, "private": True} | more
    )


@contextmanager
def delivering(*receivers, clock=lambda: NOW_US, pauses=QUICK):
    deliverer = Deliverer(receivers, clock=clock, pauses=pauses, steady=lambda: clock() / 1e6)
    try:
        yield deliverer
    finally:
        deliverer.stop()


def outcomes(deliverer, count):
    found = []
    until = time.monotonic() + 20
    while len(found) < count and time.monotonic() < until:
        found += deliverer.done()
        time.sleep(0.01)
    return [(one.receiver, one.sequence, one.outcome, one.attempts) for one in found]
