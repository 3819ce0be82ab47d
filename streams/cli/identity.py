"""Defines the commands on identity: show the links of a customer, withdraw one, restore it."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from streams.cli.options import Data, Json, OfBrand, print_json, say
from streams.cli.shells import Opened, brand_of, opened
from streams.handles.links import CustomerLinks, decide, links_of
from streams.handles.named_handles import HandleError, Named, known, named, stored
from streams.server.server import Server
from streams.text.printable import visible_line

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
def show(handle: Handle, brand: OfBrand = None, data: Data = None, as_json: Json = False) -> None:
    """Show the handles of a customer, and each link with its sources, how often each reported it and since when.

    Where brands are separate, a handle is another customer's with each: with --json one object, or a list where there are
    several.
    """
    with opened(data) as shell:
        found = {
            one: links
            for one in named(handle, shell, brand)
            if (links := links_of(shell.store, stored(shell.store, one)))
        }
        if not found:
            if brand is not None:
                brand_of(shell.store, brand)
            raise HandleError(f"nothing is known of {handle}")
    if as_json:
        told = [asdict(links) | ({"brand": one.brand} if one.brand else {}) for one, links in found.items()]
        print_json(told[0] if len(told) == 1 else told)
        return
    for one, links in found.items():
        _show(links, one.brand)


def _show(found: CustomerLinks, brand: str) -> None:
    handles = ", ".join(f"{row['kind']}:#{row['handle']:016x}" for row in found.handles)
    say(f"customer {found.customer}{f' of {escape(brand)}' if brand else ''}: {handles}")
    for row in found.links:
        left, right = (f"{row[f'{side}_kind']}:#{row[f'{side}_handle']:016x}" for side in ("left", "right"))
        period = f"{row['first_seen']:%Y-%m-%d %H:%M} to {row['last_seen']:%Y-%m-%d %H:%M} UTC"
        state = "  [red]withdrawn[/]" if row["is_withdrawn"] else ""
        say(
            f"  {left} = {right}  said {row['said']:,} × by {escape(visible_line(row['source']))}, {period}{state}"
        )


@app.command("unlink")
def unlink(
    one: Handle, other: Handle, brand: OfBrand = None, data: Data = None, as_json: Json = False
) -> None:
    """Withdraw the link between two handles: the customers that it joined part again, for all of history."""
    with opened(data) as shell:
        pairs = _pairs(shell, one, other, brand)
        linked = [
            form
            for pair in pairs
            for form in _forms(pair)
            if _linked(links_of(shell.store, form[0].id), form[1].id)
        ]
        if not linked:
            raise HandleError(
                f"no link between {one} and {other}; `journey identity show` lists the links there are"
            )
        told = [_decided(shell, pair, link=False) for pair in linked]
    _tell(one, other, told, as_json=as_json)


@app.command("link")
def link(one: Handle, other: Handle, brand: OfBrand = None, data: Data = None, as_json: Json = False) -> None:
    """Link two handles as one person; restores a link that was withdrawn.

    Where brands are separate, they are so with each brand that knows both, or with --brand.
    """
    with opened(data) as shell:
        pairs = _pairs(shell, one, other, brand)
        if len(pairs) > 1:
            pairs = [pair for pair in pairs if len(known(shell.store, pair)) == len(pair)]
            if not pairs:
                raise HandleError(f"no brand knows both {one} and {other}: say with --brand which it is")
        told = [
            _decided(shell, (_stored(shell, left), _stored(shell, right)), link=True) for left, right in pairs
        ]
    _tell(one, other, told, as_json=as_json)


def _pairs(shell: Opened, one: str, other: str, brand: str | None) -> list[tuple[Named, Named]]:
    """Return both handles, with each brand. One that was named by its hash is with whichever brand the other is."""
    pairs = [
        (left, right)
        for left in named(one, shell, brand)
        for right in named(other, shell, brand)
        if left.brand == right.brand or "" in {left.brand, right.brand}
    ]
    if any(set(left.ids) & set(right.ids) for left, right in pairs):
        raise HandleError(f"{one} and {other} are the same handle")
    return pairs


def _forms(pair: tuple[Named, Named]) -> list[tuple[Named, Named]]:
    """Return two handles in every form that the store may have them in."""
    left, right = pair
    return [
        (Named(left.kind, one, left.brand), Named(right.kind, other, right.brand))
        for one in left.ids
        for other in right.ids
    ]


def _stored(shell: Opened, handle: Named) -> Named:
    """Return a handle in the form that a customer has."""
    return Named(handle.kind, stored(shell.store, handle), handle.brand)


def _decided(shell: Opened, pair: tuple[Named, Named], *, link: bool) -> dict[str, Any]:
    """Withdraw or restore a link; return whose the handles are then."""
    before = [
        found.customer if (found := links_of(shell.store, stored(shell.store, each))) else None
        for each in pair
    ]
    decide(shell, *pair, link=link)
    brand = pair[0].brand or pair[1].brand
    one, other = _customers(shell, pair, before)
    return {"one": one, "other": other} | ({"brand": brand} if brand else {})


def _tell(one: str, other: str, told: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(told[0] if len(told) == 1 else told)
        return
    for each in told:
        where = f" of {each['brand']}" if "brand" in each else ""
        if each["one"] == each["other"]:
            say(escape(f"{one} and {other} are customer {each['one']}{where}"))
        else:
            say(escape(f"{one} is customer {each['one']}, {other} is customer {each['other']}{where}"))


def _customers(shell: Opened, pair: Sequence[Named], before: Sequence[int | None]) -> list[int | None]:
    """Return whose the handles are now; on a server the worker that decides it may take a moment."""
    until = time.monotonic() + (_MOMENT_S if isinstance(shell, Server) else 0.0)
    while True:
        now = [
            found.customer if (found := links_of(shell.store, stored(shell.store, each))) else None
            for each in pair
        ]
        if now != list(before) or time.monotonic() >= until:
            return now
        time.sleep(0.1)


def _linked(found: CustomerLinks | None, handle: int) -> bool:
    return found is not None and any(
        handle in (row["left_handle"], row["right_handle"]) for row in found.links
    )
