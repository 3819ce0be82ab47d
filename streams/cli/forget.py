"""Defines the command forget: erases a customer, or with --dry-run shows what that would erase."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from streams.beside.beside import Beside
from streams.cli.options import Data, Json, OfBrand, UsageError, console, print_json, say
from streams.cli.shells import Opened, no_brand, opened
from streams.embedded.forget import forget as forgotten
from streams.erasure import statements
from streams.erasure.statements import Erased, Forgotten
from streams.handles.links import handles_of
from streams.handles.named_handles import named
from streams.server.server import Server
from streams.text.printable import visible_line

__all__ = ["Handle", "Reason", "erase", "forget", "summary"]

Handle = Annotated[
    str,
    typer.Argument(metavar="KIND:VALUE", help="Any handle of the customer, such as email:ann@example.com"),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Kept with the receipt; it must name nobody")
]


def forget(  # noqa: PLR0913, PLR0917 - options
    handle: Handle,
    brand: OfBrand = None,
    reason: Reason = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Erase a customer, with all handles that are the same person: tables, log, dead letters, state. For ever."""
    with opened(data) as shell:
        ids = [each for one in named(handle, shell, brand) for each in one.ids]
        if dry_run:
            receipt, found = "", statements.count(shell.store, handles_of(shell.store, *ids))
        else:
            receipt, found = erase(shell, ids, reason)
        if brand is not None and found.nothing and (why := no_brand(shell.store, brand)):
            raise UsageError(f"nothing is known of that handle; --brand {visible_line(brand)}: {why}")
    if as_json:
        print_json({"receipt": receipt, "erased": found})
    elif found.nothing:
        say("nothing is known of that handle")
    else:
        say(f"{'would erase' if dry_run else f'receipt {receipt}: erased'} {summary(found)}")


def erase(shell: Opened, handles: Sequence[int], reason: str, consent: str = "") -> Forgotten:
    """Erase the customers of handles in either shell; `consent` as `streams.embedded.forget.forget` has it."""
    if isinstance(shell, Server):
        return _forget_across(shell, handles, reason, consent)
    if isinstance(shell, Beside):
        return shell.forget(handles, reason, consent)
    return forgotten(shell, handles, reason, consent)


def _forget_across(server: Server, handles: Sequence[int], reason: str, consent: str) -> Forgotten:
    from streams.server.forget import forget_across  # noqa: PLC0415 - needs Kafka's client

    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as progress:
        task = progress.add_task("waiting for workers", total=None)

        def tell(what: str, done: int, count: int) -> None:
            said = f"{what}: {done} of {count} partitions" if count else what
            progress.update(task, description=said, completed=done, total=count or None)

        return forget_across(server, handles, reason, tell, consent=consent)


def summary(found: Erased) -> str:
    """Return what an erasure took, in words."""
    return (
        f"{found.handles:,} handles, {found.events:,} events, {found.links:,} links, {found.announcements:,} changes of "
        f"stage, {found.dead_letters:,} dead letters; {found.mentions:,} events of others kept without them"
    )
