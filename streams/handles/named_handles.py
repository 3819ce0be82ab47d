"""Parses handles as users name them, KIND:VALUE, and looks up their ids: one, or one with each brand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from journey.errors import UserError
from journey.identity.handle import KINDS, NOBODY
from streams.edge.handles import HandleHasher
from streams.edge.redact import HASHED
from streams.engine.shell import Shell
from streams.store.clickhouse import ClickHouse

__all__ = ["HandleError", "Named", "brands_of", "known", "known_ids", "named", "stored"]

_NO_KEY = bytes(32)
_TOGETHER = 5_000  # ids in a question
# Events name them, and so do dead letters, by the same hashes.
_BRANDS = """
SELECT DISTINCT toString(brand) AS brand FROM interactions
UNION DISTINCT SELECT toString(brand) AS brand FROM carried_handles
UNION DISTINCT SELECT JSONExtractString(toString(bytes), 'data', 'brand') AS brand FROM dead_letters WHERE brand != ''
ORDER BY brand
"""


class HandleError(UserError, ValueError):
    """An error of a handle that cannot be parsed, or that no customer has."""


@dataclass(frozen=True, slots=True)
class Named:
    """A handle by its id; `brand` is "" where brands share their handles, or where it was named by its hash.

    `forms` are other ids of it, under earlier rules (`journey.identity.rules`) and of other ways to write the value.
    """

    kind: str
    id: int
    brand: str = ""
    forms: tuple[int, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """Every id that the store may have the handle by, its own first."""
        return (self.id, *self.forms)


def named(text: str, shell: Shell, brand: str | None = None) -> list[Named]:
    """Return the handles that ``KIND:VALUE`` names: where brands are separate, that with this brand, else with each.

    The value may be ``#`` and the 16 hex digits that tables show: it names one handle then, and needs no key.

    Raises
    ------
    HandleError
        No kind, an unknown one, or a value that names nobody.
    """
    kind, colon, value = text.partition(":")
    if not colon or kind not in KINDS:
        raise HandleError(f"{text!r} is not KIND:VALUE with a kind out of {', '.join(KINDS)}")
    is_hash = bool(HASHED.fullmatch(value))
    key = _NO_KEY if is_hash else shell.key
    naming = HandleHasher(key, NOBODY | shell.model.identity.nobody, trusted=True, rules=shell.rules)
    if not naming.ids(kind, value):
        raise HandleError(f"{kind}:{value} names nobody")
    if not naming.is_separate:
        brands: Sequence[str] = [""]
    else:
        brands = brands_of(shell.store) if brand is None else [brand]
    found = ((one, naming.ids(kind, value, one)) for one in brands)
    return [Named(kind, ids[0], one, tuple(ids[1:])) for one, ids in found if ids]


def brands_of(store: ClickHouse) -> list[str]:
    """Return every brand that a handle may be hashed with."""
    return [row["brand"] for row in store.rows(_BRANDS)]


def known(store: ClickHouse, handles: Sequence[Named]) -> list[Named]:
    """Return those handles that belong to a customer, in their order."""
    found = set(known_ids(store, [identifier for each in handles for identifier in each.ids]))
    return [each for each in handles if not found.isdisjoint(each.ids)]


def stored(store: ClickHouse, handle: Named) -> int:
    """Return the id of a handle by which a customer has it, its own where none has."""
    if not handle.forms:
        return handle.id
    found = set(known_ids(store, handle.ids))
    return next((identifier for identifier in handle.ids if identifier in found), handle.id)


def known_ids(store: ClickHouse, ids: Sequence[int]) -> Iterator[int]:
    """Yield those ids that are of a customer's handles."""
    sql = "SELECT handle FROM customers WHERE handle IN {ids:Array(UInt64)}"
    for start in range(0, len(ids), _TOGETHER):
        yield from (row["handle"] for row in store.rows(sql, {"ids": list(ids[start : start + _TOGETHER])}))
