"""Malformed bodies: no 5xx, no crash, each item in the books, and no good event lost among them."""

import gzip
import json
import random
from collections import Counter

import zstandard

from streams.collector.limits import MAX_BODY_BYTES, MAX_ITEMS
from tests.collector.server import BATCH, LINES, ONE, event, lines_of
from tests.edge.test_malformed_input import Mutations

KINDS = (
    ONE,
    BATCH,
    LINES,
    LINES,
    LINES,
    "application/json",
    "text/plain",
    "",
    "image/png",
    "application/cloudevents+xml",
)
ENCODINGS = ("", "", "", "gzip", "zstd", "deflate", "br")


class Requests:
    """Bodies with some good events among bad ones: the same for the same seed."""

    def __init__(self, seed: int, name: str = "good") -> None:
        self.random, self.mutations = random.Random(seed), Mutations(seed)
        self.good, self.name = 0, name

    def make(self):
        """Return body, headers, and the ids of good events that must be accepted if the body is read at all."""
        kind, random = self.random.choice(KINDS), self.random
        lines = [self.mutations.line() for _ in range(random.choice((1, 1, 2, 5, 30)))]
        ids = []
        if kind == LINES:
            lines = [line.replace(b"\n", b" ") for line in lines]
            for _ in range(random.randrange(3)):
                self.good += 1
                ids.append(f"{self.name}-{self.good}")
                lines.insert(random.randrange(len(lines) + 1), lines_of(event(ids[-1])))
        body = b"[" + b",".join(lines) + b"]" if kind == BATCH else b"\n".join(lines)
        headers = {"content-type": kind}
        if random.random() < 0.1:
            headers |= {
                f"ce-{random.choice(('id', 'type', 'time', 'source', 'x'))}": random.choice(
                    ("a", "%ff", "é", "{}")
                )
            }
        encoding = random.choice(ENCODINGS)
        if encoding:
            headers["content-encoding"] = encoding
            body = gzip.compress(body, 1) if encoding == "gzip" else body
            body = zstandard.compress(body) if encoding == "zstd" else body
        if random.random() < 0.05:
            cut = random.randrange(len(body) + 1)
            body, ids = body[:cut] + random.randbytes(random.randrange(3)) + body[cut + 1 :], []
        if encoding in {"deflate", "br"}:
            ids = []
        return body, headers, ids


def press(collector, key, count, seed, name="good"):
    """Send so many requests; return statuses, and ids that were accepted."""
    requests, statuses, accepted, items = Requests(seed, name), Counter(), [], Counter()
    for _ in range(count):
        body, headers, ids = requests.make()
        answer = collector.ask("POST", "/v1/events", body, headers | {"authorization": f"Bearer {key}"})
        statuses[answer.status] += 1
        assert answer.status < 500, (answer, headers, body[:500])
        told = answer.json
        items.update(item["status"] for item in told.get("items", ()))
        if ids and len(body) <= MAX_BODY_BYTES:
            assert answer.status == 202, (answer, headers)
            assert len(told["items"]) <= MAX_ITEMS
            assert told["accepted"] + told["duplicates"] >= len(ids)
            accepted += ids
    return statuses, accepted, items


def test_malformed_bodies_break_nothing_and_lose_no_good_event(collect):
    collector = collect()
    key = collector.key("fuzz")
    collector.start()
    statuses, good, items = press(collector, key, 600, seed=3)
    assert {202, 400, 415, 422} <= set(statuses)
    assert len(good) > 60
    assert "Traceback" not in collector.log
    assert " ERROR " not in collector.log
    assert collector.stop() == 0
    stored = {
        row["id"] for row in collector.rows("SELECT id FROM interactions WHERE startsWith(id, 'good-')")
    }
    assert stored >= set(good)
    books = collector.rows(
        "SELECT sum(received) AS r, sum(stored) AS s, sum(duplicates) AS d FROM deliveries"
    )[0]
    letters = collector.rows("SELECT count() AS n FROM dead_letters")[0]["n"]
    assert books["r"] == items.total() == books["s"] + books["d"] + letters
    assert letters == items["rejected"]


def test_the_same_seed_gives_the_same_requests():
    one, two = Requests(5), Requests(5)
    kinds = [(one.make()[1], two.make()[1]) for _ in range(50)]
    assert all(json.dumps(a) == json.dumps(b) for a, b in kinds)
