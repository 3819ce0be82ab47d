"""Bugs to plant, by name: in the engine before it loads, or in a view before it is asked; the oracle must see each."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from journey import evidence
from journey.identity import address, graph, handle
from journey.model import Model
from journey.seen import Ids
from streams.engine import conflicts, intake
from tests.laws.bugs import Bugs

__all__ = ["IN_ENGINE", "IN_VIEWS"]

bug = IN_ENGINE = Bugs()

# Of a view, a part of its text and what stands in its place.
IN_VIEWS = {
    "the sign of a refund's amount matters, beside events that are dated ahead": ("standings", "abs(amount)", "amount"),
    "touches of one time are ordered by a hash": (
        "channel_steps", "(time, source, id, event, channel, place)", "(time, event, id, event, channel, place)",
    ),
    "what is dated ahead counts at once": ("standings", "time > now_at", "time > (now_at + toIntervalDay(2))"),
    "an event of one time may bring what brought it": (
        "cascade_edges", "if(last = (edge.10, edge.11, event), 'disordered', edge.9)", "edge.9",
    ),
    "the cause is the last of several with one id": (
        "cascade_causes", "argMin((event, time, cause", "argMax((event, time, cause",
    ),
    "a currency of 0 is shown": ("standings", "v != 0", "v != 1"),
}  # fmt: skip


@bug("the time is a part of what makes an event the same")
def _(patch: pytest.MonkeyPatch) -> None:
    original = intake.event_ids

    def with_time(batch: Any) -> Ids:
        ids = original(batch)
        return Ids(ids.high ^ batch.numpy("time").astype(np.uint64), ids.low)

    patch.setattr(intake, "event_ids", with_time)


@bug("a refund takes nothing away")
def _(patch: pytest.MonkeyPatch) -> None:
    original = Model.revenue_sign
    patch.setattr(Model, "revenue_sign", lambda self, name: max(0, original(self, name)))


@bug("mood has the other sign")
def _(patch: pytest.MonkeyPatch) -> None:
    original = evidence._matches

    def turned(rule: Any, touches: Any, rows: Any) -> Any:
        mood = rule.mood and replace(rule.mood, negative=not rule.mood.negative)
        return original(replace(rule, mood=mood), touches, rows)

    patch.setattr(evidence, "_matches", turned)


@bug("conflicts are listed and not counted")
def _(patch: pytest.MonkeyPatch) -> None:
    original = conflicts.find

    def uncounted(*given: Any) -> conflicts.Conflicts:
        found = original(*given)
        return replace(found, differs=np.zeros_like(found.differs))

    patch.setattr(conflicts, "find", uncounted)


@bug("domains are compared as they are written")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(address, "_domain", str.casefold)


@bug("what is written for a missing value is somebody")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handle, "is_nobody", lambda *_: False)


@bug("one handle more than the cap is no crowd yet")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        graph.IdentityGraph,
        "shared",
        lambda self, slots: np.asarray((self._degree.data[slots] > self._caps + 1).any(axis=1)),
    )
