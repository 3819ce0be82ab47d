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
from streams.server import Server, Shell

__all__ = ["Handle", "Reason", "erase", "forget", "told"]

Handle = Annotated[
    str,
    typer.Argument(metavar="KIND:VALUE", help="Any handle of the customer, such as email:ann@example.com"),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Kept with the receipt; it must name nobody")
]


def forget(
    handle: Handle,
    reason: Reason = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Erase a customer, with all handles that are the same person: tables, log, dead letters, state. For ever."""
    with opened(data) as shell:
        _, identifier = handle_argument(handle, shell)
        if dry_run:
            receipt, found = "", erasure.count(shell.store, handles_of(shell.store, identifier))
        else:
            receipt, found = erase(shell, identifier, reason)
    if as_json:
        print_json({"receipt": receipt, "erased": found})
    elif found.nothing:
        say("nothing is known of that handle")
    else:
        say(f"{'would erase' if dry_run else f'receipt {receipt}: erased'} {told(found)}")


def erase(shell: Shell, handle: int, reason: str, consent: str = "") -> Forgotten:
    """Erase a customer in either shell; `consent` as `streams.forget.forget` has it."""
    if isinstance(shell, Server):
        return _forget_across(shell, handle, reason, consent)
    return forgotten(shell, handle, reason, consent)


def _forget_across(server: Server, handle: int, reason: str, consent: str) -> Forgotten:
    from streams.workers.forgetting import forget_across  # noqa: PLC0415 - needs Kafka's client

    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as progress:
        task = progress.add_task("waiting for workers", total=None)

        def tell(what: str, done: int, count: int) -> None:
            said = f"{what}: {done} of {count} partitions" if count else what
            progress.update(task, description=said, completed=done, total=count or None)

        return forget_across(server, handle, reason, tell, consent=consent)


def told(found: Erased) -> str:
    """Return what an erasure took, in words."""
    return (
        f"{found.handles:,} handles, {found.events:,} events, {found.links:,} links, {found.announcements:,} changes of "
        f"stage, {found.dead_letters:,} dead letters; {found.mentions:,} events of others kept without them"
    )
