"""The command forget: erase a customer, or say what that would take."""

from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from streams import erasure
from streams.cli.options import Data, Json, console, opened, print_json, say
from streams.cli.read import handle_argument
from streams.erasure import Erased
from streams.forget import Forgotten, handles_of
from streams.forget import forget as forgotten
from streams.server import Server

__all__ = ["forget"]


def forget(
    handle: Annotated[
        str,
        typer.Argument(
            metavar="KIND:VALUE", help="Any handle of the customer, such as email:ann@example.com"
        ),
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Kept with the receipt; it must name nobody")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Erase a customer, with all handles that are the same person: tables, log, dead letters, state. For ever."""
    with opened(data) as shell:
        _, identifier = handle_argument(handle, shell)
        if dry_run:
            receipt, found = "", erasure.count(shell.store, handles_of(shell.store, identifier))
        elif isinstance(shell, Server):
            receipt, found = _forget_across(shell, identifier, reason)
        else:
            receipt, found = forgotten(shell, identifier, reason)
    if as_json:
        print_json({"receipt": receipt, "erased": found})
    elif found.nothing:
        say("nothing is known of that handle")
    else:
        say(f"{'would erase' if dry_run else f'receipt {receipt}: erased'} {_told(found)}")


def _forget_across(server: Server, handle: int, reason: str) -> Forgotten:
    from streams.workers.forgetting import forget_across  # noqa: PLC0415 - needs Kafka's client

    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as progress:
        task = progress.add_task("waiting for workers", total=None)
        return forget_across(
            server,
            handle,
            reason,
            lambda what, done, count: progress.update(
                task, description=f"{what}: {done} of {count} partitions", completed=done, total=count
            ),
        )


def _told(found: Erased) -> str:
    return (
        f"{found.handles:,} handles, {found.events:,} events, {found.links:,} links, {found.announcements:,} changes of "
        f"stage, {found.dead_letters:,} dead letters; {found.mentions:,} events of others kept without them"
    )
