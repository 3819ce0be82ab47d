"""Commands on the A-Path model: try a changed one, put it in force, show the one in force."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from journey.model import Model
from journey.stage import Stage
from schemas.apath import parse_model
from streams import models
from streams.cli.options import Data, Json, console, opened, print_json, say
from streams.loading import InputError
from streams.remodel import WhatIf, apply, what_if
from streams.server import Server

__all__ = ["app", "whatif"]

app = typer.Typer(no_args_is_help=True)
File = Annotated[
    Path,
    typer.Argument(metavar="MODEL.toml", help="A model file; `journey model show` prints the one in force"),
]


def _read(path: Path) -> tuple[Model, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return parse_model(text, name=str(path)), text


def whatif(
    file: File,
    brand: Annotated[str, typer.Option("--brand", metavar="B", help="Only this brand")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show population by stage now and under a changed model, and who moves, from all of history; change nothing."""
    then, _ = _read(file)
    with opened(data) as shell:
        found = what_if(shell.store, shell.model, then, brand, datetime.now(UTC))
    if as_json:
        print_json(found)
    else:
        _show(found, file.name)


def _show(found: WhatIf, name: str) -> None:
    count = {(row["brand"], str(row["stage"])): row for row in found.population}
    for brand in sorted({row["brand"] for row in found.population}):
        say(f"{escape(brand)}: model {found.now} now, {escape(name)} ({found.then}) then")
        table = Table(box=None)
        for column in ("stage", "now", "then", "change"):
            table.add_column(column, justify="left" if column == "stage" else "right")
        for stage in reversed(Stage):
            row: dict[str, Any] = count.get((brand, stage.label), {"now": 0, "then": 0})
            change = int(row["then"]) - int(row["now"])
            table.add_row(
                stage.label, f"{row['now']:,}", f"{row['then']:,}", f"{change:+,}" if change else ""
            )
        console.print(table)
    if not found.moves:
        console.print("nobody moves")
    for move in found.moves:
        some = ", ".join(str(customer) for customer in move["some"])
        say(
            f"{escape(move['brand'])}: {move['customers']:,} from {move['now']} to {move['then']} [dim](customers {some}, …)[/]"
        )


@app.command("apply")
def apply_model(file: File, data: Data = None, as_json: Json = False) -> None:
    """Recompute all evidence under a changed model, then switch in one step; interrupted, the old model stands."""
    model, text = _read(file)
    with opened(data) as shell:
        before, changed = shell.model.hash, None
        if isinstance(shell, Server):
            _apply_across(shell, model, text)
        else:
            changed = apply(shell, model, text).stage_changes
    if as_json:
        told = {} if changed is None else {"stage_changes": changed}
        print_json({"before": before, "in_force": model.hash} | told)
    elif before == model.hash:
        say(f"model {model.hash} is in force already")
    else:
        who = (
            "workers go over to it within seconds"
            if changed is None
            else f"{changed:,} customers changed stage"
        )
        say(f"model {model.hash} is in force (before: {before}); {who}")


def _apply_across(server: Server, model: Model, text: str) -> None:
    from streams.workers.change import change_model  # noqa: PLC0415 - needs Kafka's client

    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as progress:
        task = progress.add_task("waiting for workers", total=None)
        change_model(
            server,
            model,
            text,
            lambda state, done, count: progress.update(
                task, description=f"{done} of {count} partitions have {state}", completed=done, total=count
            ),
        )


@app.command("show")
def show(data: Data = None) -> None:
    """Print the model file that is in force."""
    with opened(data) as shell:
        found = models.in_force(shell.store.client)
    print(found.toml if found else "", end="")
