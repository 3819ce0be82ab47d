"""Frames whose handles are hashed with another key than the one in force: their events wait as dead letters.

Taken for what they seem, everybody in them would be somebody new. Whole, and as events, they can be replayed once the
key is known: ids under a key that ours succeeded become ids under ours.
"""

import json
import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pyarrow as pa

from journey.handle import KEY_BYTES, KINDS, HandleKey, fingerprint
from streams.edge.redact import HASHED, PREFIX
from streams.frames import AMOUNT_SCALE, LETTERS, Frame

__all__ = ["UNKNOWN_KEY", "known", "readdressed"]

UNKNOWN_KEY = "unknown_key"
_TEXTS = ("content", "product", "place", "campaign", "device", "currency", "cause")
_NUMBERS = ("rating", "sentiment")
_DETAIL = re.compile(r"handles are hashed with the key ([0-9a-f]{16})")
_HASHED = re.compile(HASHED.pattern.encode())


def known(frame: Frame, key: str) -> Frame:
    """Return the frame; where its handles are hashed with another key than that of this fingerprint, as dead letters.

    A frame that does not tell its key is of a program that had none to tell, and is taken; so is any where no key is known.
    """
    if not key or frame.key in {"", key}:
        return frame
    detail = f"handles are hashed with the key {frame.key}, and {key} is in force"
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


def readdressed(line: bytes, detail: str, key: bytes) -> bytes | None:
    """Return a dead letter with its handles under our key; None where it is under none that ours succeeded."""
    found = _DETAIL.match(detail)
    names = [fingerprint(key[:end]) for end in range(KEY_BYTES, len(key) + 1, KEY_BYTES)]
    if found is None or found[1] not in names:
        return None
    ours, since = HandleKey(key), names.index(found[1]) + 1
    return _HASHED.sub(lambda one: b"#%016x" % ours.wrapped(int(one[0][1:], 16), since), line)
