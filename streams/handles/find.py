"""Finds the customers whom a text may name: a handle as people write it, or a hash in a form that the product prints."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from journey.identity.handle import KINDS, NOBODY
from streams.edge.handles import HandleHasher
from streams.engine.shell import Shell
from streams.store.clickhouse import ClickHouse

__all__ = ["NETWORKS", "Found", "find"]

NETWORKS = (
    "instagram",
    "tiktok",
    "x",
    "facebook",
    "youtube",
    "linkedin",
    "bluesky",
    "mastodon",
    "threads",
    "pinterest",
)
"""Networks in which ``@account`` is looked for; of another, it is NETWORK:ACCOUNT."""

_HASH = re.compile(r"(?:\w+ ?:? ?)?#?(?P<hex>[0-9a-f]{16})", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,20}")
_MOST_ID = 2**64
_OF = "SELECT kind, customer FROM customers WHERE handle IN {ids:Array(UInt64)} ORDER BY kind, customer"


@dataclass(frozen=True, slots=True)
class Found:
    """A customer, and the kinds of handle by which a text names them."""

    customer: int
    kinds: tuple[str, ...]


def find(shell: Shell, store: ClickHouse, text: str, brand: str) -> list[Found]:
    """Return the customers whom a text may name with a brand, nobody twice; none where nobody has it.

    ``KIND:VALUE`` is a handle of that kind; other text is tried as every kind that it can be. A hash is that of a customer or
    of any of their handles, in hex with or without ``#``, or as the decimal number that SQL prints.

    Parameters
    ----------
    shell
        Whose key and rules hash the value.
    store
        Where customers are looked up.

    Raises
    ------
    UserError
        The key is lost or not set; hashes are found all the same where the text is one.
    """
    text = text.strip()
    rows = _rows(store, [*_hashes(text)]) or _rows(store, [*_handles(shell, text, brand)])
    found: dict[int, list[str]] = {}
    for kind, customer in rows:
        found.setdefault(customer, []).append(kind)
    return [Found(customer, tuple(dict.fromkeys(kinds))) for customer, kinds in found.items()]


def _rows(store: ClickHouse, ids: Sequence[int]) -> list[tuple[str, int]]:
    return [(row["kind"], row["customer"]) for row in store.rows(_OF, {"ids": ids})] if ids else []


def _hashes(text: str) -> Iterator[int]:
    if found := _HASH.fullmatch(text):
        yield int(found["hex"], 16)
    if _NUMBER.fullmatch(text) and int(text) < _MOST_ID:
        yield int(text)


def _handles(shell: Shell, text: str, brand: str) -> Iterator[int]:
    naming = HandleHasher(shell.key, NOBODY | shell.model.identity.nobody, rules=shell.rules)
    for kind, value in _readings(text):
        yield from naming.ids(kind, value, brand if naming.is_separate else "")


def _readings(text: str) -> Iterator[tuple[str, str]]:
    """Yield kinds and values that a text may be."""
    kind, colon, value = text.partition(":")
    if colon and kind.strip().lower() in KINDS:
        yield kind.strip().lower(), value
        return
    yield from ((kind, text) for kind in KINDS)
    if text.startswith("@"):
        yield from (("social", f"{network}:{text[1:]}") for network in NETWORKS)
