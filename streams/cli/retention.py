"""Defines the commands on retention: set how long a brand's interactions are kept, show it, expire what is older."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from streams.beside.beside import Beside
from streams.cli.options import Data, Json, console, print_json, progress, say
from streams.cli.shells import Opened, opened
from streams.embedded.expire import expire, let_go
from streams.engine.shell import Tell
from streams.retention.expire import Due, Expired, due
from streams.retention.idle import idle
from streams.retention.terms import Kept, horizon_of, idle_months, kept, set_idle, set_term
from streams.server.expire import expire_across
from streams.server.idle import let_go_across
from streams.server.rebuild import RebuildError
from streams.server.server import Server
from streams.text.printable import visible_line

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.command("set")
def set_months(
    brand: Annotated[str, typer.Option("--brand", metavar="B", help="The brand")],
    months: Annotated[
        int,
        typer.Option(
            "--months", metavar="N", help="Whole months that are kept, beside the current one; 0 for ever"
        ),
    ],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Keep the interactions of a brand for so many months; what is older expires with the next `journey retention run`."""
    with opened(data) as shell:
        set_term(shell.store, brand, months, shell.clock())
        horizon = horizon_of(shell.clock(), months) if months else None
    if as_json:
        print_json({"brand": brand, "months": months, "horizon": horizon})
    elif horizon is None:
        say(f"{escape(visible_line(brand))}: interactions are kept for ever; what has expired stays expired")
    else:
        say(
            f"{escape(visible_line(brand))}: {months} months are kept; what was before {horizon:%Y-%m-%d} UTC expires"
        )


@app.command("handles")
def handles(
    months: Annotated[
        int,
        typer.Option(
            "--months", metavar="N", help="Whole months without a touch or link; 0 keeps them for ever"
        ),
    ],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let go of handles of customers whom no brand has met for so many months, once all of their interactions have expired.

    They are no customers any more: their sums, links and announcements are deleted with the next `journey retention run`.
    """
    with opened(data) as shell:
        set_idle(shell.store, months, shell.clock())
    if as_json:
        print_json({"months": months})
    else:
        say(f"handles are kept {f'{months} months after the last touch or link' if months else 'for ever'}")


@app.command("show")
def show(data: Data = None, as_json: Json = False) -> None:
    """Show how long the interactions of each brand are kept, what has expired, and what is due."""
    with opened(data) as shell:
        rows = kept(shell.store)
        waiting = {one.brand: one for one in due(shell.store, shell.clock(), late_too=True)}
        months = idle_months(shell.store)
        count = len(idle(shell.store, horizon_of(shell.clock(), months))) if months else 0
    if as_json:
        brands = [_row(row, waiting.get(row.brand)) for row in rows]
        print_json({"brands": brands, "handles": {"months": months, "due": count}})
        return
    table = Table(box=None, pad_edge=False)
    for name in ("brand", "kept", "interactions since", "there", "expired", "due"):
        table.add_column(name, justify="right" if name in {"there", "expired", "due"} else "left")
    for row in rows:
        table.add_row(
            escape(visible_line(row.brand)),
            f"{row.months} months" if row.months else "for ever",
            f"{row.earliest:%Y-%m-%d}" if row.earliest else "none",
            f"{row.interactions:,}",
            f"{row.expired:,}",
            f"{waiting[row.brand].events:,}" if row.brand in waiting else "0",
        )
    console.print(table)
    if months:
        say(f"handles are kept {months} months after the last touch or link: {count:,} are due")


def _row(row: Kept, waiting: Due | None) -> dict[str, Any]:
    return asdict(row) | {"due": waiting.events if waiting else 0}


@app.command("run")
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would expire")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Expire what is due: delete interactions older than their brand's months, and carry forward what they gave as sums.

    Stages, scores, revenue and `journey verify` stay exact; questions about earlier instants are refused.
    """
    with opened(data) as shell:
        rows: Sequence[Due | Expired]
        if dry_run:
            rows, count = due(shell.store, shell.clock(), late_too=True), 0
        else:
            rows = _expired(shell, progress("retention"))
            count = _let_go(shell, progress("retention"))
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "brands": [{"brand": r.brand, "horizon": r.horizon, "events": r.events} for r in rows],
                "handles": count,
            }
        )
        return
    for one in rows:
        what = "would expire" if dry_run else "expired"
        say(
            f"{escape(visible_line(one.brand))}: {one.events:,} interactions before {one.horizon:%Y-%m-%d} UTC {what}"
        )
    if count:
        say(f"{count:,} handles of which nothing was heard are let go of")
    if not rows and not count:
        say("nothing is due")


def _let_go(shell: Opened, tell: Tell) -> int:
    if isinstance(shell, Server):
        try:
            return let_go_across(shell, tell)
        except RebuildError as error:
            print(f"journey: idle handles stay: {error}", file=sys.stderr)
            return 0
    return shell.let_go() if isinstance(shell, Beside) else let_go(shell)


def _expired(shell: Opened, tell: Tell) -> Sequence[Expired]:
    if isinstance(shell, Server):
        return expire_across(shell, tell)
    if isinstance(shell, Beside):
        return shell.expire(tell)
    return expire(shell, tell)
