"""Commands on alerts: watch, list, show, ack, silence."""

import getpass
import logging
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from streams.alerts import answers
from streams.alerts.answers import AlertError
from streams.alerts.ledger import Ledger
from streams.alerts.opening import watching_of
from streams.alerts.watching import Watching
from streams.cli.options import Alerts, Data, Json, UsageError, opened, print_json, say, wide
from streams.ports import StoreError
from streams.server import Shell
from streams.store import QueryError
from streams.telemetry.alerts import WatcherTelemetry

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_STEP_S, _AWAY_S = 0.2, 5.0
_log = logging.getLogger(__name__)

Id = Annotated[str, typer.Argument(metavar="ID", help="Of the alert, or how it begins")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who says so; else the user", show_default=False)
]
Of = Annotated[str, typer.Option("--brand", metavar="B", help="Only of this brand")]


@app.command("list")
def list_alerts(
    brand: Of = "",
    all_of: Annotated[bool, typer.Option("--all", help="Resolved ones too")] = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List alerts as they stand, the newest first: open ones, or with --all every one."""
    with _ledger(data) as (ledger, _):
        found = answers.listed(ledger, brand, resolved=all_of)
    if as_json:
        print_json(found)
        return
    table = Table("alert", "state", "severity", "what", "taken on by", box=None)
    for one in found:
        row = (one["alert"], one["state"], one["severity"], one["headline"], one["acknowledged_by"] or "")
        table.add_row(*map(escape, row))
    wide.print(table if found else "no alerts")


@app.command("show")
def show(alert: Id, as_json: Json = False, data: Data = None) -> None:
    """Show one alert: its reason, and every change."""
    with _ledger(data) as (ledger, _):
        found = answers.shown(ledger, alert)
    if as_json:
        print_json(found)
        return
    say(f"[bold]{escape(found['headline'])}[/]")
    for change in found["changes"]:
        say(escape(f"  {change['at']}  {change['change']:<12}  {change['people']:g}"))
    for part in found["reason"].get("carried_by", ()):
        say(escape(f"  {part['kind']} {part['value']}: {part['people']}"))
    if sql := found["reason"].get("sql"):
        say(escape(f'  journey sql "{sql}"'))


@app.command("ack")
def ack(alert: Id, by: By = None, data: Data = None) -> None:
    """Take an alert on; receivers are told by whoever watches."""
    with _ledger(data) as (ledger, shell):
        done = answers.ack(ledger, alert, by or getpass.getuser(), shell.clock())
    say(escape(f"{done['alert']} is taken on by {done['acknowledged_by']}"))


@app.command("silence")
def silence(  # noqa: PLR0913, PLR0917 - options
    span: Annotated[str, typer.Option("--for", metavar="2h", help="How long: 30m, 2h, 7d")],
    brand: Of = "",
    direction: Annotated[
        str, typer.Option("--direction", metavar="D", help="Only for, or only against")
    ] = "",
    scope: Annotated[
        str, typer.Option("--scope", metavar="VALUE", help="Only of this channel, place, product or content")
    ] = "",
    rule: Annotated[str, typer.Option("--rule", metavar="NAME", help="Only of this rule")] = "",
    by: By = None,
    data: Data = None,
) -> None:
    """Send nothing for a while; alerts are stored all the same."""
    with _ledger(data) as (ledger, shell):
        done = answers.silence(
            ledger,
            by or getpass.getuser(),
            shell.clock(),
            span=_span(span),
            brand=brand,
            direction=direction,
            value=scope,
            rule=rule,
        )
    say(escape(f"silent until {done['until']}"))


@app.command("watch")
def watch(alerts: Alerts = None, data: Data = None) -> None:
    """Watch for spikes until SIGTERM or Ctrl-C, and tell the receivers of the file.

    How it is, and metrics, are on JOURNEY_WEB_HOST:JOURNEY_WEB_PORT, as of workers.
    On a server one watcher has the lead: one that is started later takes it, and the one before ends.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with opened(data, alerts) as shell:
        watching = watching_of(shell)
        telemetry = WatcherTelemetry(shell.settings, watching.state)
        try:
            telemetry.start()
            while not stopping.is_set():
                stopping.wait(_step(watching))
        finally:
            telemetry.stop()
            watching.stop()


def _step(watching: Watching) -> float:
    """Look once; return after how many seconds to look again. A store that is away is waited for."""
    try:
        for told in watching.step() or ():
            say(escape(answers.plain(told)["headline"]))
    except (StoreError, QueryError) as error:
        _log.warning("looking again in %d s: %s", _AWAY_S, error)
        return _AWAY_S
    return _STEP_S


@contextmanager
def _ledger(data: Data) -> Iterator[tuple[Ledger, Shell]]:
    with opened(data) as shell:
        try:
            yield Ledger(shell.store, shell.store.insert), shell
        except AlertError as error:
            raise UsageError(str(error)) from error


def _span(text: str) -> timedelta:
    if not (found := re.fullmatch(r"(\d{1,5})([mhd])", text)):
        raise UsageError(f"--for {text}: must be a number with m, h or d, such as 2h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
