"""Streams of events for the tests of a deployment: simulated people, repeats, unlinked handles and lines that are none."""

import json
from datetime import UTC, datetime, timedelta
from random import Random

from streams.inputs.simulate import simulate

__all__ = ["DAYS", "stream"]

DAYS = 20
BAD = (
    b"not json at all %d",
    b'{"id": "x%d"}',
    b'{"id":"n%d","source":"shop","type":"web.click","time":"2025-06-01T00:00:00Z","data":{"brand":"maison","handles":{"cookie":"undefined"}}}',
)


def stream(seed: int, *, customers: int = 40) -> list[bytes]:
    """Return lines: some twenty days of some people up to yesterday, with repeats, partings and bad lines among them."""
    random = Random(seed)
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS + 1)
    events = list(simulate(customers=customers, days=DAYS, seed=seed, start=start))
    lines = [json.dumps(event).encode() for event in events]
    several = [event for event in events if len(event["data"]["handles"]) > 1]
    for number, event in enumerate(random.sample(several, min(len(several), customers // 4))):
        lines.insert(random.randrange(len(lines)), parting(number, event, random))
    for line in random.sample(lines, len(lines) // 5):
        lines.insert(random.randrange(len(lines)), line)
    for number in range(customers // 4):
        lines.insert(random.randrange(len(lines)), random.choice(BAD) % number)
    return lines


def parting(number: int, event: dict, random: Random) -> bytes:
    """Return the word that two handles that were named together are not one person."""
    both = dict(random.sample(sorted(event["data"]["handles"].items()), 2))
    data = {"brand": event["data"]["brand"], "handles": both}
    said = {
        "id": f"parting-{number}",
        "source": "desk",
        "type": "identity.unlink",
        "time": event["time"],
        "data": data,
    }
    return json.dumps(said).encode()
