"""Commands on identity: show the links of a customer, withdraw one, restore it."""

from typing import Annotated

import typer
from rich.markup import escape

from streams.cli.options import Data, Json, opened, print_json, say, writing
from streams.cli.read import handle_argument
from streams.links import HandleError, Links, decide, links_of

__all__ = ["app"]

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
        embedded = writing(shell, f"send an event of type identity.{'link' if link else 'unlink'} instead")
        pair = handle_argument(one, embedded), handle_argument(other, embedded)
        before = [links_of(embedded.store, identifier) for _, identifier in pair]
        if not link and not _linked(before[0], pair[1][1]):
            raise HandleError(
                f"no link between {one} and {other}; `journey identity show` lists the links there are"
            )
        if pair[0] == pair[1]:
            raise HandleError(f"{one} and {other} are the same handle")
        decide(embedded, *pair, link=link)
        customers = [found.customer if (found := links_of(embedded.store, i)) else None for _, i in pair]
    if as_json:
        print_json({"one": customers[0], "other": customers[1]})
    elif customers[0] == customers[1]:
        say(f"{one} and {other} are customer {customers[0]}")
    else:
        say(f"{one} is customer {customers[0]}, {other} is customer {customers[1]}")


def _linked(found: Links | None, handle: int) -> bool:
    return found is not None and any(
        handle in (row["left_handle"], row["right_handle"]) for row in found.links
    )
