"""Puts what the feed has into the form of CloudEvents (1.0, JSON)."""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from streams.clock import from_us
from streams.feed.position import Position
from streams.handles.readable import Values

__all__ = ["Said", "event"]


class Said(Protocol):
    """Something that is said of a customer of a brand."""

    @property
    def brand(self) -> str:
        """The brand."""

    @property
    def customer(self) -> int:
        """The customer."""

    @property
    def sequence(self) -> int:
        """What orders the events of a customer."""

    @property
    def at_us(self) -> int:
        """When it happened."""

    @property
    def position(self) -> Position:
        """Position of a reader who has this one too."""

    @property
    def handles(self) -> Values | None:
        """The customer's readable handles, None for who may not have them."""


def event(kind: str, number: str, said: Said, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a CloudEvent whose `source` and `id` are the same however often it is read.

    Parameters
    ----------
    kind
        Its type, such as journey.stage.changed.
    number
        What makes its id, with the customer.
    data
        What it says besides brand, customer and handles.
    """
    customer = f"{said.customer:016x}"
    return {
        "specversion": "1.0",
        "id": f"{customer}-{number}",
        "source": f"/journey/{quote(said.brand, safe='')}",
        "type": kind,
        "subject": customer,
        "time": from_us(said.at_us).isoformat(),
        "datacontenttype": "application/json",
        "sequence": f"{said.sequence:020d}",
        "cursor": str(said.position),
        "data": {
            "brand": said.brand,
            "customer": customer,
            **data,
            **({} if said.handles is None else {"handles": said.handles}),
        },
    }
