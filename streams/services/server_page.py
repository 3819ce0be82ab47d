"""Runs `journey up` over a server: the page and the alerts' routes; collector and workers run elsewhere."""

from collections.abc import Callable, Sequence
from functools import partial

from schemas.apath import parse_model
from streams.alerts.access import opened_routes
from streams.collector.server import serve_routes
from streams.handles.find import Found, find
from streams.handles.match import hashes
from streams.page.setup import opened_page
from streams.page.telemetry import PageTelemetry
from streams.server.server import Server
from streams.settings import Settings, SettingsError
from streams.store.clickhouse import ClickHouse
from streams.store.open_server import open_server

__all__ = ["show"]


def show(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `say` gets the URL once the port is open.

    Raises
    ------
    SettingsError
        The page can be reached from other machines and has no token; or another setting cannot be used.
    """
    open_server(settings).close()
    with (
        opened_page(
            settings,
            partial(_find, settings),
            hasher=partial(_hashes, settings),
            activate=partial(_activate, settings),
        ) as page,
        opened_routes(settings) as alerts,
    ):
        if page is None:
            raise SettingsError(
                "JOURNEY_PAGE_TOKEN or JOURNEY_PAGE_TOKENS: must be set where the page can be reached from other machines, directly or through proxies"
            )
        telemetry = PageTelemetry(settings)
        telemetry.start()
        try:
            serve_routes(settings, [*page.routes, *alerts], ending=page.end, say=say)
        finally:
            telemetry.stop()


def _find(settings: Settings, store: ClickHouse, text: str, brand: str) -> Sequence[Found]:
    """Find customers with the key, rules and model that the server has now."""
    with Server(settings) as shell:
        return find(shell, store, text, brand)


def _hashes(settings: Settings, kind: str, values: Sequence[str], brand: str) -> list[tuple[int, ...]]:
    """Hash values with the key, rules and model that the server has now."""
    with Server(settings) as shell:
        return hashes(shell, kind, values, brand)


def _activate(settings: Settings, toml: str) -> None:
    """Have the workers activate a model, as the command does."""
    from streams.server.change_model import change_model  # noqa: PLC0415 - needs Kafka's client

    with Server(settings) as shell:
        change_model(shell, parse_model(toml, name="the model of the page"), toml, lambda *_: None)
