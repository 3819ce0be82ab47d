"""Defines the commands on dead letters: list, show, replay and drop."""

from typing import Annotated

import typer
from rich.markup import escape

from streams.beside.beside import Beside
from streams.cli.options import Data, Json, UsageError, console, print_json, say
from streams.cli.shells import opened
from streams.dead_letters.letters import drop as dropped
from streams.dead_letters.letters import faults_of, listed
from streams.dead_letters.letters import replay as replayed
from streams.edge import REASONS
from streams.edge.reasons import DENIED
from streams.handles.unknown_key import UNKNOWN_KEY
from streams.server.drop_letters import drop_across
from streams.server.server import Server
from streams.text.printable import visible_line

__all__ = ["app"]

# Reasons that are found behind the edge.
_LATER = {
    DENIED: "the person did not consent; nothing of the event is kept",
    "not_a_frame": "a record behind the edge cannot be read",
    UNKNOWN_KEY: "its handles are hashed with another key, or in another mode of JOURNEY_BRANDS, than those of the store",
    "erased": "its customer was being forgotten when it came",
}
_REASONS = REASONS | _LATER

app = typer.Typer(no_args_is_help=True)
Reason = Annotated[str, typer.Option("--reason", metavar="R", help="Only this reason")]


def _known(reason: str) -> str:
    if reason and reason not in _REASONS:
        raise UsageError(f"--reason {reason}: there are {', '.join(_REASONS)}")
    return reason


Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to show")]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


@app.command("list")
def list_(
    reason: Reason = "",
    limit: Limit = 20,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List events that were refused and not replayed: counts by reason, each fault of each source, and the latest."""
    with opened(data) as shell:
        counts, latest = listed(shell.store, _known(reason), limit)
        faults = faults_of(shell.store, reason, limit)
    if as_json:
        print_json({"reasons": counts, "faults": faults, "latest": latest})
        return
    if not counts:
        console.print("no dead letters")
    for row in counts:
        say(f"[bold]{row['letters']:,} {row['reason']}[/]: {_REASONS.get(row['reason'], '')}")
    for row in faults:
        said = f"{row['letters']:,} × {row['reason']} {row['detail']}  {row['source'] or 'no source'}, by {row['topic']}"
        say(
            f"  {escape(visible_line(said))}  {row['first']:%Y-%m-%d %H:%M} to {row['last']:%Y-%m-%d %H:%M} UTC"
        )
    for row in latest:
        say(
            f"{escape(visible_line(row['topic']))}:{row['topic_offset']}  {row['reason']}  {escape(visible_line(row['detail']))}"
        )
        say(f"  {escape(visible_line(_text(row['bytes'])[:200]))}", style="dim")


@app.command("show")
def show(reason: Reason = "", limit: Limit = 1, data: Data = None, as_json: Json = False) -> None:
    """Show the latest dead letters whole, as they came but for handles, which are hashed."""
    with opened(data) as shell:
        _, latest = listed(shell.store, _known(reason), limit)
    if as_json:
        print_json(latest)
        return
    for row in latest:
        say(
            f"{escape(visible_line(row['topic']))}:{row['topic_offset']}  {row['reason']}  {escape(visible_line(row['detail']))}",
            style="bold",
        )
        say(f"received {row['received']:%Y-%m-%d %H:%M:%S} UTC", style="dim")
        say(escape(visible_line(_text(row["bytes"]))))


@app.command("drop")
def drop(
    reason: Annotated[str, typer.Option("--reason", metavar="R", help="Which")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Delete the dead letters of a reason that were not replayed; their number stays in the reconciliation."""
    with opened(data) as shell:
        which = _known(reason)
        if isinstance(shell, Server):
            count = drop_across(shell, which)
        else:
            count = shell.drop(which) if isinstance(shell, Beside) else dropped(shell, which)
    if as_json:
        print_json({"dropped": count})
    else:
        say(f"{count:,} dropped")


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
