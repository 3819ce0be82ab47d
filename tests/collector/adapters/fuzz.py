"""Documented bodies, damaged at random: cut, flipped, with values and whole branches exchanged."""

import json
from random import Random
from typing import Any

from schemas.segment import default_mapping
from schemas.webhook import bundled
from streams.collector.adapters import Adapter, Malformed
from streams.collector.adapters.activities import Activities
from streams.collector.adapters.segment import Segment
from streams.collector.adapters.webhook import Webhooks
from streams.edge import REASONS
from tests.collector.adapters import payloads
from tests.collector.adapters.edge import reason, request
from tests.collector.adapters.test_activities import DOINGS, activity
from tests.collector.adapters.test_segment import IDENTIFY, ORDER
from tests.collector.adapters.test_webhooks import ORDERED, PAID, POSTED

__all__ = ["press"]

_SEGMENT, _ACTIVITIES, _WEBHOOKS = Segment(default_mapping()), Activities(), Webhooks(bundled(), {})
_ODD = [
    None,
    True,
    0,
    -1,
    1e308,
    10**30,
    "",
    "\0",
    "null",
    "\U0001f600",
    "a" * 40_000,
    [],
    {},
    [[]],
    "9999-12-31T23:59:59Z",
]
_BODIES: list[tuple[Adapter, str, Any]] = [
    *((_SEGMENT, path, body) for path in ("/v1/track", "/v1/identify", "/v1/group", "/v1/p") for body in (ORDER, IDENTIFY)),
    (_SEGMENT, "/v1/batch", {"batch": [ORDER, IDENTIFY | {"type": "identify"}], "sentAt": "2026-10-17T11:59:59Z"}),
    *((_ACTIVITIES, "/v1/activities", body) for body, _ in DOINGS.values()),
    *((_ACTIVITIES, "/v1/activities", activity("Undo", body)) for body, _ in DOINGS.values()),
    *(
        (_WEBHOOKS, f"/v1/webhooks/{name.partition('_')[0].lower()}", body)
        for name, body in vars(payloads).items()
        if name.partition("_")[0].lower() in bundled() and name.isupper()
    ),
]  # fmt: skip


def press(count: int, seed: int) -> dict[str, int]:
    """Let the adapters and the edge look at so many damaged bodies; return how many events each outcome had."""
    random, found = Random(seed), {"": 0, "malformed": 0}
    for _ in range(count):
        adapter, path, body = random.choice(_BODIES)
        data = _cut(json.dumps(_damaged(body, random)).encode(), random)
        try:
            items = adapter.translate(request(path, data, headers=PAID | ORDERED | POSTED))
        except Malformed:
            found["malformed"] += 1
            continue
        for item in items:
            why = reason(item)
            assert why in {"", item.passed_over} or why in REASONS
            found[why] = found.get(why, 0) + 1
    return found


def _damaged(value: Any, random: Random) -> Any:
    if random.random() < 0.04:
        return random.choice(_ODD)
    if isinstance(value, dict):
        return {key: _damaged(item, random) for key, item in value.items() if random.random() > 0.03}
    if isinstance(value, list):
        return [_damaged(item, random) for item in value] * random.choice([1, 1, 1, 2])
    return value


def _cut(data: bytes, random: Random) -> bytes:
    chance = random.random()
    if chance < 0.05:
        return data[: random.randrange(len(data) + 1)]
    if chance < 0.15 and data:
        at = random.randrange(len(data))
        return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
    return data
