"""What a write key lets its events say: judged on the columns that are stored, not on what a body seems to say."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from pydantic_core import from_json, to_json

from journey.channel import IDENTITY_AREA, OTHER, area_of
from streams.collector.keys import WriteKey
from streams.edge import Letters, Refused, Rows

__all__ = ["Channels", "screen", "with_brand"]

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
    try:
        if _seen(line).data.brand is not msgspec.UNSET:
            return line
        event = from_json(line)
        event["data"]["brand"] = brand
    except (msgspec.MsgspecError, ValueError, RecursionError, TypeError, KeyError):
        return line
    return to_json(event)


def screen(spans: Sequence[tuple[WriteKey, int]], channels: Channels) -> Callable[[Rows], Letters]:
    """Return what tells, of events that the contract takes, those that their keys may not say.

    Parameters
    ----------
    spans
        Keys in the order of lines, each with the place that its lines end before.
    """

    def screened(rows: Rows) -> Letters:
        brands, types = (rows.columns.texts[name].to_pylist() for name in ("brand", "type"))
        said = zip(rows.places, brands, types, rows.columns.values["source"], strict=True)
        judged: dict[tuple[int, str, str, str], Refused | None] = {}
        letters: Letters = []
        span, (key, end) = 0, spans[0] if spans else (None, 0)
        for place, *event in said:
            while place >= end:
                span += 1
                key, end = spans[span]
            brand, kind, source = event
            asked = (span, brand, area_of(kind), source)
            if asked not in judged and key is not None:
                judged[asked] = _judged(key, brand, _channel(kind, channels), source)
            if (why := judged[asked]) is not None:
                letters.append((place, why))
        return letters

    return screened


def _channel(kind: str, channels: Channels) -> str:
    area = area_of(kind)
    return area if area == IDENTITY_AREA else channels.get(area, OTHER)


def _judged(key: WriteKey, brand: str, channel: str, source: str) -> Refused | None:
    if not key.says_brand(brand):
        return _BRAND
    if not key.says_channel(channel):
        return _CHANNEL
    return None if key.says_source(source) else _SOURCE
