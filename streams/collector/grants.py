"""Checks events against the grant of their write key, by the columns that are stored, not by the raw body."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from pydantic_core import from_json, to_json

from journey.channel import IDENTITY_AREA, OTHER, area_of
from schemas.event import LINK
from streams.collector.write_keys import WriteKey
from streams.edge import Letters, Refused, Rows
from streams.edge.encoded_data import decoded
from streams.edge.spoken import mended
from streams.text.json_parts import BOM

__all__ = ["Channels", "Grants", "SenderLines", "with_brand"]

Channels = Mapping[str, str]  # area of an event type to its channel, as the A-Path model has it

_BRAND = Refused("not_granted", "/data/brand: the write key is not for this brand")
_CHANNEL = Refused("not_granted", "/type: the write key is not for this channel")
_SOURCE = Refused("not_granted", "/source: the write key does not speak for this source")


class _Data(msgspec.Struct):
    brand: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Event(msgspec.Struct):
    data: _Data


_seen = msgspec.json.Decoder(_Event).decode


def with_brand(line: bytes, brand: str) -> bytes:
    """Return an event with this brand if it names none; what is no event is returned as it is."""
    line = mended(decoded(line.removeprefix(BOM)))
    try:
        if _seen(line).data.brand is not msgspec.UNSET:
            return line
        event = from_json(line)
        event["data"]["brand"] = brand
    except (msgspec.MsgspecError, ValueError, RecursionError, TypeError, KeyError):
        return line
    return to_json(event)


class SenderLines(NamedTuple):
    """The lines of one sender: the key, the place that they end before, whether an adapter built their events."""

    key: WriteKey
    end: int
    is_made: bool = False


class Grants:
    """A check of valid events against what their keys grant; a `streams.edge.Screen`.

    Parameters
    ----------
    spans
        In the order of lines.
    """

    def __init__(self, spans: Sequence[SenderLines], channels: Channels) -> None:
        self._spans, self._channels = spans, channels
        self._ends = [span.end for span in spans]
        self._all_link = all(span.key.may_link for span in spans)
        self._judged: dict[tuple[int, str, str, str], Refused | None] = {}
        self._foreign: set[int] = set()  # places of what is of a brand that its key may not say
        self.unlinked: dict[int, int] = {}
        """By the place of a line, how many handles its event named and does not keep."""

    def barred(self, rows: Rows) -> Letters:
        """Return the events of brands, channels and sources that were not granted."""
        brands, types = (rows.columns.texts[name].to_pylist() for name in ("brand", "type"))
        said = zip(rows.places, brands, types, rows.columns.values["source"], strict=True)
        letters: Letters = []
        number = 0
        for place, brand, kind, source in said:
            while place >= self._ends[number]:
                number += 1
            if (why := self._why(place, number, brand, kind, source)) is not None:
                letters.append((place, why))
        return letters

    def judged(self, place: int, brand: str, kind: str, source: str) -> Refused | None:
        """Return why a sender had no right to say what was refused for another reason; None where they had."""
        return self._why(place, bisect_right(self._ends, place), brand, kind, source)

    def _why(self, place: int, number: int, brand: str, kind: str, source: str) -> Refused | None:
        asked = (number, brand, kind, source)
        if asked not in self._judged:
            channel = _channel(kind, self._channels)
            self._judged[asked] = _judged(self._spans[number], brand, kind, source, channel)
        if (why := self._judged[asked]) is _BRAND:
            self._foreign.add(place)
        return why

    def may_link(self, place: int) -> bool:
        """Whether several handles of an event are one person; not, where it is of a brand that its key may not say."""
        if place in self._foreign:
            return False
        return self._all_link or self._spans[bisect_right(self._ends, place)].key.may_link

    def left_out(self, place: int, count: int) -> None:
        """Take note that an event named so many handles more than it keeps."""
        self.unlinked[place] = count


def _channel(kind: str, channels: Channels) -> str:
    area = area_of(kind)
    return area if area == IDENTITY_AREA else channels.get(area, OTHER)


def _judged(span: SenderLines, brand: str, kind: str, source: str, channel: str) -> Refused | None:
    key = span.key
    if not key.says_brand(brand):
        return _BRAND
    # Calls of other protocols that become a link are taken from everybody; without the grant they make none.
    if not (key.says_channel(channel) or (span.is_made and kind == LINK)):
        return _CHANNEL
    return None if key.says_source(source) else _SOURCE
