"""The command forget: erase a customer, or say what that would take."""

from typing import Annotated

import typer

from streams import erasure
from streams.cli.options import Data, Json, UsageError, opened, print_json, say
from streams.cli.read import handle_argument
from streams.erasure import Erased
from streams.forget import forget as forgotten
from streams.forget import handles_of
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
            raise UsageError("a customer on a server cannot be forgotten yet")
        else:
            receipt, found = forgotten(shell, identifier, reason)
    if as_json:
        print_json({"receipt": receipt, "erased": found})
    elif found.nothing:
        say("nothing is known of that handle")
    else:
        say(f"{'would erase' if dry_run else f'receipt {receipt}: erased'} {_told(found)}")


def _told(found: Erased) -> str:
    return (
        f"{found.handles:,} handles, {found.events:,} events, {found.links:,} links, {found.announcements:,} changes of "
        f"stage, {found.dead_letters:,} dead letters; {found.mentions:,} events of others kept without them"
    )
