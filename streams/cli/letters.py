"""Commands on dead letters: list and replay."""

from typing import Annotated

import typer
from rich.markup import escape

from streams.cli.options import Data, Json, UsageError, console, opened, print_json, say
from streams.edge import REASONS
from streams.letters import listed
from streams.letters import replay as replayed

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
Reason = Annotated[str, typer.Option("--reason", metavar="R", help="Only this reason")]


def _known(reason: str) -> str:
    if reason and reason not in REASONS:
        raise UsageError(f"--reason {reason}: there are {', '.join(REASONS)}")
    return reason


@app.command("list")
def show(
    reason: Reason = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Letters to show")] = 20,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List events that were refused and not replayed: counts by reason, and the latest."""
    with opened(data) as shell:
        counts, latest = listed(shell.store, _known(reason), limit)
    if as_json:
        print_json({"reasons": counts, "latest": latest})
        return
    if not counts:
        console.print("no dead letters")
    for row in counts:
        say(f"[bold]{row['letters']:,} {row['reason']}[/]: {REASONS.get(row['reason'], '')}")
    for row in latest:
        text = (
            row["bytes"]
            if isinstance(row["bytes"], str)
            else row["bytes"].decode("utf-8", "backslashreplace")
        )
        say(f"{escape(row['topic'])}:{row['topic_offset']}  {row['reason']}  {escape(row['detail'])}")
        say(f"  {escape(text[:200])}", style="dim")


@app.command("replay")
def replay(reason: Reason = "", data: Data = None, as_json: Json = False) -> None:
    """Send dead letters through the edge again; identity is kept, so nothing doubles."""
    with opened(data) as shell:
        found = replayed(shell, _known(reason))
    if as_json:
        print_json(found)
    else:
        say(
            f"{found.tried:,} tried: {found.outcome.stored:,} accepted, {found.outcome.duplicates:,} duplicates, "
            f"{found.refused:,} refused again"
        )
