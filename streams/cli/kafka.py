"""Defines the commands on Kafka: topics, publish, gateway; each imports the Kafka client only when it runs."""

import gc
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from streams import faults
from streams.cli.options import Json, console, print_json, say
from streams.clock import system_clock
from streams.inputs.files import lines_of
from streams.kafka.errors import BrokerError
from streams.process.shutdown import stopping
from streams.settings import Settings, SettingsError

if TYPE_CHECKING:
    from streams.kafka.publish_files import Published

__all__ = ["app", "gateway", "publish"]

_GC_THRESHOLD = 200_000  # validated events are many small objects without cycles
_STEP = 1_000  # lines between two looks at the progress bar

app = typer.Typer(no_args_is_help=True)
Partitions = Annotated[
    int, typer.Option("--partitions", metavar="P", min=1, max=10_000, help="Of each large topic")
]


def _settings() -> Settings:
    """Read the settings of a command that ends by itself: what its client has to say is in its errors."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
    settings = Settings.read()
    faults.arm_by(settings.fault)
    return settings


@app.command("create")
def create(
    partitions: Partitions,
    replication: Annotated[
        int | None,
        typer.Option("--replication", metavar="R", min=1, help="Copies; else the cluster's default"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the topics that are missing; those that are there must be as declared."""
    from streams.kafka.topics import create as made  # noqa: PLC0415 - the extra kafka

    done = made(_settings().kafka, partitions, replication or -1)
    if as_json:
        print_json(done)
        return
    for name in done.created:
        say(f"[bold]created[/] {name}")
    for name in done.present:
        say(f"was there {name}", style="dim")


@app.command("list")
def show(as_json: Json = False) -> None:
    """Show every topic: as declared and as it is."""
    from streams.kafka.topics import listed  # noqa: PLC0415 - the extra kafka

    found = listed(_settings().kafka)
    if as_json:
        rows = [
            {
                "topic": topic.name,
                "about": topic.declared.about,
                "writers": topic.declared.writers,
                "reader": topic.declared.reader,
                "key": topic.declared.key,
                "partitions": topic.partitions or None,
                "declared_partitions": topic.declared.partitions or "many",
                "declared_config": topic.declared.config,
                "config": {name: topic.config.get(name) for name in topic.declared.config},
                "problems": topic.problems(),
            }
            for topic in found
        ]
        print_json(rows)
        return
    for topic in found:
        problems = topic.problems()
        count = f"{topic.partitions} partitions" if topic.partitions else "[red]missing[/]"
        kept = _kept(topic.config or topic.declared.config)
        say(f"[bold]{topic.name}[/]  {count}, {kept}")
        say(
            f"  {', '.join(topic.declared.writers)} → {topic.declared.reader}: {escape(topic.declared.about)}",
            style="dim",
        )
        for problem in problems if topic.partitions else []:
            say(f"  [red]{escape(problem)}[/]")


def _kept(config: Mapping[str, str]) -> str:
    if config.get("cleanup.policy") == "compact":
        return "newest of each key kept"
    milliseconds = int(config.get("retention.ms", -1))
    return "kept for ever" if milliseconds < 0 else f"kept {milliseconds / 86_400_000:g} days"


@app.command("grow")
def grow(partitions: Partitions, as_json: Json = False) -> None:
    """Add partitions to the large topics. Stop publishers, then gateways and workers once they have read all."""
    from streams.kafka.topics import grow as grown  # noqa: PLC0415 - the extra kafka

    names = grown(_settings().kafka, partitions)
    if as_json:
        print_json({"grown": names, "partitions": partitions})
    elif names:
        say(f"[bold]{partitions} partitions[/] now: {', '.join(names)}")
    else:
        say(f"every large topic has {partitions} partitions already")


def publish(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help=".ndjson or .json, plain, .gz or .zst; - is standard input"),
    ],
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Send single events to events.in, unvalidated, for a gateway to take"),
    ] = False,
    as_json: Json = False,
) -> None:
    """Send events to Kafka: validated and in frames, as load does. Publishing the same events again adds nothing."""
    from streams.kafka import publish_files as kafka_files  # noqa: PLC0415 - the extra kafka
    from streams.kafka.edge import edge_of  # noqa: PLC0415 - the extra kafka

    settings, started_s = _settings(), time.perf_counter()
    gc.set_threshold(_GC_THRESHOLD)
    edge = None if raw else edge_of(settings)
    total = kafka_files.Published()
    for path in files:
        origin = "stdin" if path == "-" else path
        with _counted(lines_of(path), origin) as lines:
            done = (
                kafka_files.publish_raw(lines, settings.kafka, origin=origin)
                if edge is None
                else kafka_files.publish(lines, settings.kafka, edge, origin=origin, clock=system_clock)
            )
        total.events += done.events
        total.dead_letters.update(done.dead_letters)
    _tell(total, time.perf_counter() - started_s, as_json=as_json)


@contextmanager
def _counted(lines: Iterable[bytes], origin: str) -> Iterator[Iterator[bytes]]:
    """Show how many lines were read so far."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,.0f} events"))
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(origin, total=None)

        def counted() -> Iterator[bytes]:
            for number, line in enumerate(lines, 1):
                if number % _STEP == 0:
                    progress.advance(task, _STEP)
                yield line

        yield counted()


def _tell(done: "Published", seconds: float, *, as_json: bool) -> None:
    refused, rate = done.dead_letters.total(), round(done.received / seconds)
    if as_json:
        print_json(
            {
                "input": done.received,
                "accepted": done.events,
                "dead_letters": refused,
                "dead_letters_by_reason": dict(done.dead_letters),
                "seconds": round(seconds, 3),
                "events_per_second": rate,
            }
        )
        return
    say(
        f"{done.received:,} events: [bold]{done.events:,} accepted[/], {refused:,} dead letters · {rate:,} events/s"
    )
    for reason, count in sorted(done.dead_letters.items()):
        say(f"  {count:,} {reason}")


def gateway() -> None:
    """Take single events from events.in into frames of interactions, until SIGTERM; run several to share the work."""
    from streams.kafka.edge import edge_of  # noqa: PLC0415 - the extra kafka
    from streams.kafka.gateway import Gateway  # noqa: PLC0415 - the extra kafka
    from streams.kafka.gateway_telemetry import GatewayTelemetry  # noqa: PLC0415 - the extra kafka

    settings = Settings.read()
    faults.arm_by(settings.fault)
    gc.set_threshold(_GC_THRESHOLD)
    telemetry = GatewayTelemetry(settings)
    working = Gateway(settings, edge_of(settings), took=telemetry.took)
    telemetry.watch(working.state)

    try:
        with stopping.calling(working.stop):
            telemetry.start()
            working.run()
    except (BrokerError, SettingsError) as error:
        if settings.worker.log != "json":
            raise
        logging.getLogger(__name__).critical("%s", error)
        raise typer.Exit(2) from None
    finally:
        telemetry.stop()
