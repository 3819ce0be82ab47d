"""Events as lines for the tests of the edge, and what the edge makes of them."""

import json
from datetime import UTC, datetime

from streams.edge import Edge

KEY = b"a key of the tests has 32 bytes."
NOW = datetime(2026, 10, 17, 20, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
BASE = {
    "id": "1",
    "source": "shop",
    "type": "web.purchase",
    "time": "2026-10-17T12:00:00Z",
    "data": {"brand": "lumiere", "handles": {"email": "ann.lee@example.com"}},
}


def event(*, data=None, **changes):
    return BASE | changes | {"data": BASE["data"] | (data or {})}


def line(*, data=None, **changes):
    return json.dumps(event(data=data, **changes), ensure_ascii=False).encode()


def named(handles, **changes):
    return line(data={"handles": handles}, **changes)


def pack(*lines, key=KEY, nobody=frozenset(), trusted=False, **options):
    options = {"topic": "t", "now_us": NOW_US} | options
    return Edge(key, nobody, trusted=trusted).pack(list(lines), **options)


def accepted(*lines, **options):
    frame = pack(*lines, **options)
    assert frame.letters.to_pylist() == []
    return frame.events.to_pylist()


def refused(*lines, **options):
    frame = pack(*lines, **options)
    assert len(frame.events) == 0
    return [letter["reason"] for letter in frame.letters.to_pylist()]


GOOD, AHEAD, OLD = line(), line(time="2027-01-01T00:00:00Z"), line(time="1800-01-01T00:00:00Z")

# What no one may read: each in a form that can be searched for.
EMAIL, PHONE, CARD, USER, SOCIAL = (
    "ann.lee@example.com",
    "+33612345678",
    "4012888888881881",
    "u-ann-lee-77",
    "x:@annlee77",
)
SECRETS = {
    "email": EMAIL,
    "phone": PHONE,
    "loyalty": CARD,
    "user": USER,
    "social": SOCIAL,
    "cookie": "cookie-ann-77",
}
