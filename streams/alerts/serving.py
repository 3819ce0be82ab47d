"""Alerts over HTTP beside whatever else a port serves: who may ask, and the connection that answers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from streams.alerts.ledger import Ledger
from streams.alerts.links import Links
from streams.alerts.web import UnavailableError, routes
from streams.clock import Clock, system_clock
from streams.connections import BusyError, Connections, opener
from streams.page.guard import Guard
from streams.page.opening import is_ours
from streams.ports import StoreError
from streams.settings import Settings
from streams.store import ClickHouse, QueryError

__all__ = ["opened_routes"]


@contextmanager
def opened_routes(settings: Settings, *, clock: Clock = system_clock) -> Iterator[Sequence[BaseRoute]]:
    """Open what answers, and return the routes; none where whoever reaches the port would be let in.

    Who may look at the page may ask: whoever has JOURNEY_PAGE_TOKEN, or this machine where no other reaches the port.
    """
    if not (settings.page_token or is_ours(settings.collector)):
        yield ()
        return
    connection = Connections(opener(settings, None), threads=1)
    guard = Guard(settings.page_token, secure=not is_ours(settings.collector))

    async def run(work: Callable[[Ledger], Any]) -> Any:
        try:
            return await connection.run(partial(_on_ledger, work))
        except (BusyError, StoreError, QueryError) as error:
            raise UnavailableError(type(error).__name__) from error

    try:
        yield routes(run, partial(_allowed, guard), clock, links=Links(token=settings.page_token))
    finally:
        connection.close()


def _on_ledger(work: Callable[[Ledger], Any], store: ClickHouse) -> Any:
    return work(Ledger(store, store.insert))


def _allowed(guard: Guard, request: Request) -> str | None:
    """Return who asks, by what kind of door; names are given in the body."""
    if guard.refused(request) is not None:
        return None
    return "http"
