"""Makes adversarial histories, each from a seed: everything that has once given two answers, in any order and cut."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any

from schemas.apath import default_model_text
from tests.histories.bad import bad
from tests.histories.event import Event, Handle, Item, area_of
from tests.histories.lines import activity, line, order
from tests.histories.people import NOBODY, people

__all__ = ["AHEAD_US", "DAY_US", "OLDEST_US", "History", "history"]

DAY_US, HOUR_US, MINUTE_US = 86_400_000_000, 3_600_000_000, 60_000_000
OLDEST_US = -2_208_988_800_000_000  # 1900-01-01
AHEAD_US = DAY_US  # an event may be dated so far ahead of the clock
_MODEL = tomllib.loads(default_model_text())
_NAMED = sorted({rule["type"] for stage in _MODEL["stages"].values() for rule in stage["evidence"]})
AREAS = ("web", "store", "social", "community", "support", "app", "mail", "booth")
SOURCES = ("shop", "till", "https://feed.example/7")
AMOUNTS = (
    "10",
    "12.5",
    "0.1",
    "19.9999",
    "-12.5",
    "0",
    "-0",
    "1e9",
    "1e12",
    "-1e12",
    "0.0001",
    "250000",
    "99",
)
CURRENCIES = ("EUR", "EUR", "EUR", "USD", "JPY")
UNKNOWN = ("booth.visit", "web.scroll_depth", "web.group", "support.ticket", "social.dislike")
MONEY = ("web.purchase", "store.purchase", "web.refund", "store.refund", "app.purchase")
SPOKEN = ("comment", "share", "post", "review", "answer", "user_content", "resolved", "csat")
SENTIMENTS = (-1.0, -0.9, -0.3, -0.29999, -0.1, 0.0, 0.5, 1.0)
RATINGS = (0.0, 1.0, 2.0, 2.0001, 3.0, 4.0, 5.0, 6.0, 9.0, 10.0)
# Between a repeat and what it repeats.
MOVES_US = (
    1,
    -1,
    MINUTE_US,
    -5 * MINUTE_US,
    -HOUR_US,
    2 * DAY_US,
    -2 * DAY_US,
    -40 * DAY_US,
    -366 * DAY_US,
    -30 * 366 * DAY_US,
)


@dataclass(frozen=True)
class History:
    """What is sent, in order, and the brands that it is of."""

    seed: int
    items: tuple[Item, ...]
    brands: tuple[str, ...]


def history(seed: int, now_us: int) -> History:
    """Return the history of this number at this time, always the same."""
    return _Maker(seed, now_us).make()


class _Maker:
    def __init__(self, seed: int, now_us: int) -> None:
        self.random = random = Random(f"history {seed}")
        self.seed, self.now_us = seed, now_us
        names = [f"h{seed}", f"Maison\u00a0Luce {seed}", f"identity{seed}", f"fam👨\u200d👩\u200d👧{seed}"]
        self.brands = tuple(random.sample(names, random.choice([1, 1, 1, 2])))
        self.kiosk = random.choice([0.0, 0.0, 0.1, 0.5])
        self.people = people(seed, 8 if self.kiosk == 0.5 else random.choice([2, 3, 4]))
        self.instants = [self._instant() for _ in range(3)]
        self.sent: list[Item] = []
        self.number = 0

    def make(self) -> History:
        random = self.random
        for _ in range(random.choice([5, 15, 30, 60])):
            roll = random.random()
            if roll < 0.18 and self.sent:
                self.sent.append(self._again())
            elif roll < 0.24:
                self.sent.append(bad(self.brands[0], self.now_us, random))
            elif roll < 0.30:
                self.sent += self._foreign()
            elif roll < 0.33:
                self.sent += self._cycle()
            else:
                self.sent.append(self._item(self._event()))
        if random.random() < 0.3:
            random.shuffle(self.sent)
        return History(self.seed, tuple(self.sent), self.brands)

    def _item(self, event: Event, extra: Mapping[str, Any] | None = None) -> Item:
        """Return an event as an item; whether it is refused for its time is for the time to say."""
        if extra is None and self.random.random() < 0.15:
            extra = dict([self.random.choice(NOBODY)])
        sent = line(event, self.random, extra)
        if event.at_us > self.now_us + AHEAD_US:
            return Item(sent, None, "time_ahead")
        if event.at_us < OLDEST_US:
            return Item(sent, None, "time_too_old")
        return Item(sent, event)

    def _instant(self) -> int:
        random, now_us = self.random, self.now_us
        roll = random.random()
        if roll < 0.06:
            return random.choice(
                [OLDEST_US, OLDEST_US + 1, OLDEST_US + 3 * DAY_US, -1, 0, 1_054_425_600_000_000]
            )
        if roll < 0.12:
            return now_us + random.choice([HOUR_US, 12 * HOUR_US, 23 * HOUR_US, AHEAD_US])
        if roll < 0.2:
            return now_us - random.randrange(4 * 365) * DAY_US
        return now_us - HOUR_US - random.randrange(100 * DAY_US)

    def _at(self) -> int:
        """Return a time, often one that others have, or one beside it."""
        if self.random.random() < 0.5:
            return self.random.choice(self.instants) - self.random.choice(
                [0, 0, 0, 1, 999_999, 1_000_000, 200_000_000, 400_000_000, 30 * DAY_US]
            )
        return self._instant()

    def _event(self) -> Event:
        random = self.random
        self.number += 1
        event = Event(
            brand=random.choice(self.brands),
            source=random.choice(SOURCES),
            id=f"e{self.number}" if random.random() < 0.85 else f"e{random.randint(1, self.number)}",
            type=self._type(),
            at_us=max(self._at(), OLDEST_US),
            handles=self._who(),
        )
        if random.random() < 0.12:
            event = replace(
                event, type=random.choice(["identity.link", "identity.unlink", "identity.unlink"])
            )
            event = replace(event, handles=self._two())
        return self._dressed(event)

    def _type(self) -> str:
        roll = self.random.random()
        if roll < 0.2:
            return self.random.choice(MONEY)
        if roll < 0.25:
            return self.random.choice(UNKNOWN)
        name = self.random.choice(_NAMED)
        return name.replace("*", self.random.choice(AREAS))

    def _dressed(self, event: Event) -> Event:
        """Return the event with what such events carry: money, mood, things, what brought it."""
        random, texts = self.random, {}
        for name, values in (
            ("content", ["film", "post"]),
            ("product", ["sku 1", "sku 2"]),
            ("place", ["p1", "p2"]),
        ):
            if random.random() < 0.3:
                texts[name] = random.choice(values)
        if random.random() < 0.35:
            texts["cause"] = self._cause()
        event = replace(event, texts=texts)
        paid = event.type.endswith(("purchase", "refund")) or random.random() < 0.05
        if paid and random.random() < 0.9:
            event = replace(event, amount=Decimal(random.choice(AMOUNTS)), currency=random.choice(CURRENCIES))
        if event.type.endswith(SPOKEN) or random.random() < 0.1:
            if random.random() < 0.6:
                event = replace(event, sentiment=random.choice(SENTIMENTS))
            if random.random() < 0.4:
                event = replace(event, rating=random.choice(RATINGS))
        if random.random() < 0.1:
            event = replace(
                event, properties={"share_code": f"code{random.randint(1, 3)}", "n": random.choice([1, 2])}
            )
        return event

    def _cause(self) -> str:
        roll = self.random.random()
        if roll < 0.7:
            return f"e{self.random.randint(1, self.number + 2)}"
        return f"code{self.random.randint(1, 3)}" if roll < 0.9 else "nobody sent this"

    def _who(self) -> tuple[Handle, ...]:
        random = self.random
        person = random.choice(self.people)
        kinds = random.sample(sorted(person), random.choice([1, 1, 1, 2, 2, 3]))
        found = {
            (kind, value)
            for kind in kinds
            for value in random.sample(person[kind], random.randint(1, len(person[kind])))
        }
        if random.random() < self.kiosk:
            found.add(("device", f"kiosk{self.seed}"))
        return tuple(sorted(found))

    def _two(self) -> tuple[Handle, ...]:
        """Return two handles, most often of events that named both."""
        random = self.random
        together = [item.event.handles for item in self.sent if item.event and len(item.event.handles) > 1]
        if together and random.random() < 0.8:
            return tuple(sorted(random.sample(random.choice(together), 2)))
        found: set[Handle] = set()
        while len(found) < 2:
            kind, values = random.choice(sorted(random.choice(self.people).items()))
            found.add((kind, random.choice(values)))
        return tuple(sorted(found))

    def _again(self) -> Item:
        """Return an event again: the same bytes, in another form, or saying something else under its name."""
        random = self.random
        item = random.choice(self.sent)
        event = item.event
        if event is None or event.properties is None or random.random() < 0.3:
            return item
        at_us = event.at_us + random.choice([0, *MOVES_US])
        other = random.choice([
            event,
            replace(event, at_us=at_us),
            replace(event, at_us=at_us),
            replace(event, amount=Decimal(random.choice(AMOUNTS)), currency="EUR"),
            replace(event, type=event.type if area_of(event.type) == "identity" else self._type()),
            replace(event, texts={**event.texts, "place": random.choice(["p1", "p3"])}),
            replace(event, rating=random.choice(RATINGS), sentiment=random.choice(SENTIMENTS)),
            replace(event, source=random.choice(SOURCES)),
            replace(event, brand=random.choice(self.brands)),
            replace(event, handles=self._who()),
            replace(event, handles=tuple(sorted({*event.handles, ("device", f"tv{self.seed}")}))),
            replace(event, properties={"n": 3}),
        ])  # fmt: skip
        return self._item(other)

    def _foreign(self) -> list[Item]:
        """Return a purchase as Segment has it, sent twice as if at other times, or a Like with its Undo."""
        random = self.random
        event = self._event()
        event = replace(
            event, at_us=min(event.at_us, self.now_us - DAY_US), id=f"f{self.number}", brand=self.brands[0]
        )
        person = random.choice(self.people)
        if random.random() < 0.5 or event.at_us < self.now_us - 300 * DAY_US:
            kind = random.choice(["Like", "Announce"])
            event = replace(event, id=f"f{self.number}q{self.seed}")
            return [
                both for both in activity(event, kind, self.now_us) for _ in range(random.choice([1, 1, 2]))
            ]
        kind = random.choice(["user", "cookie"])
        event = replace(
            event, type=random.choice(["web.purchase", "web.refund"]), handles=((kind, person[kind][0]),)
        )
        state = random.getstate()
        calls = []
        for ago_us in random.choice([[0], [0, 0], [MINUTE_US, HOUR_US]]):
            random.setstate(state)  # the same call, but for the time at which it says that it is sent
            calls.append(order(event, random, ago_us, self.now_us))
        return calls

    def _cycle(self) -> list[Item]:
        """Return events of one time, each brought by the next."""
        random = self.random
        at_us, brand, count = self._at(), random.choice(self.brands), random.choice([2, 3, 5])
        names = [f"e{self.number + n + 1}" for n in range(count)]
        self.number += count
        events = []
        for n, name in enumerate(names):
            event = replace(
                self._event(), id=name, brand=brand, at_us=max(at_us, OLDEST_US), type=self._type()
            )
            events.append(replace(event, texts={**event.texts, "cause": names[(n + 1) % count]}))
        if random.random() < 0.3:
            events[0] = replace(
                events[0], at_us=events[0].at_us + random.choice([1, 100_000_000, 299_999_999])
            )
        random.shuffle(events)
        return [self._item(event) for event in events]
