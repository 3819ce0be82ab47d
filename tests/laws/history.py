"""Small histories, each from a seed: a few people, their events, repeats near and far, late events, bad lines."""

import json
from dataclasses import dataclass
from random import Random

from journey.model import Model
from schemas.apath import default_model_text, parse_model
from streams.clock import from_us

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
START_US = 1_780_272_000_000_000  # 2026-06-01

TEXT = default_model_text().replace(
    "caps = { user = 5, email = 5, phone = 5, loyalty = 5, social = 10, cookie = 100, device = 20 }",
    "caps = { user = 2, email = 2, phone = 2, loyalty = 2, social = 2, cookie = 2, device = 1 }",
)
MODEL: Model = parse_model(TEXT)
OTHER_TEXT = TEXT.replace("user = 2, email = 2", "user = 1, email = 1").replace(
    "threshold = 0.75", "threshold = 0.4"
)
OTHER: Model = parse_model(OTHER_TEXT)

# What lies between two events.
SHORT = (0, 0, 0, 1, 60_000_000, HOUR_US)
LONG = (0, 1, HOUR_US, DAY_US, 5 * DAY_US)

BRANDS = ("lumiere", "lumiere", "lumiere", "maison")
CORRECTED = "corrected"
SOURCES = ("shop", "till", "feed")
TYPES = (
    "web.page_view", "web.page_view", "social.impression", "web.click", "web.product_view", "store.check_in",
    "social.follow", "social.unfollow", "social.like", "social.comment", "web.purchase", "web.purchase",
    "store.purchase", "web.refund", "store.refund", "support.csat", "web.review", "web.sign_up",
    "web.subscribe", "web.unsubscribe", "social.share", "social.share", "web.referral_converted", "web.nps",
    "web.scroll_depth", "support.ticket", "booth.visit",
)  # fmt: skip
SPOKEN = ("social.comment", "social.share", "web.review", "support.csat", "web.page_view")
RATED = {"support.csat": (1, 5), "web.review": (1, 5), "web.nps": (0, 10)}

CLICK = (
    b'{"id":"n","source":"shop","type":"web.click","time":"%s-06-01T00:00:00Z",'
    b'"data":{"brand":"maison","handles":{"cookie":"%s"}}}'
)
# Lines that are no events, and why.
BAD = (
    (b"not json at all", "not_json"),
    (b"", "not_json"),
    (b"\xff\xfe\x00", "not_json"),
    (b'{"id": "x"}', "missing_field"),
    (CLICK % (b"2026", b"undefined"), "no_handle"),
    (CLICK % (b"2099", b"c9"), "time_ahead"),
)


@dataclass(frozen=True)
class Item:
    """One line as it is sent: an event, or None and the reason for which it is refused."""

    line: bytes
    event: dict | None
    reason: str = ""

    @property
    def differs(self) -> bool:
        """Whether it repeats an event with other content: which of the two counts is for the order to say."""
        return self.event is not None and self.event["data"].get("content") == CORRECTED


@dataclass(frozen=True)
class History:
    """What is sent, in order."""

    items: tuple[Item, ...]
    window_us: int
    partitions: int


def history(seed: int) -> History:
    """Return the history of this number, always the same."""
    return _Maker(Random(seed)).make()


class _Maker:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.window_us = random.choice([DAY_US, 2 * DAY_US, 7 * DAY_US])
        self.variants = random.random() < 0.4
        self.people = [_handles(person) for person in range(random.choice([2, 3, 3, 4, 6]))]
        self.kiosk = random.choice([0.0, 0.1, 0.5])
        self.gaps_us = random.choice([SHORT, SHORT, LONG])
        self.late = random.choice([0.05, 0.3])
        self.now_us = START_US
        self.sent: list[Item] = []
        self.decided: list[dict] = []
        self.number = 0

    def make(self) -> History:
        random = self.random
        for _ in range(random.choice([6, 20, 30, 50, 70])):
            self.now_us += random.choice(self.gaps_us)
            roll = random.random()
            if roll < 0.18 and self.sent:
                self.sent.append(self._again())
            elif roll < 0.25:
                self.sent.append(Item(*_bad(random)))
            else:
                self.sent.append(_item(self._event()))
        return History(tuple(self.sent), self.window_us, random.choice([1, 1, 2, 3]))

    def _again(self) -> Item:
        item = self.random.choice(self.sent)
        if item.event is None or not self.variants or self.random.random() < 0.5:
            return item
        other = json.loads(json.dumps(item.event))
        # Another time, however far from the first, or another content, under the same id: still the same event.
        other["_us"] += self.random.choice([-1500 * DAY_US, -40 * DAY_US, -HOUR_US, -1, 0, 1])
        other["time"] = _rfc3339(other["_us"])
        other["data"]["content"] = CORRECTED
        if self.random.random() < 0.3:
            other["type"] = self.random.choice([*TYPES, "identity.unlink"])
            self._dress(other)
            other["data"]["content"] = CORRECTED
        return _item(other)

    def _event(self) -> dict:
        random = self.random
        self.number += 1
        at_us = self.now_us
        if random.random() < self.late:
            at_us -= random.choice([1, HOUR_US, DAY_US, 40 * DAY_US, 400 * DAY_US, 1500 * DAY_US])
        event = {
            "id": f"e{self.number}",
            "source": random.choice(SOURCES),
            "type": random.choice(TYPES),
            "time": _rfc3339(at_us),
            "_us": at_us,
            "data": {"brand": random.choice(BRANDS), "handles": self._who()},
        }
        if random.random() < 0.2:
            self._decide(event)
        if random.random() < 0.1:
            event["id"], event["source"] = "e1", f"feed-{self.number}"  # another source: another event
        self._dress(event)
        return event

    def _decide(self, event: dict) -> None:
        """Make it a link or unlink, often of two handles that were decided on before, and often late."""
        random = self.random
        decided = [handles for handles in self.decided if random.random() < 0.5]
        event["type"] = random.choice(["identity.link", "identity.unlink", "identity.unlink"])
        event["data"]["handles"] = random.choice(decided) if decided else self._two()
        self.decided.append(event["data"]["handles"])
        if random.random() < 0.3:
            event["_us"] -= random.choice([1, HOUR_US, DAY_US])
            event["time"] = _rfc3339(event["_us"])

    def _dress(self, event: dict) -> None:
        random, data = self.random, event["data"]
        if event["type"] in RATED:
            data["rating"] = float(random.randint(*RATED[event["type"]]))
        if event["type"] in SPOKEN and self.number % 3 == 0:
            data["sentiment"] = (self.number * 37 % 21 - 10) / 10
        if event["type"].endswith(("purchase", "refund")):
            data["amount"] = random.choice([12.5, 0.1, 19.9999, -3.0, 1e9])
            data["currency"] = random.choice(["EUR", "EUR", "GBP"])
        if random.random() < 0.2:
            data["content"] = random.choice(["film", "post"])

    def _who(self) -> dict:
        person = self.random.choice(self.people)
        count = self.random.choice([1, 1, 1, 2, 2, 3])
        chosen = dict(self.random.sample(sorted(person.items()), count))
        if self.random.random() < self.kiosk:
            chosen["device"] = "kiosk"
        if "cookie" in chosen and self.random.random() < 0.2:
            chosen["cookie"] = [chosen["cookie"], chosen["cookie"] + "-old"]
        if "email" in chosen and self.random.random() < 0.3:
            chosen["email"] = f" {chosen['email'].upper()} "
        return chosen

    def _two(self) -> dict:
        """Return two handles, often ones that were named together before."""
        together = [item.event["data"]["handles"] for item in self.sent if item.event]
        together = [handles for handles in together if len(handles) > 1]
        if together and self.random.random() < 0.7:
            return dict(self.random.sample(sorted(self.random.choice(together).items()), 2))
        one, other = (self.random.choice(self.people) for _ in range(2))
        (kind, value), (kind2, value2) = (
            self.random.choice(sorted(person.items())) for person in (one, other)
        )
        return {kind: value, kind2: value2} if kind != kind2 else {kind: [value, value2]}


def _handles(person: int) -> dict[str, str]:
    return {
        "cookie": f"c{person}",
        "email": f"p{person}@example.org",
        "phone": f"+33612345{person:03}",
        "user": f"u{person}",
        "social": f"ig:p{person}",
    }


def _bad(random: Random) -> tuple[bytes, None, str]:
    line, reason = random.choice(BAD)
    return line, None, reason


def _rfc3339(at_us: int) -> str:
    return from_us(at_us).isoformat(timespec="microseconds")


def _item(event: dict) -> Item:
    sent = {name: value for name, value in event.items() if name != "_us"}
    return Item(json.dumps(sent).encode(), event)
