"""Verify: recompute everything from the interactions in SQL, compare with what the stream wrote, show the drift."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from journey.identity import Moved
from journey.journeys import Pairs, Reason
from journey.stage import Stage
from streams import cascades
from streams.checks import CHECKS
from streams.clock import from_us
from streams.embedded import Embedded
from streams.engine import Engine
from streams.processors.identity import Identity
from streams.server import Shell
from streams.store import ClickHouse

__all__ = ["Check", "verify"]

_SHOWN = 10  # rows of drift that are shown for each check
_FETCHED = 1_000  # rows of drift that two looks at a server are compared by
_PAUSE_S = 5.0  # between two looks: longer than a batch is under way
_LAST = "stages"


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: what was compared, how many rows drift, and some of them."""

    name: str
    what: str
    drift: int
    rows: list[dict[str, Any]]


def verify(shell: Shell, *, wait: Callable[[float], None] = time.sleep) -> list[Check]:
    """Run every check; `wait` is called with seconds.

    In a data directory, where all is well so far, what lapsed meanwhile is announced before the last check. Nothing is
    written where anything drifts: the evidence of it is kept.

    To a server workers may be writing, a batch now in one table and then in the next. So nothing is written there, and
    where anything drifts, a second look is taken: drift is what both have seen.
    """
    found = _look(shell)
    if shell.store.shared and any(check.drift for check in found):
        wait(_PAUSE_S)
        found = [_lasting(*pair) for pair in zip(found, _look(shell), strict=True)]
    return [Check(check.name, check.what, check.drift, check.rows[:_SHOWN]) for check in found]


def _lasting(first: Check, second: Check) -> Check:
    """Return what drifts in both; where it is more than was fetched, as much as in the second."""
    if min(first.drift, second.drift) > _FETCHED:
        return second
    rows = [row for row in second.rows if row in first.rows]
    return Check(second.name, second.what, len(rows), rows)


def _look(shell: Shell) -> list[Check]:
    now_us = shell.clock()
    parameters = {"model": shell.model.hash, "at": from_us(now_us), "workers": shell.store.shared}
    checks = [_compare(shell.store, name, parameters) for name in CHECKS if name != _LAST]
    checks += [_customers(shell), _cascades(shell.store), _announced(shell, now_us)]
    if isinstance(shell, Embedded) and not any(check.drift for check in checks):
        shell.announce(now_us)
    return [*checks, _compare(shell.store, _LAST, parameters)]


def _compare(store: ClickHouse, name: str, parameters: dict[str, Any]) -> Check:
    what, sql = CHECKS[name]
    settings = f" SETTINGS join_use_nulls = {int(name == 'evidence')}"
    drift = store.rows(f"SELECT count() AS n FROM ({sql}){settings}", parameters)[0]["n"]
    rows = store.rows(f"SELECT * FROM ({sql}) LIMIT {_FETCHED}{settings}", parameters) if drift else []
    return Check(name, what, drift, rows)


def _customers(shell: Shell) -> Check:
    """Compare the map of handles with the components of the links, computed afresh."""
    identity = Identity(shell.model.identity)
    mapped = shell.store.identity_map()
    identity.restore(shell.store.links(), mapped)
    slots = identity.unmapped()
    told = dict(zip(mapped.column("handle").to_pylist(), mapped.column("customer").to_pylist(), strict=True))
    customers = identity.graph.customers(slots)
    rows = [
        {"handle": int(handle), "mapped": told.get(int(handle)), "recomputed": int(customer)}
        for handle, customer in zip(identity.graph.handles.id[slots[:_FETCHED]], customers, strict=False)
    ]
    return Check("customers", "handle to customer, from the links", len(slots), rows)


def _cascades(store: ClickHouse) -> Check:
    """Compare the views' trees with those that the causes make, walked one by one."""
    rows = list(cascades.drift(store))
    return Check(
        "cascades", "who brought whom, from the causes of the interactions", len(rows), rows[:_FETCHED]
    )


def _announced(shell: Shell, now_us: int) -> Check:
    """Compare announcements with the evidence, in an engine of its own: only lapses may be outstanding."""
    engine = Engine(shell.store, shell.model, window_us=1)
    engine.restore()
    changes = engine.journey.announce(Pairs.none(), Moved.nobody(), now_us, everyone=True)
    late = np.flatnonzero(changes.reason != Reason.LAPSE)
    rows = [
        {
            "customer": int(engine.identity.graph.handles.id[changes.slot[i]]),
            "announced": Stage(int(changes.old[i])).label,
            "held": Stage(int(changes.new[i])).label,
        }
        for i in late[:_FETCHED]
    ]
    return Check("announced", "the stage announced last against the evidence, lapses aside", len(late), rows)
