"""Defines the commands on word of mouth: list the cascades of a brand, show one as a tree of who brought whom."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from streams.analysis.cascades import Branch, listed, tree
from streams.cli.options import Data, Json, UsageError, print_json, say, wide
from streams.cli.shells import brand_of, opened
from streams.clock import duration
from streams.edge.personal_forms import hidden
from streams.edge.texts import Hiding
from streams.text.printable import visible_line

__all__ = ["app"]

_SHOWN = 12  # of those whom one customer brought
_FOUND = 100  # cascades that may share a name, one a brand
app = typer.Typer(no_args_is_help=True)
Brand = Annotated[str | None, typer.Option("--brand", metavar="B", help="Of this brand only")]


@app.command("list")
def list_(
    brand: Brand = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many")] = 20,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List cascades, those that reached most customers first."""
    with opened(data) as shell:
        rows = listed(shell.store, brand, limit)
        if brand is not None and not rows:
            brand_of(shell.store, brand)
    if as_json:
        print_json(rows)
        return
    table = Table(*(() if brand else ("brand",)), "start", box=None)
    for name in ("customers", "depth", "breadth", "bought", "revenue", "half in"):
        table.add_column(name, justify="right")
    for row in rows:
        whose = () if brand else (escape(visible_line(row["brand"])),)
        customers, depth, breadth, share, revenue, reach = _figures(row)
        money = escape("\n".join(revenue))  # each currency in a line of its own
        table.add_row(
            *whose, escape(visible_line(row["root_id"])), customers, depth, breadth, share, money, reach
        )
    wide.print(table)


def _what(row: dict[str, Any]) -> str:
    if not row["is_known"]:
        return "not sent so far"
    return " · ".join(filter(None, (row["type"], row["content"])))


def _figures(row: dict[str, Any]) -> tuple[str, str, str, str, list[str], str]:
    share = "" if row["conversion"] is None else f"{row['conversion']:.0%}"
    reach = "" if row["half_reached_s"] is None else duration(row["half_reached_s"])
    customers, depth, breadth = (f"{row[name]:,}" for name in ("customers", "depth", "breadth"))
    return customers, depth, breadth, share, _money(row["revenue"]), reach


def _money(revenue: dict[str, Any]) -> list[str]:
    return [f"{amount:,.2f} {currency}" for currency, amount in sorted(revenue.items())]


@app.command("show")
def show(
    start: Annotated[
        str, typer.Argument(metavar="ID", help="Id or key of the start, or a share code nobody has sent")
    ],
    brand: Brand = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show who brought whom in one cascade, each customer below the one who brought them first."""
    with opened(data) as shell:
        if hidden(start) != start:  # as the edge keeps it
            start = Hiding(shell.key).name(start)
        found = listed(shell.store, brand, _FOUND, start)
        if not found:
            if brand is not None:
                brand_of(shell.store, brand)
            raise UsageError(f"no cascade starts from {start}; `journey cascades list` shows those there are")
        if len(found) > 1:
            names = ", ".join(f"{row['root']} ({row['brand']})" for row in found)
            raise UsageError(f"several cascades start from {start}: {names}; give --brand, or a key")
        grown = tree(shell.store, found[0]["brand"], found[0]["root"])
    if as_json:
        print_json({"cascade": found[0], "tree": grown})
    else:
        _show(found[0], grown)


def _show(row: dict[str, Any], grown: Branch) -> None:
    started = f", {row['started_at']:%Y-%m-%d %H:%M} UTC" if row["started_at"] else ""
    shown = Tree(
        f"[bold]{escape(visible_line(row['root_id']))}[/]  {escape(visible_line(_what(row)))}  [dim]{_name(grown)}{started}[/]",
        highlight=False,
    )
    _grow(shown, grown, row)
    wide.print(shown, soft_wrap=True)
    customers, depth, breadth, share, revenue, reach = _figures(row)
    say(
        f"{customers} customers in {depth} generations, {breadth} at most in one; {share or 'nobody'} bought"
        + "".join(f", {amount}" for amount in revenue)
        + (f"; half were reached within {reach}" if reach else "")
    )


def _grow(shown: Tree, branch: Branch, row: dict[str, Any]) -> None:
    for child in branch.brought[:_SHOWN]:
        bought = (
            f"  [green]{escape(visible_line(', '.join(_money(child.revenue))))}[/]" if child.revenue else ""
        )
        known = row["started_at"] and child.reached_at
        after = f" after {duration((child.reached_at - row['started_at']).total_seconds())}" if known else ""
        about = " · ".join(filter(None, (child.type, child.content)))
        _grow(shown.add(f"{_name(child)}  {escape(visible_line(about))}[dim]{after}[/]{bought}"), child, row)
    if (more := len(branch.brought) - _SHOWN) > 0:
        shown.add(f"[dim]and {more:,} more[/]")


def _name(branch: Branch) -> str:
    return "nobody known" if branch.customer is None else f"customer {branch.customer}"
