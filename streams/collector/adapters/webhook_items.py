"""Takes a delivery of a webhook apart into its items, and finds out of which of the provider's accounts each is."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from schemas.webhook import Expression, WebhookItems, WebhookMapping
from streams.collector.adapters import Item, Malformed
from streams.collector.adapters.fields import text
from streams.collector.adapters.tolerant import UnusableValue, judged

__all__ = ["MOST_ITEMS", "NO_EVENT", "Scope", "brand_of", "holds", "parts", "unusable"]

MOST_ITEMS = 5_000  # of a delivery, and events of one item: what has more is refused as a whole, and nothing of it taken
NO_EVENT = "no_event"  # why an item is passed over that no event of the mapping is about
_OTHER_ACCOUNT = "other_account"
_ACCOUNTS = "accounts"  # in the query: ID,ID or ID:brand,ID:brand

Scope = dict[str, Any]


def parts(mapping: WebhookMapping, scope: Scope) -> Iterator[Scope | Item]:
    """Yield what expressions see for each item of a delivery, or why an item is none.

    Raises
    ------
    Malformed
        There are more than 5,000.
    """
    if not mapping.items:
        yield scope
        return
    for count, part in enumerate(_of_all(mapping.items, scope)):
        if count >= MOST_ITEMS:
            raise Malformed("", f"more than {MOST_ITEMS:,} items: send smaller batches")
        yield part


def _of_all(forms: Sequence[WebhookItems], scope: Scope) -> Iterator[Scope | Item]:
    for form in forms:
        try:
            is_there = form.when is None or holds(form.when.search(scope))
        except ValueError as error:
            yield Item(None, "", "bad_value", f"items: {error}")
            continue
        if is_there:
            yield from _descended(form.each, scope, "")


def _descended(lists: Sequence[tuple[str, Expression]], scope: Scope, where: str) -> Iterator[Scope | Item]:
    (name, expression), *inner = lists
    try:
        found = expression.search(scope)
    except ValueError as error:
        yield Item(None, "", "bad_value", f"items{where}: {error}")
        return
    if not isinstance(found, list) or not found:
        yield Item(None, "", passed_over=NO_EVENT)
        return
    for place, value in enumerate(found):
        here = f"{where}/{place}"
        if inner:
            yield from _descended(inner, scope | {name: value}, here)
        elif isinstance(about := judged(value), UnusableValue):
            yield unusable(about, f"item {here.lstrip('/')}, ")
        else:
            yield scope | {name: value}


def unusable(about: UnusableValue, where: str) -> Item:
    """Return the refusal of an item with an unusable value."""
    return Item(None, "", about.reason, f"{where}{about.pointer or '/'}: {about.detail}")


def holds(value: Any) -> bool:
    """Whether a value counts as true: as in JMESPath, but 0 does."""
    return value is not None and value is not False and value not in ("", [], {})


def brand_of(mapping: WebhookMapping, scope: Mapping[str, Any]) -> tuple[str, str]:
    """Return why an item is passed over, "" where it is not, and its brand, "" for that of the write key.

    The address may name accounts of the provider, each with its brand: items of others are passed over.

    Raises
    ------
    Malformed
        It names accounts, and the mapping does not know where an item has its own.
    ValueError
        The item's cannot be read.
    """
    named = scope["query"].get(_ACCOUNTS)
    if not named:
        return "", ""
    if mapping.account is None:
        raise Malformed(
            "", f"?{_ACCOUNTS}=: deliveries of {mapping.name} do not say of which account they are"
        )
    brands = _brands(named)
    own = text(mapping.account.search(scope), 0) or ""
    return ("", brands[own]) if own in brands else (_OTHER_ACCOUNT, "")


@lru_cache(64)
def _brands(named: str) -> Mapping[str, str]:
    """Return the brand of each account that an address names, "" for that of the write key."""
    pairs = (one.strip().partition(":")[::2] for one in named.split(","))
    return {account: brand for account, brand in pairs if account}
