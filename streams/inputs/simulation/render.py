"""Renders planned rows as events of the contract: a dict each, made when it is requested."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from streams.inputs.simulation.catalogue import DEVICES, PLACES, Catalogue
from streams.inputs.simulation.episodes import TYPES
from streams.inputs.simulation.handles import SLOTS
from streams.inputs.simulation.plan import NO_SENTIMENT, Rows

__all__ = ["Renderer"]

_ODD_64: Final = 0x9E3779B97F4A7C15  # odd, so multiplying by it modulo 2^64 never gives one id twice
_SHOWN: Final = [
    tuple((kind, slot) for slot, kind in enumerate(SLOTS) if handles >> slot & 1) for handles in range(256)
]
_PROPERTIES: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "web.page_view": ({"referrer": "search"}, {"referrer": "direct"}, {"referrer": "instagram"}),
    "web.search": (
        {"query": "linen shirt", "results": 42},
        {"query": "gift", "results": 118},
        {"query": "size 52"},
    ),
    "web.scroll_depth": ({"depth": 25}, {"depth": 50}, {"depth": 75}, {"depth": 100}),
    "store.fitting_room": ({"minutes": 4}, {"minutes": 9}),
    "store.walk_by": ({"beacon": "window"}, {"beacon": "shelf"}),
    "support.ticket": ({"topic": "delivery"}, {"topic": "size"}, {"topic": "return"}),
    "social.impression": ({"feed": "home"}, {"feed": "explore"}, {"feed": "stories"}),
}
_FIELDS: Final = (
    "person", "type", "brand", "handles", "content", "product", "place", "campaign", "device", "cents", "rating",
    "sentiment", "cause",
)  # fmt: skip


class Renderer:
    """A renderer of numbers as names. `first_id` sets one run's event ids apart from another's."""

    def __init__(
        self,
        *,
        brands: Sequence[str],
        catalogue: Catalogue,
        handles: Sequence[Callable[[int], str]],
        british: bytes,
        first_id: int,
    ) -> None:
        self._brands = brands
        self._catalogue = catalogue
        self._handles = handles
        self._british = british
        self._first_id = first_id
        self._properties = [_PROPERTIES.get(name) for name in TYPES]
        self._sources = [
            [f"https://{brand}.example/{name.split('.')[0]}" for name in TYPES] for brand in brands
        ]

    def events(self, chunks: Iterable[Rows]) -> Iterator[dict[str, Any]]:
        """Yield one event for each row of the chunks, which are of the type PLACED; the same number gives an equal event."""
        for chunk in chunks:
            times = np.datetime_as_string(chunk["at"].astype("M8[us]"), unit="ms", timezone="UTC").tolist()
            columns = [chunk[name].tolist() for name in _FIELDS]
            for number, time, *values in zip(chunk["number"].tolist(), times, *columns, strict=True):
                brand, type_ = values[2], values[1]
                yield {
                    "specversion": "1.0",
                    "id": self._id(number),
                    "source": self._sources[brand][type_],
                    "type": TYPES[type_],
                    "time": time,
                    "datacontenttype": "application/json",
                    "data": self._interaction(number, values),
                }

    def _id(self, number: int) -> str:
        return f"{(self._first_id + number * _ODD_64) & 0xFFFFFFFFFFFFFFFF:016x}"

    def _interaction(self, number: int, values: list[int]) -> dict[str, Any]:  # noqa: C901 - see below
        (person, type_, brand, handles, content, product, place,
         campaign, device, cents, rating, sentiment, cause) = values  # fmt: skip
        # One plain branch a field: this runs a million times for a benchmark's file.
        data: dict[str, Any] = {
            "brand": self._brands[brand],
            "handles": {kind: self._handles[slot](person) for kind, slot in _SHOWN[handles]},
        }
        if content >= 0:
            data["content"] = self._catalogue.contents[brand][content]
        if product >= 0:
            data["product"] = self._catalogue.products[product]
        if place >= 0:
            data["place"] = PLACES[place]
        if campaign >= 0:
            data["campaign"] = self._catalogue.campaigns[campaign]
        if device >= 0:
            data["device"] = DEVICES[device]
        if cents:
            data["amount"], data["currency"] = cents / 100, ("GBP" if self._british[person] else "EUR")
        if rating >= 0:
            data["rating"] = float(rating)
        if sentiment != NO_SENTIMENT:
            data["sentiment"] = sentiment / 100
        if cause >= 0:
            data["cause"] = self._id(cause)
        if (choices := self._properties[type_]) is not None:
            data["properties"] = dict(choices[number % len(choices)])
        return data
