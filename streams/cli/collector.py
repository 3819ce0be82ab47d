"""Defines the commands that receive events over HTTP: collector, into Kafka or a log; up, with engine and page."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from streams import environment, faults
from streams.cli.options import Alerts, Audiences, Data, UsageError, say
from streams.settings import Settings, SettingsError

__all__ = ["collector", "up"]


Port = Annotated[
    str | None,
    typer.Option(
        "--port",
        metavar="N",
        help="Port for events and the page; else JOURNEY_COLLECTOR_PORT, else 8080",
        show_default=False,
    ),
]
SqlPort = Annotated[
    str | None,
    typer.Option(
        "--sql-port",
        metavar="N",
        help="Port for queries, or off; else JOURNEY_SQL_PORT, else 8123",
        show_default=False,
    ),
]
WebPort = Annotated[
    str | None,
    typer.Option(
        "--web-port",
        metavar="N",
        help="Port for /health and /metrics; else JOURNEY_WEB_PORT, else 6066",
        show_default=False,
    ),
]


def collector(data: Data = None, port: Port = None, web_port: WebPort = None) -> None:
    """Take events over HTTP into Kafka; without JOURNEY_KAFKA, into the log of the data directory."""
    settings = _settings(data, JOURNEY_COLLECTOR_PORT=port, JOURNEY_WEB_PORT=web_port)
    if settings.kafka.servers:
        _reporting(settings, lambda: _into_kafka(settings))
    else:
        _reporting(settings, lambda: _into_log(settings))


def up(  # noqa: PLR0913, PLR0917 - options
    data: Data = None,
    alerts: Alerts = None,
    audiences: Audiences = None,
    demo: Annotated[bool, typer.Option("--demo", help="Make up a few events a second, to look at")] = False,
    port: Port = None,
    sql_port: SqlPort = None,
    web_port: WebPort = None,
) -> None:
    """Take events over HTTP, process them and show the page, in one process, until SIGTERM or Ctrl-C.

    Where JOURNEY_STORE names a server, show the page over its tables: journey collector and worker do the rest there.
    """
    settings = _settings(
        data, JOURNEY_COLLECTOR_PORT=port, JOURNEY_SQL_PORT=sql_port, JOURNEY_WEB_PORT=web_port
    )
    if settings.store and alerts is not None:
        raise UsageError(
            "--alerts is for one process with a data directory; on a server: journey alerts watch"
        )
    if settings.store and audiences is not None:
        raise UsageError(
            "--audiences is for one process with a data directory; on a server: journey alerts watch"
        )
    settings = replace(settings, alerts=alerts or settings.alerts, audiences=audiences or settings.audiences)
    if settings.store and not demo:
        _reporting(settings, lambda: _over_server(settings))
        return
    if settings.store or settings.kafka.servers:
        raise UsageError(
            "journey up is for one process with a data directory: unset JOURNEY_KAFKA, or set JOURNEY_STORE to the server"
            " whose journeys are to be shown; for a deployment: journey collector and journey worker"
        )
    _reporting(settings, lambda: _embedded(settings, demo=demo))


def _settings(data: Path | None, **options: str | None) -> Settings:
    """Return the settings; an option that is given wins over the variable with the same meaning."""
    for variable, value in options.items():
        if value is not None:
            environment.put(variable, value)
    settings = Settings.read(data)
    faults.arm_by(settings.fault)
    return settings


def _reporting(settings: Settings, work: Callable[[], None]) -> None:
    """Run the block; where logs are JSON, log errors in the settings there."""
    try:
        work()
    except SettingsError as error:
        if settings.worker.log != "json":
            raise
        logging.getLogger(__name__).critical("%s", error)
        raise typer.Exit(2) from None


def _into_kafka(settings: Settings) -> None:
    from streams.services import kafka_collector  # noqa: PLC0415 - the extras collector and kafka

    kafka_collector.collect(settings, _say)


def _into_log(settings: Settings) -> None:
    from streams.services import log_collector  # noqa: PLC0415 - the extra collector

    log_collector.collect(settings, _say)


def _over_server(settings: Settings) -> None:
    from streams.services import server_page  # noqa: PLC0415 - the extra collector

    server_page.show(settings, lambda url: say(f"[bold]{url}[/]  shows the journeys"))


def _embedded(settings: Settings, *, demo: bool) -> None:
    from streams.services.up import up as served  # noqa: PLC0415 - the extra collector

    served(settings, _Ports(), demo=demo)


def _say(url: str) -> None:
    say(f"[bold]taking events on {url}/v1/events[/]  (documentation: {url}/docs)")


class _Ports:
    """Says in the terminal which ports of `journey up` are open."""

    @staticmethod
    def events(url: str, *, page: bool) -> None:
        if page:
            say(
                f"[bold]{url}[/]  shows the journeys; events are taken at /v1/events, documentation is at /docs"
            )
        else:
            _say(url)

    @staticmethod
    def queries(url: str) -> None:
        say(f"[bold]answering queries on {url}[/]  (ClickHouse's HTTP protocol, for reading)")
