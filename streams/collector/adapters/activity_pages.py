"""Reads the activities of a body: of one, of a list, or of a collection and the pages that it embeds."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streams.collector.adapters import Malformed
from streams.collector.adapters.fields import json_body
from streams.collector.adapters.lines import masked
from streams.collector.adapters.tolerant import UnusableValue, judged

__all__ = ["COLLECTIONS", "activities_in", "type_of"]

COLLECTIONS = {"Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"}
_ITEMS = ("orderedItems", "items")
_PAGES = ("first", "next", "prev", "last", "current")  # of a collection or page, where they are embedded
_VOCABULARY = "https://www.w3.org/ns/activitystreams#"  # before a type in full; `as:` is short for it
_MOST = 2_500  # activities of a collection


def activities_in(body: bytes) -> list[tuple[str, Any]]:
    """Return the activities with the pointers to them, in their order.

    Raises
    ------
    Malformed
        It is neither, it embeds none though it has some, or they are too many.
    """
    found = list(_activities(json_body(body, *_ITEMS, inner=_PAGES)))
    if len(found) > _MOST:
        raise Malformed("", f"{len(found)} activities, at most {_MOST}")
    return found


def _activities(body: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(body, list):
        return [(f"/{i}", item) for i, item in enumerate(body)]
    if not isinstance(body, Mapping):
        raise Malformed("", "neither an activity nor a collection of them")
    if type_of(body) not in COLLECTIONS:
        return [("", judged(body))]
    found = list(_collected(body, ""))
    if not found and (body.get("totalItems") or any(body.get(name) for name in _PAGES)):
        raise Malformed("", "the collection embeds no activity: send its pages, they are not fetched")
    if not found and any(value and "items" in name.lower() for name, value in body.items()):
        raise Malformed("", "the collection has its activities in another member than items or orderedItems")
    return found


def _collected(page: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """Yield the activities of a collection or page, and of the pages that it embeds."""
    seen, pages, read = 0, [(pointer, page)], list[Any]()
    while pages and seen <= _MOST:
        pointer, page = pages.pop(0)
        if isinstance(page, UnusableValue):
            yield pointer, page
            seen += 1
        if not isinstance(page, Mapping) or page in read:
            continue  # an address, or a page that is both the first and the last
        read.append(page)
        for field in _ITEMS:
            items = page.get(field)
            listed = items if isinstance(items, list) else [] if items is None else [items]
            yield from ((f"{pointer}/{field}/{i}", item) for i, item in enumerate(listed))
            seen += len(listed)
        pages += [(f"{pointer}/{name}", page[name]) for name in _PAGES if page.get(name) is not None]


def type_of(value: Any) -> str:
    """Return the type of a thing, "" without one; of several types, the first."""
    kind = value.get("type") or value.get("@type") if isinstance(value, Mapping) else None
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if not isinstance(kind, str):
        return ""
    return masked(kind[:1_024].removeprefix("as:").removeprefix(_VOCABULARY))[:64]
