"""Commands that take events over HTTP: collector, into Kafka or a log; up, with the engine in the same process."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.apath import default_model
from streams import faults
from streams.adapters import Adapter
from streams.cli.options import Alerts, Data, UsageError, say
from streams.settings import Settings, SettingsError

if TYPE_CHECKING:
    from streams.collector.serving import Parts

__all__ = ["collector", "up"]


def collector(data: Data = None) -> None:
    """Take events over HTTP into Kafka; without JOURNEY_KAFKA, into the log of the data directory."""
    settings = _settings(data)
    if settings.kafka.servers:
        _told(settings, lambda: _into_kafka(settings))
    else:
        _told(settings, lambda: _into_log(settings))


def up(
    data: Data = None,
    alerts: Alerts = None,
    demo: Annotated[bool, typer.Option("--demo", help="Make up a few events a second, to look at")] = False,
) -> None:
    """Take events over HTTP, process them and show the page, in one process, until SIGTERM or Ctrl-C.

    Where JOURNEY_STORE names a server, show the page over its tables: journey collector and worker do the rest there.
    """
    settings = _settings(data)
    if settings.store and alerts is not None:
        raise UsageError(
            "--alerts is for one process with a data directory; on a server: journey alerts watch"
        )
    settings = replace(settings, alerts=alerts or settings.alerts)
    if settings.store and not demo:
        _told(settings, lambda: _over_server(settings))
        return
    if settings.store or settings.kafka.servers:
        raise UsageError(
            "journey up is for one process with a data directory: unset JOURNEY_KAFKA, or set JOURNEY_STORE to the server"
            " whose journeys are to be shown; for a deployment: journey collector and journey worker"
        )
    _told(settings, lambda: _embedded(settings, demo=demo))


def _settings(data: Any) -> Settings:
    settings = Settings.read(data)
    faults.arm_by(settings.fault)
    return settings


def _told(settings: Settings, work: Callable[[], None]) -> None:
    """Work; where logs are JSON, tell there what is wrong with the settings."""
    try:
        work()
    except SettingsError as error:
        if settings.worker.log != "json":
            raise
        logging.getLogger(__name__).critical("%s", error)
        raise typer.Exit(2) from None


def _say(url: str) -> None:
    say(f"[bold]taking events on {url}/v1/events[/]  (documentation: {url}/docs)")


def _say_page(url: str) -> None:
    say(f"[bold]{url}[/]  shows the journeys; events are taken at /v1/events, documentation is at /docs")


@contextmanager
def _living(parts: "Parts", *, demo: bool) -> Iterator[None]:
    """Keep made-up events coming meanwhile, where that is asked for."""
    if not demo:
        yield
        return
    from streams.clock import system_clock  # noqa: PLC0415 - as above
    from streams.edge import Edge  # noqa: PLC0415
    from streams.living import Living  # noqa: PLC0415

    living = Living(Edge(parts.handle_key, parts.model.identity.nobody), parts.open_sink, system_clock)
    living.start()
    try:
        yield
    finally:
        living.stop()


def _adapters(settings: Settings) -> Sequence[Adapter]:
    from streams.adapters.loading import load  # noqa: PLC0415 - each shell imports what it needs

    return load(settings.adapters)


def _into_kafka(settings: Settings) -> None:
    from streams.alerts.serving import opened_routes  # noqa: PLC0415 - as above
    from streams.collector.key_table import KeyTable  # noqa: PLC0415
    from streams.collector.serving import Parts, serve  # noqa: PLC0415
    from streams.collector.sinks import KafkaSink  # noqa: PLC0415
    from streams.kafka.edges import key_of, model_of  # noqa: PLC0415
    from streams.opening import open_server  # noqa: PLC0415

    if not settings.store:
        raise SettingsError("JOURNEY_STORE: must be the server whose table write_keys says who may write")
    key, model = key_of(settings), model_of(settings)
    parts = Parts(key, model, KeyTable(open_server(settings)), lambda: KafkaSink(settings.kafka))
    with opened_routes(settings) as alerts:
        serve(settings, parts, adapters=_adapters(settings), routes=alerts, say=_say)


def _into_log(settings: Settings) -> None:
    from streams.collector.key_file import KeyFile  # noqa: PLC0415 - as above
    from streams.collector.serving import Parts, serve  # noqa: PLC0415
    from streams.collector.sinks import FileSink  # noqa: PLC0415
    from streams.embedded import lock  # noqa: PLC0415
    from streams.key_files import key_file  # noqa: PLC0415

    data = settings.data
    data.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        lock(data, stack)
        key = settings.handle_key or key_file(data)
        parts = Parts(key, default_model(), KeyFile(data), lambda: FileSink(data / "log.sqlite"))
        serve(settings, parts, adapters=_adapters(settings), say=_say)


def _over_server(settings: Settings) -> None:
    from streams.alerts.serving import opened_routes  # noqa: PLC0415 - as above
    from streams.collector.serving import serve_routes  # noqa: PLC0415
    from streams.opening import open_server  # noqa: PLC0415
    from streams.page.opening import opened_page  # noqa: PLC0415

    open_server(settings).close()
    with opened_page(settings) as page, opened_routes(settings) as alerts:
        if page is None:
            raise SettingsError(
                "JOURNEY_PAGE_TOKEN: must be set where the page can be reached from other machines, directly or through proxies"
            )
        serve_routes(
            settings.collector,
            [*page.routes, *alerts],
            ending=page.live.end,
            say=lambda url: say(f"[bold]{url}[/]  shows the journeys"),
        )


def _embedded(settings: Settings, *, demo: bool) -> None:
    from streams.alerts.serving import opened_routes  # noqa: PLC0415 - as above
    from streams.collector.key_file import KeyFile  # noqa: PLC0415
    from streams.collector.pump import Pump  # noqa: PLC0415
    from streams.collector.serving import Parts, serve  # noqa: PLC0415
    from streams.collector.sinks import FileSink  # noqa: PLC0415
    from streams.page.opening import opened_page  # noqa: PLC0415
    from streams.queries.serving import queries_served  # noqa: PLC0415

    pump = Pump(settings)
    embedded = pump.start()
    try:
        log = settings.data / "log.sqlite"
        keys = KeyFile(settings.data)
        parts = Parts(embedded.key, embedded.model, keys, lambda: FileSink(log), pump.trouble, pump.samples)
        with (
            opened_page(settings) as page,
            opened_routes(settings) as alerts,
            queries_served(settings) as url,
            _living(parts, demo=demo),
        ):
            if url:
                say(f"[bold]answering queries on {url}[/]  (ClickHouse's HTTP protocol, for reading)")
            serve(
                settings,
                parts,
                adapters=_adapters(settings),
                routes=[*(page.routes if page else ()), *alerts],
                ending=page.live.end if page else lambda: None,
                say=_say_page if page else _say,
            )
    finally:
        pump.stop()
