"""Diverts frames whose handles are hashed with another key than the active one to the dead letters, to be replayed.

Without that, everybody in them would seem to be a new customer. As whole events, they can be replayed once the key is
known: ids under a key that ours succeeded become ids under ours.
"""

import json
import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pyarrow as pa

from journey.identity.handle import KINDS
from journey.identity.handle_key import SEPARATELY, AnyKey, HandleKey
from streams.edge.redact import HASHED, PREFIX
from streams.handles.key import modes
from streams.log.frame import AMOUNT_SCALE, LETTERS, Frame

__all__ = ["UNKNOWN_KEY", "known", "readdressed"]

UNKNOWN_KEY = "unknown_key"
_TEXTS = ("content", "product", "place", "campaign", "device", "currency", "cause")
_NUMBERS = ("rating", "sentiment")
_DETAIL = re.compile(r"handles are hashed with the key ([0-9a-f]{16}(?:-separate)?)(?=,)")
_HASHED = re.compile(HASHED.pattern.encode())


def known(frame: Frame, key: str) -> Frame:
    """Return the frame; where its handles are hashed with another key than that of this fingerprint, as dead letters.

    A frame that names no key is of a program that had no names for keys, and had brands share their handles: it is kept
    where they do. So is any where no key is known.
    """
    if not key or frame.key == key or (not frame.key and not key.endswith(SEPARATELY)):
        return frame
    detail = f"handles are hashed with the key {frame.key or 'of an older program'}, and {key} is in force"
    if frame.key.removesuffix(SEPARATELY) == key.removesuffix(SEPARATELY):
        mode = "separate" if key.endswith(SEPARATELY) else "shared"
        detail += (
            f": the same key, but brands are {mode} here; set JOURNEY_BRANDS={mode} where they come from"
        )
    letters = [
        letter | {"reason": UNKNOWN_KEY, "detail": f"{detail}; {letter['reason']}"}
        if letter["bytes"]
        else letter
        for letter in frame.letters.to_pylist()
    ]
    letters += [
        {
            "reason": UNKNOWN_KEY,
            "detail": detail,
            "topic_partition": 0,
            "topic_offset": 0,
            "bytes": _line(event),
        }
        for event in frame.events.to_pylist()
    ]
    return replace(
        frame, events=frame.events.slice(0, 0), letters=pa.RecordBatch.from_pylist(letters, LETTERS), key=key
    )


def _line(event: dict[str, Any]) -> bytes:
    """Return an event as it would be replayed, handles by their hash."""
    handles = defaultdict(list)
    for kind, handle in zip(event["kinds"], event["handles"], strict=True):
        handles[KINDS[kind]].append(f"{PREFIX}{handle:016x}")
    data: dict[str, Any] = {"brand": event["brand"], "handles": handles}
    data |= {name: event[name] for name in _TEXTS if event[name]}
    data |= {name: event[name] for name in _NUMBERS if event[name] is not None}
    if event["amount"] is not None:
        data["amount"] = event["amount"] / AMOUNT_SCALE
    if event["properties"]:
        data["properties"] = json.loads(event["properties"])
    said = {name: event[name] for name in ("id", "source", "type")} | {
        "time": event["time"].isoformat(),
        "data": data,
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def readdressed(line: bytes, detail: str, key: AnyKey) -> bytes | None:
    """Return a dead letter with its handles under our key; None where it is under none that ours succeeded.

    One whose handles brands shared has them separate where ours are; the other way about nobody can know.
    """
    found = _DETAIL.match(detail)
    if found is None:
        return None
    ours = HandleKey.of(key)
    theirs = _named(ours, found[1])
    if theirs is None or (theirs.separate and not ours.separate):
        return None
    if theirs.separate == ours.separate:
        return _HASHED.sub(lambda one: b"#%016x" % ours.wrapped(int(one[0][1:], 16), len(theirs)), line)
    brand = _brand_of(line)
    if not brand:
        return None
    return _HASHED.sub(lambda one: b"#%016x" % ours.within(theirs.rank(int(one[0][1:], 16)), brand), line)


def _named(ours: HandleKey, name: str) -> HandleKey | None:
    """Return that of our keys, and of their modes, which has this fingerprint."""
    for count in range(1, len(ours) + 1):
        for one in modes(ours.first(count).secret):
            if one.fingerprint == name:
                return one
    return None


def _brand_of(line: bytes) -> str:
    try:
        brand = json.loads(line)["data"]["brand"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return brand if isinstance(brand, str) else ""
