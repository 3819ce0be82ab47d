"""Commands that take events over HTTP: collector, into Kafka or a log; up, with the engine in the same process."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import typer

from schemas.apath import default_model
from streams import faults
from streams.adapters import Adapter
from streams.cli.options import Data, UsageError, say
from streams.settings import Settings, SettingsError

__all__ = ["collector", "up"]


def collector(data: Data = None) -> None:
    """Take events over HTTP into Kafka; without JOURNEY_KAFKA, into the log of the data directory."""
    settings = _settings(data)
    if settings.kafka.servers:
        _told(settings, lambda: _into_kafka(settings))
    else:
        _told(settings, lambda: _into_log(settings))


def up(data: Data = None) -> None:
    """Take events over HTTP and process them, in one process, until SIGTERM or Ctrl-C."""
    settings = _settings(data)
    if settings.store or settings.kafka.servers:
        raise UsageError(
            "journey up is for one process with a data directory: unset JOURNEY_KAFKA, and JOURNEY_STORE where it names"
            " a server; for a deployment: journey collector and journey worker"
        )
    _told(settings, lambda: _embedded(settings))


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
    _say(url)
    say(f"[bold]{url}[/]  shows the journeys")


def _adapters(settings: Settings) -> Sequence[Adapter]:
    from streams.adapters.loading import load  # noqa: PLC0415 - each shell imports what it needs

    return load(settings.adapters)


def _into_kafka(settings: Settings) -> None:
    from streams.collector.key_table import KeyTable  # noqa: PLC0415 - as above
    from streams.collector.serving import Parts, serve  # noqa: PLC0415
    from streams.collector.sinks import KafkaSink  # noqa: PLC0415
    from streams.kafka.edges import key_of, model_of  # noqa: PLC0415
    from streams.store import open_server  # noqa: PLC0415

    if not settings.store:
        raise SettingsError("JOURNEY_STORE: must be the server whose table write_keys says who may write")
    key, model = key_of(settings), model_of(settings)
    parts = Parts(key, model, KeyTable(open_server(settings)), lambda: KafkaSink(settings.kafka))
    serve(settings, parts, adapters=_adapters(settings), say=_say)


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


def _embedded(settings: Settings) -> None:
    from streams.collector.key_file import KeyFile  # noqa: PLC0415 - as above
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
        parts = Parts(embedded.key, embedded.model, keys, lambda: FileSink(log), pump.trouble)
        with opened_page(settings) as page, queries_served(settings) as url:
            if url:
                say(f"[bold]answering queries on {url}[/]  (ClickHouse's HTTP protocol, for reading)")
            serve(
                settings,
                parts,
                adapters=_adapters(settings),
                routes=page.routes if page else (),
                ending=page.live.end if page else lambda: None,
                say=_say_page if page else _say,
            )
    finally:
        pump.stop()
