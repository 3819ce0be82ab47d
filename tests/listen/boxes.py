"""An outbox whose collector is a list."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.listen.outbox import Outbox, Tally
from streams.listen.sender import NotSentError, Refusal
from streams.listen.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Box", "ListSender"]


class ListSender:
    """Takes events as a collector does; `refuses` says of each whether it is refused, and `is_away` whether nothing is taken."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.refuses: Callable[[dict[str, Any]], bool] = lambda _: False
        self.is_away = False

    def send(self, lines: list[bytes]) -> list[Refusal]:
        if self.is_away:
            raise NotSentError
        events = [json.loads(line) for line in lines]
        refused = [Refusal(place, "not_granted", "") for place, one in enumerate(events) if self.refuses(one)]
        places = {one.place for one in refused}
        self.events += [one for place, one in enumerate(events) if place not in places]
        return refused


class Box:
    """An outbox, its state and what it sent."""

    def __init__(
        self, folder: Path, source: str, *, brand: str = "", most: int = 1_000, key: bytes = bytes(32)
    ) -> None:
        self.sender, self.tally = ListSender(), Tally()
        self.state = State(folder / "state", source, handle_key=key, most=most)
        self.outbox = Outbox(self.sender, self.state, self.tally, source=source, brand=brand)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What was sent until now, everything that waits included."""
        self.outbox.flush()
        return self.sender.events

    @property
    def types(self) -> list[str]:
        return [one["type"] for one in self.sent]
