"""Defines the command load, which brings events in."""

import gc
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from streams.beside.beside import Beside
from streams.cli.options import Data, Json, UsageError, console, print_json, say
from streams.cli.shells import Opened, opened
from streams.engine.outcome import BatchOutcome
from streams.engine.shell import Shell
from streams.handles import key as handle_keys
from streams.inputs.exported import exported, is_export
from streams.inputs.files import InputError, frames, lines_of, selected
from streams.log.frame import Frame
from streams.text.encodings import text_of

__all__ = ["load"]

_GC_THRESHOLD = 2_000_000  # events are many small objects without cycles


def load(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE…",
            help=".ndjson or .json, plain, .gz or .zst; what `journey export` has written; - is standard input",
        ),
    ] = None,
    sql: Annotated[
        Path | None,
        typer.Option(
            metavar="SELECT.sql", help="A ClickHouse SELECT whose columns are the contract's fields"
        ),
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="k=v", help="A parameter {k:Type} of the SELECT")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Load events: validated, deduplicated, placed on the A-Path. Loading the same events again adds nothing."""
    if bool(files) == (sql is not None):
        raise UsageError("give files, or --sql SELECT.sql")
    if param and sql is None:
        raise UsageError("--param belongs to --sql")
    gc.set_threshold(_GC_THRESHOLD)
    pa.set_memory_pool(pa.system_memory_pool())  # keeps the pages of one batch for the next
    with opened(data, sources=sql is not None) as shell:
        total, started = BatchOutcome(), time.perf_counter()
        if sql is not None:
            shell.doubt()
            with _selected(shell, _read(sql), _parameters(param or [])) as lines:
                total.add(_take(shell, lines, sql.name))
        for path in files or []:
            total.add(_loaded(shell, path))
        shell.tick()
        _tell(total, time.perf_counter() - started, as_json=as_json)
    gc.freeze()  # what was remembered need not be searched once more before the process ends


@contextmanager
def _selected(shell: Opened, sql: str, parameters: dict[str, str]) -> Iterator[Iterator[bytes]]:
    """Run the SELECT. Beside another process, files and hosts are read here, and our tables there."""
    if not isinstance(shell, Beside):
        with selected(shell.store, sql, parameters) as lines:
            yield lines
        return
    with ExitStack() as stack:
        store = stack.enter_context(shell.sources())
        try:
            lines = stack.enter_context(selected(store, sql, parameters))
        except InputError as error:
            if "UNKNOWN_TABLE" not in str(error):
                raise
            lines = stack.enter_context(selected(shell.store, sql, parameters))
        yield lines


def _read(path: Path) -> str:
    try:
        return text_of(path)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _parameters(pairs: list[str]) -> dict[str, str]:
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise UsageError(f"--param {wrong[0]}: must be k=v")
    return dict(pair.split("=", 1) for pair in pairs)


def _loaded(shell: Opened, path: str) -> BatchOutcome:
    """Load a file of events, or one that `journey export` has written."""
    if is_export(path):
        shell.edge()  # records our key in a new store
        return _take_frames(shell, exported(path, handle_keys.in_force(shell.store), shell.clock), path)
    return _take(shell, lines_of(path), "stdin" if path == "-" else path)


def _take(shell: Shell, lines: Iterable[bytes], topic: str) -> BatchOutcome:
    return _take_frames(shell, frames(lines, shell.edge(), topic=topic, clock=shell.clock), topic)


def _take_frames(shell: Shell, packed: Iterable[Frame], topic: str) -> BatchOutcome:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(topic, total=None)

        def counted() -> Iterator[Frame]:
            for frame in packed:
                progress.advance(task, frame.received)
                yield frame

        return shell.load(counted())


def _tell(outcome: BatchOutcome, seconds: float, *, as_json: bool) -> None:
    refused = sum(outcome.dead_letters.values())
    rate = round(outcome.received / seconds) if seconds else 0
    if as_json:
        print_json(
            {
                "input": outcome.received,
                "accepted": outcome.stored,
                "duplicates": outcome.duplicates,
                "conflicts": outcome.conflicts,
                "dead_letters": refused,
                "dead_letters_by_reason": outcome.dead_letters,
                "stage_changes": outcome.stage_changes,
                "seconds": round(seconds, 3),
                "events_per_second": rate,
            }
        )
        return
    say(
        f"{outcome.received:,} events: [bold]{outcome.stored:,} accepted[/], {outcome.duplicates:,} duplicates, "
        f"{refused:,} dead letters · {rate:,} events/s"
    )
    if outcome.conflicts:
        say(
            f"  {outcome.conflicts:,} of the duplicates say something else than the event that is stored, which counts"
        )
        console.print("  see them with: journey sql 'SELECT * FROM conflicts_by_source'", style="dim")
    for reason, count in sorted(outcome.dead_letters.items()):
        say(f"  {count:,} {reason}")
    if refused:
        console.print("  see them with: journey dead-letters list", style="dim")
