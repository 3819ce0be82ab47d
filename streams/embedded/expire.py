"""Expires interactions of a data directory, alone or beside an engine that goes on with batches."""

from collections.abc import Callable, Sequence
from typing import Any

from streams.embedded.embedded import Embedded
from streams.embedded.forget import Between
from streams.engine.shell import Tell
from streams.retention import expire as expiries
from streams.retention import idle
from streams.retention.expire import Course, Expired
from streams.retention.terms import horizon_of, idle_months
from streams.store.clickhouse import ClickHouse

__all__ = ["expire", "expire_beside", "let_go"]


def expire(embedded: Embedded, tell: Tell, *, late_too: bool = True) -> Sequence[Expired]:
    """Expire what is due; nothing is processed meanwhile."""
    if not embedded.losses.stops:
        embedded.drain()

    def between(work: Callable[[Embedded], Any]) -> Any:
        return work(embedded)

    return expire_beside(embedded.store, between, lambda: None, tell, late_too=late_too)


def let_go(embedded: Embedded) -> int:
    """Let go of handles that are idle, by the months that are set; return how many. Nothing is processed meanwhile."""
    store, now_us = embedded.store, embedded.clock()
    embedded.refuse_losses()
    embedded.finish_idle()
    if not (months := idle_months(store)):
        return 0
    count = idle.let_go(store, store.insert, horizon_of(now_us, months), now_us)
    if count:
        embedded.let_go_of_state()
    return count


def expire_beside(
    store: ClickHouse, between: Between, check: Callable[[], None], tell: Tell, *, late_too: bool
) -> Sequence[Expired]:
    """Expire what is due while batches are written; see `streams.retention.expire.Course`.

    Raises
    ------
    LossError
        Tables have lost rows: their sums would be wrong for good.
    """
    embedded: Embedded = between(lambda embedded: embedded)
    embedded.refuse_losses()
    course = Course(
        insert=store.insert,
        clock=embedded.clock,
        model=lambda: embedded.model.hash,
        tell=tell,
        between=lambda work: between(lambda _: work()),
        check=check,
    )
    return expiries.expire(store, course, late_too=late_too)
