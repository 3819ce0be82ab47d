"""An event as its sender means it: what the engine must make of one line, whatever spelling the line has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

__all__ = ["KINDS", "Event", "Handle", "Item", "area_of", "verb_of"]

# In order of priority (events.md): an event's evidence belongs to its first handle by this order.
KINDS = ("user", "email", "phone", "loyalty", "social", "cookie", "device")

Handle = tuple[str, str]  # kind, and the one form that all spellings of the value have


@dataclass(frozen=True)
class Event:
    """What one event says. `properties` of None are not compared: an adapter put them together."""

    brand: str
    source: str
    id: str
    type: str
    at_us: int
    handles: tuple[Handle, ...]
    texts: Mapping[str, str] = field(default_factory=dict)  # content, product, place, campaign, device, cause
    amount: Decimal | None = None
    currency: str = ""
    rating: float | None = None
    sentiment: float | None = None
    properties: Mapping[str, Any] | None = field(default_factory=dict)

    @property
    def is_touch(self) -> bool:
        return area_of(self.type) != "identity"

    def text(self, name: str) -> str:
        return self.texts.get(name, "")


@dataclass(frozen=True)
class Item:
    """One line as it is sent, with its event, or None and the reason for which it is refused."""

    line: bytes
    event: Event | None
    reason: str = ""


def area_of(event_type: str) -> str:
    return event_type.split(".", maxsplit=1)[0]


def verb_of(event_type: str) -> str:
    return event_type.split(".")[1]
