"""Gives readable handles of customers back to holders of their key: the values of the kinds that a brand names."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from journey.identity.handle import KIND_CODE
from streams.edge.readable import ReadableError, ReadableKey
from streams.handles.links import THEIRS
from streams.handles.readable_key_file import kept
from streams.settings import ReadableKinds, Settings
from streams.store.clickhouse import ClickHouse

__all__ = ["Customer", "ReadableReader", "Values"]

Customer = tuple[str, int]
"""A brand, and a customer of it by any name that they had."""
Values = Mapping[str, Sequence[str]]
"""Values by kind, in the order of kinds; none of a kind that the customer has not."""

_TOGETHER = 4_000  # ids in a question: a server takes 128 KiB of parameters
_SLICE = 500_000  # rows that an export reads at once
_ROW = "toString(brand) AS brand, toString(kind) AS kind, handle, toString(fingerprint) AS fingerprint, hex(sealed) AS sealed"
_VALUES = f"""
    SELECT {_ROW} FROM readable_handles
    WHERE brand IN {{brands:Array(String)}} AND handle IN {{handles:Array(UInt64)}}
"""
_OF_BRAND = f"""
    SELECT c.customer AS customer, r.* FROM
    (
        SELECT {_ROW} FROM readable_handles
        WHERE brand = {{brand:String}} AND modulo(handle, {{slices:UInt32}}) = {{slice:UInt32}}
    ) AS r
    INNER JOIN customers AS c ON c.handle = r.handle
    ORDER BY customer, handle
"""


class ReadableReader:
    """A reader of readable handles, for whoever has their key.

    Raises
    ------
    ReadableError
        No brand names kinds of handle, or there is no key.
    """

    def __init__(self, kinds: ReadableKinds, key: ReadableKey) -> None:
        self._kinds, self._key = kinds, key

    @classmethod
    def of_settings(cls, settings: Settings) -> "ReadableReader":
        """Return the reader that the settings allow. Raises ReadableError."""
        if not settings.readable:
            raise ReadableError(
                "no handles are kept readable: JOURNEY_READABLE names the kinds, here and wherever events come in"
            )
        return cls(settings.readable, kept(settings))

    def kinds_of(self, brand: str) -> tuple[str, ...]:
        """Return the kinds of handle that a brand keeps readable, in their order."""
        return tuple(sorted(self._kinds.of(brand), key=lambda kind: KIND_CODE[kind]))

    def of(self, store: ClickHouse, customers: Collection[Customer]) -> dict[Customer, Values]:
        """Return the values of each customer.

        Raises
        ------
        ReadableError
            One is under a key that is not ours, or was tampered with.
        """
        handles: dict[int, list[int]] = {}
        for some in _some(sorted({customer for _, customer in customers})):
            handles |= {row["named"]: row["handles"] for row in store.rows(THEIRS, {"customers": some})}
        brands = sorted({brand for brand, _ in customers if self._kinds.of(brand)})
        values: dict[Customer, set[tuple[str, str]]] = defaultdict(set)
        every = sorted({handle for theirs in handles.values() for handle in theirs}) if brands else []
        for some in _some(every):
            for row in store.rows(_VALUES, {"brands": brands, "handles": some}):
                if row["kind"] in self._kinds.of(row["brand"]):
                    values[row["brand"], row["handle"]].add((row["kind"], self._value(row)))
        return {
            (brand, customer): _by_kind(
                {one for handle in handles.get(customer, ()) for one in values.get((brand, handle), ())}
            )
            for brand, customer in customers
        }

    def everyone(self, store: ClickHouse, brand: str) -> Iterator[tuple[int, str, str]]:
        """Yield customer, kind and value of all of a brand, a customer's together as far as one slice has them."""
        (row,) = store.rows(
            "SELECT count() AS n FROM readable_handles WHERE brand = {brand:String}", {"brand": brand}
        )
        slices = row["n"] // _SLICE + 1
        for number in range(slices):
            asked = {"brand": brand, "slices": slices, "slice": number}
            there: set[tuple[int, str, str]] = set()
            for row in store.rows(_OF_BRAND, asked):
                if row["kind"] in self._kinds.of(brand):
                    there.add((row["customer"], row["kind"], self._value(row)))
            yield from sorted(there, key=lambda one: (one[0], KIND_CODE[one[1]], one[2]))

    def _value(self, row: dict[str, Any]) -> str:
        sealed = bytes.fromhex(row["sealed"])
        return self._key.open(row["brand"], row["kind"], row["handle"], sealed, row["fingerprint"])


def _some(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _TOGETHER] for start in range(0, len(ids), _TOGETHER))


def _by_kind(values: Collection[tuple[str, str]]) -> Values:
    found: dict[str, list[str]] = {}
    for kind, value in sorted(values, key=lambda one: (KIND_CODE[one[0]], one[1])):
        found.setdefault(kind, []).append(value)
    return found
