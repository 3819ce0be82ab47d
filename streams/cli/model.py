"""Defines the commands on the A-Path model: whatif compares a changed one, apply activates it, show prints it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from journey.model import Model
from journey.stage import Stage
from schemas.apath import default_model_text, parse_model
from streams.apath import in_force
from streams.apath.what_if import WhatIf, what_if
from streams.beside.beside import Beside
from streams.cli.options import At, Data, Json, console, print_json, say
from streams.cli.shells import after_horizon, brand_of, instant, opened
from streams.embedded.change_model import apply
from streams.inputs.files import InputError
from streams.server.server import Server
from streams.text.encodings import text_of

__all__ = ["app", "whatif"]

app = typer.Typer(no_args_is_help=True)
File = Annotated[
    Path,
    typer.Argument(metavar="MODEL.toml", help="A model file; `journey model show` prints the active one"),
]


def _read(path: Path) -> tuple[Model, str]:
    try:
        text = text_of(path)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return parse_model(text, name=str(path)), text


def whatif(
    file: File,
    brand: Annotated[str, typer.Option("--brand", metavar="B", help="Only this brand")] = "",
    at: At = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show population by stage now, or at an instant, and under a changed model, and who moves; change nothing."""
    then, _ = _read(file)
    with opened(data, is_steady=True) as shell:
        if brand:
            brand_of(shell.store, brand)
        found = what_if(
            shell.store, shell.model, then, brand, after_horizon(shell.store, instant(at, shell), brand)
        )
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
    """Activate a changed model atomically, once all evidence is recomputed; if interrupted, the current one stays active."""
    model, text = _read(file)
    with opened(data) as shell:
        before, changed = shell.model.hash, None
        if isinstance(shell, Server):
            _apply_across(shell, model, text)
        elif isinstance(shell, Beside):
            changed = shell.apply(text, str(file))
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
    from streams.server.change_model import change_model  # noqa: PLC0415 - needs Kafka's client

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
def show(
    *,
    bundled: Annotated[
        bool, typer.Option("--bundled", help="The default that comes with this program, active or not")
    ] = False,
    data: Data = None,
) -> None:
    """Print the active model file, or the bundled one."""
    if bundled:
        print(default_model_text(), end="")
        return
    with opened(data) as shell:
        found = in_force.in_force(shell.store.client)
    print(found.toml if found else "", end="")
