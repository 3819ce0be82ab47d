"""Compares the answers of a store with the oracle, brand by brand; a difference names brand, what, and both values."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.histories.answers import CHANNELS, Answers, micros
from tests.histories.cascades import breadth, cascades, edges
from tests.histories.oracle import STAGES, Oracle, Stored
from tests.histories.paths import NEAR_US, UnsureError, path

__all__ = ["Difference", "differences"]

Difference = tuple[str, str, Any, Any]  # of what (and whom), what was found, what was expected
_TINY = 1e-280  # below it a float loses digits


class Comparison:
    """One brand of a history against what a store says of it."""

    def __init__(self, brand: str, oracle: Oracle, found: Answers) -> None:
        self.brand, self.oracle, self.found = brand, oracle, found
        self.mine = {
            customer: touches for (name, customer), touches in oracle.by_customer.items() if name == brand
        }

    def rows(self, name: str) -> list[dict[str, Any]]:
        return self.found.by_brand[name].get(self.brand, [])

    def all(self) -> Iterator[Difference]:
        """Yield every difference."""
        yield from self._interactions()
        yield from self._unlike(
            "conflicts", self.found.conflicts.get(self.brand, Counter()), self._conflicts()
        )
        for at_us, by_brand in self.found.at.items():
            yield from self._journeys(f"journeys_at({at_us})", by_brand.get(self.brand, []), (at_us, at_us))
        yield from self._journeys("journeys", self.rows("now"), self.found.asked_us)
        yield from self._standings()
        yield from self._path()
        yield from self._edges()
        yield from self._cascades()
        yield from self._steps()
        yield from self._minutes()

    def _unlike(self, what: str, found: Any, expected: Any) -> Iterator[Difference]:
        if found == expected:
            return
        if isinstance(found, Mapping) and isinstance(expected, Mapping):
            for key in {**found, **expected}:
                if found.get(key) != expected.get(key):
                    yield f"{self.brand} {what} {key}", found.get(key), expected.get(key)  # type: ignore[misc]
        else:
            yield f"{self.brand} {what}", found, expected  # type: ignore[misc]

    def _interactions(self) -> Iterator[Difference]:
        found = {
            (row["source"], row["id"], row["handle"]): (
                micros(row["time"]), row["type"], tuple(zip(row["handles"], row["kinds"], strict=True)),
                row["amount"], row["currency"], row["rating"], row["sentiment"],
                *(row[name] for name in ("content", "product", "place", "cause")),
            )
            for row in self.rows("interactions")
        }  # fmt: skip
        yield from self._unlike("stored once", len(self.rows("interactions")), len(found))
        expected = {
            key: (
                one.event.at_us, one.event.type, one.handles, one.event.amount, one.event.currency, one.event.rating,
                one.event.sentiment, *(one.event.text(name) for name in ("content", "product", "place", "cause")),
            )
            for key, one in self.oracle.stored.items()
            if one.event.brand == self.brand
        }  # fmt: skip
        yield from self._unlike("interactions", found, expected)

    def _conflicts(self) -> Counter[tuple[Any, ...]]:
        return Counter(
            {
                change: count
                for change, count in self.oracle.conflicts.items()
                if self.oracle.stored[change[0]].event.brand == self.brand
            }
        )

    def _journeys(
        self, name: str, rows: list[dict[str, Any]], between_us: tuple[int, int]
    ) -> Iterator[Difference]:
        known = {customer: self._until(touches, between_us[0]) for customer, touches in self.mine.items()}
        found = {row["customer"]: row for row in rows}
        yield from self._unlike(f"{name} one row a customer", len(rows), len(found))
        yield from self._unlike(
            f"{name} customers", set(found), {c for c, touches in known.items() if touches}
        )
        for customer in found.keys() & known.keys():
            for what, one, other in self._journey(found[customer], known[customer], between_us):
                yield f"{self.brand} {name} {customer} {what}", one, other  # type: ignore[misc]

    @staticmethod
    def _until(touches: list[Stored], at_us: int) -> list[Stored]:
        return [one for one in touches if one.event.at_us <= at_us]

    def _journey(
        self, row: Mapping[str, Any], touches: list[Stored], between_us: tuple[int, int]
    ) -> Iterator[tuple[str, Any, Any]]:
        oracle, at_us = self.oracle, between_us[0]
        terms = oracle.terms(touches)
        allowed = oracle.stages(terms, at_us) | oracle.stages(terms, between_us[1])
        if row["stage"] not in allowed:
            yield "stage", row["stage"], allowed
        tolerance = 1e-9 if between_us[0] == between_us[1] else 1e-5
        for stage in STAGES:
            score, size = oracle.score(terms[stage], at_us)
            if not near(row[stage], score, tolerance * size):
                yield stage, row[stage], score
        channels = Counter(oracle.channel(one.event) for one in touches)
        facts = {
            "touches": len(touches),
            **{f"touches_{name}": channels[name] for name in CHANNELS},
            "revenue": oracle.revenue(touches),
            "first_seen": min((one.event.at_us for one in touches), default=None),
            "last_seen": max((one.event.at_us for one in touches), default=None),
            "handles": sorted(h for h, c in oracle.customer.items() if c == row["customer"]),
        }
        for name, value in facts.items():
            told = micros(row[name]) if name.endswith("_seen") else row[name]
            if told != value:
                yield name, told, value

    def _standings(self) -> Iterator[Difference]:
        """`standings`, `stage_population` and `journeys` are asked one after the other, and agree."""
        rows = {row["customer"]: row for row in self.rows("now")}
        told = {
            row["customer"]: (row["stage"], row["revenue"], row["touches"]) for row in self.rows("standings")
        }
        expected = {
            customer: (row["stage"], row["revenue"], row["touches"]) for customer, row in rows.items()
        }
        yield from self._unlike("standings", told, expected)
        population = Counter(
            {row["stage"]: row["customers"] for row in self.rows("population") if row["customers"]}
        )
        yield from self._unlike(
            "stage_population", population, Counter(row["stage"] for row in rows.values())
        )

    def _path(self) -> Iterator[Difference]:
        for customer, touches in self.mine.items():
            rows = [row for row in self.rows("path") if row["customer"] == customer]
            try:
                expected = path(self.oracle, touches, self.found.asked_us[0])
            except UnsureError:
                continue
            found = [(row["from_stage"], row["to_stage"], tuple(row["types"])) for row in rows]
            yield from self._unlike(
                f"path of {customer}", found, [(one.before, one.after, one.types) for one in expected]
            )
            for row, one in zip(rows, expected, strict=False):
                within_us = 0 if one.types else NEAR_US
                if abs(micros(row["at"]) - one.at_us) > within_us or (row["reason"] == "lapse") == bool(
                    one.types
                ):
                    yield f"{self.brand} path of {customer}", row, one  # type: ignore[misc]

    def _edges(self) -> Iterator[Difference]:
        found = {
            (row["source"], row["id"], row["handle"]): (
                row["state"],
                (row["from_source"], row["from_id"], row["from_handle"])
                if row["state"] != "missing"
                else (self.brand, row["cause"]),
            )
            for row in self.rows("edges")
        }
        expected = {
            k: v for k, v in edges(self.oracle).items() if self.oracle.stored[k].event.brand == self.brand
        }
        yield from self._unlike("cascade_edges", found, expected)

    def _cascades(self) -> Iterator[Difference]:
        found = {
            _root(row): (
                row["customer"] if row["is_known"] else None, row["started_at"] and micros(row["started_at"]),
                micros(row["last_at"]), row["touches"], row["depth"], row["breadth"], row["customers"],
                row["converted"], row["revenue"],
            )
            for row in self.rows("cascades")
        }  # fmt: skip
        mine = [one for one in cascades(self.oracle) if one.brand == self.brand]
        expected = {
            one.root: (
                one.starter, one.started_us, one.last_us, one.touches, one.depth, breadth(one), len(one.reached),
                one.converted, one.revenue,
            )
            for one in mine
        }  # fmt: skip
        yield from self._unlike("cascades", found, expected)
        reached = {
            (row["root_source"], row["root_id"], row["root_handle"], row["customer"]): (
                row["generation"], micros(row["reached_at"]),
            )
            for row in self.rows("reached")
            if row["root_handle"]
        }  # fmt: skip
        known = [one for one in mine if one.starter is not None]
        yield from self._unlike(
            "cascade_customers",
            reached,
            {(*one.root, c): place for one in known for c, place in one.reached.items()},
        )

    def _steps(self) -> Iterator[Difference]:
        expected = Counter[Any]()
        for customer, touches in self.mine.items():
            ordered = sorted(touches, key=lambda one: one.order)
            expected.update(
                (
                    customer,
                    b.event.at_us,
                    self.oracle.channel(a.event),
                    self.oracle.channel(b.event),
                    b.event.at_us - a.event.at_us,
                )
                for a, b in itertools.pairwise(ordered)
            )
        found = Counter(
            (
                row["customer"],
                micros(row["time"]),
                row["from_channel"],
                row["to_channel"],
                round(row["gap_s"] * 1e6),
            )
            for row in self.rows("steps")
        )
        yield from self._unlike("channel_steps", found, expected)

    def _minutes(self) -> Iterator[Difference]:
        found = Counter[Any]()
        for row in self.rows("minutes"):
            found[micros(row["minute"]) // 60_000_000, row["channel"], row["type"]] += row["touches"]
        expected = Counter(
            (one.event.at_us // 60_000_000, self.oracle.channel(one.event), one.event.type)
            for touches in self.mine.values()
            for one in touches
        )
        yield from self._unlike("touches_by_minute", found, expected)


def _root(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        (row["root_source"], row["root_id"], row["root_handle"])
        if row["is_known"]
        else (row["brand"], row["root_id"])
    )


def near(found: float | None, expected: float | None, within: float) -> bool:
    """Return whether two scores are the same; no evidence is no score of 0."""
    if found is None or expected is None:
        return found is expected
    return abs(found - expected) <= max(within, _TINY)


def differences(
    oracle: Oracle, brands: Mapping[str, Any] | tuple[str, ...], found: Answers
) -> Iterator[Difference]:
    """Yield the differences of some brands of an oracle."""
    for handle, customer in oracle.customer.items():
        if found.customer.get(handle) != customer:
            yield f"customer of {handle}", found.customer.get(handle), customer  # type: ignore[misc]
    for brand in brands:
        yield from Comparison(brand, oracle, found).all()
