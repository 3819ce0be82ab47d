"""Opens the routes of alerts for any HTTP port: the check of the page token, and the connection to the store."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from streams.alerts.ledger import Ledger
from streams.alerts.routes import UNNAMED, UnavailableError, routes
from streams.alerts.urls import AlertUrls
from streams.clock import Clock, system_clock
from streams.http.guard import Guard, guard_of
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.connections import ConnectionPool, OverloadedError, opener
from streams.store.port import StoreError

__all__ = ["opened_routes"]


@contextmanager
def opened_routes(settings: Settings, *, clock: Clock = system_clock) -> Iterator[Sequence[BaseRoute]]:
    """Open the connection, and yield the routes; none where anybody who reaches the port would be let in.

    The viewers of the page may ask: holders of JOURNEY_PAGE_TOKEN, whom a proxy has signed in, or this machine where no other
    reaches the port.
    """
    if (guard := guard_of(settings)) is None:
        yield ()
        return
    connection = ConnectionPool(opener(settings, None), threads=1, what="alerts over HTTP")

    async def run(work: Callable[[Ledger], Any]) -> Any:
        try:
            return await connection.run(partial(_on_ledger, work))
        except (OverloadedError, StoreError, QueryError) as error:
            raise UnavailableError(type(error).__name__) from error

    try:
        yield routes(run, partial(_allowed, guard), clock, links=AlertUrls(token=settings.page_token))
    finally:
        connection.close()


def _on_ledger(work: Callable[[Ledger], Any], store: ClickHouse) -> Any:
    return work(Ledger(store, store.insert))


def _allowed(guard: Guard, request: Request) -> str | None:
    """Return the name of the client, which is its kind of access; people's names are given in the body."""
    if guard.refused(request) is not None:
        return None
    viewer = guard.viewer(request)  # alerts of all brands are for who sees all of them
    if viewer is None or viewer.brands is not None or not (viewer.changes("") or request.method == "GET"):
        return None
    return viewer.name or UNNAMED
