"""Defines the command rebuild, which recomputes derived tables from the interactions."""

from collections.abc import Sequence
from typing import Annotated

import typer

from streams.cli.options import Data, Json, UsageError, print_json, progress, say
from streams.cli.shells import Opened, opened
from streams.engine.shell import Tell
from streams.recovery.derived_tables import FOLLOWING
from streams.recovery.losses import REBUILT
from streams.recovery.rebuild import INTERACTIONS, Order, Rebuilt
from streams.server.rebuild import rebuild_across
from streams.server.server import Server

__all__ = ["rebuild"]

_TABLES = (INTERACTIONS, *REBUILT)


def rebuild(
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TABLE…", help=f"Some of {', '.join(_TABLES)}; else all that follow from the interactions"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many rows there would be")] = False,
    write_off: Annotated[
        bool, typer.Option("--write-off", help="Enter what is lost for good in the books, as lost")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Rebuild tables from the interactions, each switched atomically; if interrupted, the old one stays.

    The interactions themselves are rebuilt without repeats: of an event that is there twice, the first one stored is kept.
    """
    wanted = _wanted(tables or [])
    if write_off and dry_run:
        raise UsageError("--write-off belongs to no --dry-run")
    with opened(data) as shell:
        done = _made(shell, wanted, progress("rebuild"), dry_run=dry_run)
        off = shell.write_off() if write_off and not isinstance(shell, Server) else (0, 0)
        left = str(shell.losses) if not isinstance(shell, Server) else ""
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "tables": done,
                "written_off": {"events": off[0], "dead_letters": off[1]},
                "left": left,
            }
        )
        return
    _show(done, dry_run=dry_run)
    if any(off):
        say(f"written off as lost: {off[0]:,} events, {off[1]:,} dead letters")
    if left and not dry_run:
        say(left)


def _wanted(tables: Sequence[str]) -> list[str]:
    if wrong := [table for table in tables if table not in _TABLES]:
        raise UsageError(
            f"{wrong[0]} cannot be rebuilt from the interactions: there are {', '.join(_TABLES)}"
        )
    return list(tables) or list(FOLLOWING)


def _made(shell: Opened, tables: list[str], tell: Tell, *, dry_run: bool) -> Sequence[Rebuilt]:
    if isinstance(shell, Server):
        return rebuild_across(shell, tables, tell, dry_run=dry_run)
    if tables == list(FOLLOWING) and "deliveries" in shell.losses.rebuild:
        tables.append("deliveries")
    return shell.rebuild(Order(tables, shell.clock(), dry_run=dry_run, tell=tell))


def _show(done: Sequence[Rebuilt], *, dry_run: bool) -> None:
    for one in done:
        before = "rows that cannot be counted" if one.before is None else f"{one.before:,} rows"
        say(f"  {one.table:<15}{before} {'would become' if dry_run else 'became'} {one.after:,}")
    say(f"rebuild: {'nothing was changed' if dry_run else f'{len(done)} tables rebuilt'}")
