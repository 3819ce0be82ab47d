"""Defines the commands on audiences: list, show, export, the check of a file of them, and refresh."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from streams.audiences.config import Audience, parse, read
from streams.audiences.export import exported
from streams.audiences.reading import FORMATS, brand_of, listed, shown
from streams.audiences.upkeep import Refreshed
from streams.beside.beside import Beside
from streams.cli.options import Audiences, Data, Json, UsageError, print_json, read_settings, say, wide
from streams.cli.shells import Opened, opened
from streams.destinations.config import parse as parse_destinations
from streams.destinations.config import unread
from streams.destinations.delivery import check as check_destinations
from streams.destinations.listing import ListedDestination
from streams.destinations.listing import listed as listed_destinations
from streams.edge.readable import ReadableError
from streams.faults import kill_point
from streams.handles.readable import ReadableReader
from streams.process.private_files import private_file
from streams.settings import SettingsError
from streams.text.printable import visible_line

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the audience in the file")]
Brand = Annotated[
    str | None,
    typer.Option("--brand", metavar="B", help="Where two brands have one of that name", show_default=False),
]
_AUDIENCE_COLUMNS = ("customer", "stage", "since", "lapses_at", "last_seen", "entered_at")


@app.command("list")
def list_(audiences: Audiences = None, data: Data = None, as_json: Json = False) -> None:
    """List audiences with how many are in each, those of the file, and others that have members; and how far their destinations are."""
    with opened(data) as shell:
        file = _file(shell, audiences)
        found = listed(shell.store, file)
        given = _destinations(shell, audiences, file)
    if as_json:
        print_json(
            [
                asdict(one) | {"destinations": [asdict(each) for each in given if each.audience == one.name]}
                for one in found
            ]
        )
        return
    table = Table("audience", "brand", "members", "last change", "title", box=None)
    for one in found:
        title = one.title if one.is_kept or not file else "not in the file"
        row = (one.name, one.brand, f"{one.members:,}", _minute(one.changed_at), title)
        table.add_row(*(escape(visible_line(cell)) for cell in row))
    wide.print(table if found else "no audiences")
    if given:
        wide.print(_table_of(given))


@app.command("show")
def show(  # noqa: PLR0913, PLR0917 - options
    name: Name,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="So many")] = 20,
    brand: Brand = None,
    audiences: Audiences = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show who is in an audience, with where they stand; who entered last, first."""
    with opened(data) as shell:
        there = listed(shell.store, _file(shell, audiences))
        of = brand_of(there, name, brand)
        found = shown(shell.store, of, name, limit)
    if as_json:
        print_json(found)
        return
    (one,) = (each for each in there if (each.name, each.brand) == (name, of))
    say(
        f"[bold]{escape(visible_line(one.title or name))}[/]  {one.members:,} customers of {escape(visible_line(of))}"
    )
    table = Table(*_AUDIENCE_COLUMNS, box=None)
    for row in found:
        cells = (
            f"#{row['customer']}",
            row["stage"] or "",
            *(_minute(row[key]) for key in _AUDIENCE_COLUMNS[2:]),
        )
        table.add_row(*cells)
    if found:
        wide.print(table)


@app.command("export")
def export(  # noqa: PLR0913, PLR0917 - options
    name: Name,
    output: Annotated[
        str, typer.Option("--format", metavar="F", help=f"One of {', '.join(FORMATS)}")
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The file to write; else standard output", show_default=False
        ),
    ] = None,
    brand: Brand = None,
    readable: Annotated[
        bool,
        typer.Option("--readable", help="With the brand's own numbers of customers, for who has their key"),
    ] = False,
    audiences: Audiences = None,
    data: Data = None,
) -> None:
    """Export who is in an audience, with where they stand. Customers are named by their ids, as in every table.

    With --readable there is a column more for each kind of handle that the brand keeps readable, such as loyalty_number.
    """
    if output not in FORMATS:
        raise UsageError(f"--format {visible_line(output)}: there are {', '.join(FORMATS)}")
    if out is None and output == "parquet" and sys.stdout.isatty():
        raise UsageError("--format parquet is for files: --out FILE")
    with opened(data) as shell:
        of = brand_of(listed(shell.store, _file(shell, audiences)), name, brand)
        reader = _reader(shell, of) if readable else None
        pieces = exported(shell.store, of, name, output, reader)
        if out is not None:
            _write(out, pieces, private=readable)
            return
        for piece in pieces:
            sys.stdout.buffer.write(piece)
    sys.stdout.flush()


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of audiences")],
    data: Data = None,
) -> None:
    """Name every mistake in a file of audiences and their destinations; exit 1 where there is one. No store is opened.

    Queries are tried by refresh. Secrets of destinations have to be there, as where audiences are kept, and the data directory's key
    where one is to have readable handles.
    """
    found, mistakes = parse(file)
    destinations, more = parse_destinations(file)
    mistakes = list(dict.fromkeys([*mistakes, *more]))
    if not mistakes:
        try:
            check_destinations(destinations, found, read_settings(data))
        except SettingsError as error:
            mistakes = [f"{file}: {error}"]
    for mistake in mistakes:
        print(visible_line(mistake), file=sys.stderr)
    if mistakes:
        raise typer.Exit(1)
    said = f" and {len(destinations)} destinations" if destinations else ""
    say(f"{len(found)} audiences{said}, no mistake")


@app.command("refresh")
def refresh(audiences: Audiences = None, data: Data = None, as_json: Json = False) -> None:
    """Look at every audience of the file at once, and write who entered and who left; exit 1 where one cannot be.

    Beside journey up, that process does it, by its own file.
    """
    with opened(data) as shell:
        found = _refreshed(shell, audiences)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            said = one.error or f"{one.members:,} members: {one.entered:,} entered, {one.left:,} left"
            say(escape(visible_line(f"{one.audience}  {said}")))
    if any(one.error for one in found):
        raise typer.Exit(1)


def _destinations(
    shell: Opened, given: Path | None, audiences: Sequence[Audience]
) -> Sequence[ListedDestination]:
    """Return how far the destinations of the file are; their secrets are not needed."""
    file = given or shell.settings.audiences
    return [] if file is None else listed_destinations(shell.store, unread(file), audiences)


def _table_of(given: Sequence[ListedDestination]) -> Table:
    table = Table("destination", "kind", "audience", "waiting", "since", "as of", "error", box=None)
    for one in given:
        error = one.error if one.is_failing or not one.error else f"{one.refused:,} refused: {one.error}"
        row = (
            one.destination,
            one.kind,
            one.audience,
            f"{one.waiting:,}",
            _minute(one.waiting_since),
            _minute(one.at),
        )
        table.add_row(*(escape(visible_line(cell)) for cell in (*row, error)))
    return table


def _refreshed(shell: Opened, audiences: Path | None) -> Sequence[Refreshed]:
    if isinstance(shell, Beside):
        if audiences is not None:
            raise UsageError(
                "the process that has the data directory open keeps audiences by its own file: leave --audiences out"
            )
        return [Refreshed(**one) for one in shell.refresh()]
    if (audiences or shell.settings.audiences) is None:
        raise UsageError("which file of audiences? --audiences FILE, or JOURNEY_AUDIENCES")
    from streams.services.audiences import refreshed  # noqa: PLC0415 - needs the engine in process, or a server

    return refreshed(shell, _file(shell, audiences))


def _file(shell: Opened, given: Path | None) -> Sequence[Audience]:
    """Return the audiences of the file that is given, or of the settings; none without one."""
    settings = replace(shell.settings, audiences=given or shell.settings.audiences)
    return read(settings.audiences) if settings.audiences is not None else ()


def _reader(shell: Opened, brand: str) -> ReadableReader:
    """Return what gives the brand's own numbers. Raises ReadableError."""
    reader = ReadableReader.of_settings(shell.settings)
    if not reader.kinds_of(brand):
        raise ReadableError(
            f"no handles of {visible_line(brand)} are kept readable: JOURNEY_READABLE names the kinds"
        )
    return reader


def _write(out: Path, pieces: Iterable[bytes], *, private: bool) -> None:
    """Write a file whole: a command that is killed leaves none of that name. A private one is its owner's alone."""
    draft = out.with_name(f"{out.name}.part")
    try:
        if private:
            draft.unlink(missing_ok=True)
            private_file(draft)
        with draft.open("wb") as file:
            for piece in pieces:
                file.write(piece)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    with kill_point("export.rename"):
        draft.rename(out)


def _minute(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else ""
