"""Erases a customer from a data directory.

Beside an engine that goes on, it takes nothing of the handles from the moment at which it is begun; rows are deleted
meanwhile, and then an engine that was restored without them takes over. Killed anywhere, it is finished at the next opening.
"""

import secrets
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

from streams.embedded.embedded import Embedded
from streams.engine.engine import Engine
from streams.erasure import minutes, statements
from streams.erasure.statements import ERASING, Forgotten
from streams.handles.links import handles_of
from streams.handles.shared import keep_shared
from streams.store.clickhouse import ClickHouse
from streams.store.restore import ids_of

__all__ = ["Between", "begin", "can_go_on", "end", "erase", "forget"]

Between = Callable[[Callable[[Embedded], Any]], Any]
"""Calls a function between two batches, and returns its result."""


def forget(
    embedded: Embedded, handles: int | Collection[int], reason: str = "", consent: str = ""
) -> Forgotten:
    """Erase the customers of handles from a data directory; nothing is processed meanwhile.

    They are one person's: a handle has another id with each brand where brands are separate.
    `consent` "denied" drops all their later events, known or not; "granted" accepts this handle's events again.
    """
    embedded.drain()
    handles = handles_of(embedded.store, *([handles] if isinstance(handles, int) else handles))
    found = statements.count(embedded.store, handles)
    if found.nothing and not consent:
        return "", found
    receipt = _begun(embedded, handles, reason, consent)
    embedded.finish_erasures()
    return receipt, found


def can_go_on(embedded: Embedded) -> bool:
    """Return whether events can be processed meanwhile: not where an erasure failed halfway, or tables lack rows."""
    return not (embedded.losses.found or statements.pending(embedded.store))


def begin(embedded: Embedded, handles: Collection[int], reason: str, consent: str) -> str:
    """Begin with an erasure, between two batches: from here on nothing of the handles is taken. Return the receipt."""
    embedded.drain()
    embedded.tick()
    handles = handles_of(embedded.store, *handles)
    try:
        receipt = _begun(embedded, handles, reason, consent)
        theirs = (
            f"SELECT event FROM interactions WHERE handle IN ({ERASING})"
            f" UNION ALL SELECT event FROM expired_events WHERE handle IN ({ERASING})"
        )
        events = ids_of(embedded.store.arrow(theirs, {"receipt": receipt}))
        embedded.leave_out(np.array(handles, np.uint64), events)
    except Exception:
        embedded.finish_erasures()  # it may be begun
        raise
    return receipt


def _begun(embedded: Embedded, handles: Collection[int], reason: str, consent: str) -> str:
    receipt = secrets.token_hex(16)
    keep_shared(embedded, handles, receipt)
    statements.begin(embedded.store.insert, receipt, handles, reason, embedded.clock(), consent=consent)
    return receipt


def erase(store: ClickHouse, receipt: str, now_us: int, between: Between) -> None:
    """Delete what an erasure that was begun is about, while batches are written."""
    statements.keep_receipt(store, store.insert, receipt, now_us)
    upto = between(partial(_drop_minutes, receipt=receipt))
    minutes.wait(store)
    minutes.add(store, receipt, upto)
    statements.delete(store, receipt)
    statements.scrub(store)


def _drop_minutes(embedded: Embedded, receipt: str) -> int:
    minutes.drop(embedded.store, receipt, whole=False)
    return embedded.position


def end(embedded: Embedded, receipt: str, engine: Engine) -> None:
    """Finish an erasure, between two batches: the handles are those of somebody new from here on.

    Parameters
    ----------
    engine
        Restored from a copy of the tables, after `erase`.
    """
    embedded.bring_up_to_date(engine)
    embedded.log.scrub()
    statements.clear(embedded.store, receipt)
    embedded.go_over(engine)
