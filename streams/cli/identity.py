"""Commands on identity: show the links of a customer, withdraw one, restore it."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from streams.cli.options import Data, Json, opened, print_json, say
from streams.cli.read import handle_argument
from streams.links import HandleError, Links, decide, links_of
from streams.server import Server, Shell

__all__ = ["app"]

_MOMENT_S = 5.0
app = typer.Typer(no_args_is_help=True)
Handle = Annotated[
    str,
    typer.Argument(
        metavar="KIND:VALUE", help="A handle, such as email:ann@example.com or cookie:#0123456789abcdef"
    ),
]


@app.command("show")
def show(handle: Handle, data: Data = None, as_json: Json = False) -> None:
    """Show the handles of a customer, and each link with who said so, how often and since when."""
    with opened(data) as shell:
        _, identifier = handle_argument(handle, shell)
        found = links_of(shell.store, identifier)
    if found is None:
        raise HandleError(f"nothing is known of {handle}")
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(found: Links) -> None:
    handles = ", ".join(f"{row['kind']}:#{row['handle']:016x}" for row in found.handles)
    say(f"customer {found.customer}: {handles}")
    for row in found.links:
        left, right = (f"{row[f'{side}_kind']}:#{row[f'{side}_handle']:016x}" for side in ("left", "right"))
        period = f"{row['first_seen']:%Y-%m-%d %H:%M} to {row['last_seen']:%Y-%m-%d %H:%M} UTC"
        state = "  [red]withdrawn[/]" if row["is_withdrawn"] else ""
        say(f"  {left} = {right}  said {row['said']:,} × by {escape(row['source'])}, {period}{state}")


@app.command("unlink")
def unlink(one: Handle, other: Handle, data: Data = None, as_json: Json = False) -> None:
    """Withdraw the link between two handles: whoever they joined parts again, for all of history."""
    _decide(one, other, link=False, data=data, as_json=as_json)


@app.command("link")
def link(one: Handle, other: Handle, data: Data = None, as_json: Json = False) -> None:
    """Say that two handles are one person; restores a link that was withdrawn."""
    _decide(one, other, link=True, data=data, as_json=as_json)


def _decide(one: str, other: str, *, link: bool, data: Data, as_json: bool) -> None:
    with opened(data) as shell:
        pair = handle_argument(one, shell), handle_argument(other, shell)
        before = [links_of(shell.store, identifier) for _, identifier in pair]
        if not link and not _linked(before[0], pair[1][1]):
            raise HandleError(
                f"no link between {one} and {other}; `journey identity show` lists the links there are"
            )
        if pair[0] == pair[1]:
            raise HandleError(f"{one} and {other} are the same handle")
        decide(shell, *pair, link=link)
        customers = _customers(shell, pair, [found.customer if found else None for found in before])
    if as_json:
        print_json({"one": customers[0], "other": customers[1]})
    elif customers[0] == customers[1]:
        say(f"{one} and {other} are customer {customers[0]}")
    else:
        say(f"{one} is customer {customers[0]}, {other} is customer {customers[1]}")


def _customers(
    shell: Shell, pair: Sequence[tuple[str, int]], before: Sequence[int | None]
) -> list[int | None]:
    """Return whose the handles are now; on a server the worker that decides it may take a moment."""
    until = time.monotonic() + (_MOMENT_S if isinstance(shell, Server) else 0.0)
    while True:
        now = [found.customer if (found := links_of(shell.store, handle)) else None for _, handle in pair]
        if now != list(before) or time.monotonic() >= until:
            return now
        time.sleep(0.1)


def _linked(found: Links | None, handle: int) -> bool:
    return found is not None and any(
        handle in (row["left_handle"], row["right_handle"]) for row in found.links
    )
