"""Defines the commands that query the store: sql, stages, explain, verify."""

import sys
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from journey.stage import Stage
from streams.analysis.explain import Explanation, StageExplanation
from streams.analysis.explain import explain as explained
from streams.analysis.verify import Check, mended_by
from streams.analysis.verify import verify as checks
from streams.cli.options import At, Brand, Data, Json, console, print_json, progress, say
from streams.cli.shells import after_horizon, brand_of, instant, opened
from streams.cli.terminal import writer
from streams.handles.named_handles import HandleError, named, stored
from streams.text.printable import visible_line

__all__ = ["explain", "sql", "stages", "verify"]

_SHOWN = 6  # interactions listed a stage
_BAR = 30


def sql(
    query: Annotated[str, typer.Argument(metavar="SELECT…", help="One ClickHouse statement")],
    output: Annotated[
        str, typer.Option("--format", metavar="F", help="Any ClickHouse output format")
    ] = "PrettyCompactMonoBlock",
    data: Data = None,
) -> None:
    """Run SQL on the store: tables and views explain themselves (SHOW TABLES; DESCRIBE journeys)."""
    with opened(data) as shell:
        shell.doubt()
        writer(output).write(shell.store.raw(query.strip().rstrip(";"), output))
        sys.stdout.flush()


def stages(brand: Brand, at: At = None, data: Data = None, as_json: Json = False) -> None:
    """Show the population of a brand by stage, now or at any instant of the past."""
    with opened(data) as shell:
        brand_of(shell.store, brand)
        source = "standings" if at is None else "journeys_at(at = {at:DateTime64(6, 'UTC')})"
        moment = after_horizon(shell.store, instant(at, shell), brand)
        found = shell.store.rows(
            f"SELECT toString(stage) AS stage, count() AS customers FROM {source} WHERE brand = {{brand:String}} GROUP BY stage",
            {"brand": brand, "at": moment},
        )
    count = {row["stage"]: row["customers"] for row in found}
    rows = [{"stage": stage.label, "customers": count.get(stage.label, 0)} for stage in reversed(Stage)]
    if as_json:
        print_json({"brand": brand, "at": moment, "stages": rows})
        return
    total = sum(row["customers"] for row in rows)
    say(f"{escape(visible_line(brand))} at {_time(moment)}: {total:,} customers")
    table = Table(box=None)
    for name, justify in (("stage", "left"), ("customers", "right"), ("share", "right"), ("", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for row in rows:
        share = row["customers"] / total if total else 0
        table.add_row(row["stage"], f"{row['customers']:,}", f"{share:.1%}", "█" * round(_BAR * share))
    console.print(table)


def explain(
    handle: Annotated[
        str, typer.Argument(metavar="KIND:VALUE", help="A handle, such as email:ann@example.com")
    ],
    brand: Brand,
    at: At = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Explain why a customer is at their stage: the interactions behind each score, lapses, and what would lift them."""
    with opened(data) as shell:
        (one,) = named(handle, shell, brand)
        moment = after_horizon(shell.store, instant(at, shell), brand)
        found = explained(shell.store, shell.model, brand, stored(shell.store, one), moment)
        if found is None or not found.touches:
            brand_of(shell.store, brand)
        if found is None:
            raise HandleError(f"nothing is known of {handle}")
    if as_json:
        print_json(found)
    else:
        _show(handle, found)


def _show(handle: str, found: Explanation) -> None:
    known = ", ".join(f"{row['kind']} #{row['handle']:016x}" for row in found.handles)
    lapse = f", until {_time(found.lapses_at)}" if found.lapses_at else ""
    say(
        f"[bold]{escape(visible_line(handle))}[/] with {escape(visible_line(found.brand))} at {_time(found.at)}: "
        f"[bold]{found.stage}[/]{lapse}\n{found.touches:,} touches; known by {known}"
    )
    for stage in reversed(found.stages):
        _show_stage(stage)


def _show_stage(stage: StageExplanation) -> None:
    score = "no evidence" if stage.score is None else f"{stage.score:.3f} of {stage.threshold:g}"
    state = f"held until {_time(stage.lapses_at)}" if stage.lapses_at else "not held"
    colour = "green" if stage.held else "dim"
    say(f"\n[bold]{stage.stage}[/]  {score}  [{colour}]{state}[/]  half-life {stage.half_life_days:g} d")
    for c in stage.contributions[:_SHOWN]:
        about = f"  {escape(visible_line(c.about))}" if c.about else ""
        say(
            f"  {c.counts:+.3f} today of {c.weight:+g}  {_time(c.at)}  {escape(c.type)} [dim]({escape(c.channel)})[/]{about}"
        )
    if (more := len(stage.contributions) - _SHOWN) > 0:
        rest = sum(c.counts for c in stage.contributions[_SHOWN:])
        say(f"  {rest:+.3f} from {more:,} more")
    if stage.lifts:
        ways = [
            f"{lift.times} × {lift.type}"
            + (f" ({lift.condition})" if lift.condition else "")
            + f", held for {lift.holds_days:,.0f} days"
            for lift in stage.lifts
        ]
        say(f"  would lift: {'; or '.join(ways)}", style="dim")


def verify(data: Data = None, as_json: Json = False) -> None:
    """Recompute everything from the interactions and compare; exit 1 and show rows where anything drifts."""
    with opened(data, is_steady=True) as shell:
        results = checks(shell, tell=progress("verify"))
        mends = mended_by(shell, results)
    drift = [check for check in results if check.drift]
    if as_json:
        print_json({"ok": not drift, "checks": results, "rebuild": mends})
    else:
        for check in results:
            _show_check(check)
        say(f"verify: {_verdict(mends) if drift else '[bold green]all figures recompute[/]'}")
    if drift:
        raise typer.Exit(1)


def _verdict(mends: list[str]) -> str:
    what = (
        f"journey rebuild {' '.join(mends)} repairs what follows from the interactions"
        if mends
        else "nothing of it can be rebuilt from the interactions; journey rebuild --write-off enters what files lost"
    )
    return f"[bold red]drift[/]; {what}"


def _show_check(check: Check) -> None:
    mark = f"[red]{check.drift:,} rows drift[/]" if check.drift else "[green]ok[/]"
    say(f"  {check.name:<14}{mark}  [dim]{check.what}[/]")
    for row in check.rows:
        say(
            "    "
            + escape(visible_line(", ".join(f"{name} = {_value(value)}" for name, value in row.items())))
        )


def _value(value: Any) -> str:
    return _time(value) if isinstance(value, datetime) else str(value)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
