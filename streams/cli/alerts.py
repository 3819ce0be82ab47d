"""Defines the commands on alerts: watch, list, show, ack, silence, and the check and test of a file of receivers."""

import getpass
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from streams import environment
from streams.alerts import actions
from streams.alerts.actions import AlertError
from streams.alerts.config import parse, read
from streams.alerts.ledger import Ledger
from streams.alerts.loop import AlertLoop
from streams.alerts.setup import watching_of
from streams.alerts.telemetry import WatcherTelemetry
from streams.alerts.trial import TrialError, send_test
from streams.audiences.alone import Exclusive, Fenced
from streams.beside.beside import Beside
from streams.cli.options import (
    Alerts,
    Audiences,
    Data,
    Json,
    UsageError,
    print_json,
    read_settings,
    say,
    wide,
)
from streams.cli.shells import opened
from streams.clock import system_clock
from streams.embedded.embedded import Embedded
from streams.engine.shell import Shell
from streams.process.degraded import Degraded
from streams.process.shutdown import stopping
from streams.services.audiences import kept_by
from streams.services.kept import paths_kept_by
from streams.store.clickhouse import QueryError
from streams.store.port import StoreError
from streams.text.printable import visible_line

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_STEP_S, _FEED_PAUSE_S, _AWAY_S = 0.2, 0.0, 5.0
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
    """List alerts in their current state, the newest first: open ones, or with --all every one."""
    with _ledger(data) as (ledger, _):
        actions.check_brand(ledger, brand)
        found = actions.listed(ledger, brand, resolved=all_of)
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
        found = actions.shown(ledger, alert)
    if as_json:
        print_json(found)
        return
    say(f"[bold]{escape(found['headline'])}[/]")
    if found["acknowledged_by"]:
        say(escape(f"  taken on by {found['acknowledged_by']}"))
    for change in found["changes"]:
        say(escape(f"  {_minute(change['at'])}  {change['change']:<12}  {change['people']:g}"))
    for part in found["reason"].get("carried_by", ()):
        say(escape(f"  {part['kind']} {part['value']}: {part['people']}"))
    if sql := found["reason"].get("sql"):
        say(escape(f'  journey sql "{sql}"'))


@app.command("ack")
def ack(alert: Id, by: By = None, data: Data = None) -> None:
    """Acknowledge an alert; the watcher notifies the receivers."""
    with _ledger(data) as (ledger, shell):
        done = actions.ack(ledger, alert, by or getpass.getuser(), shell.clock())
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
        done = actions.silence(
            ledger,
            by or getpass.getuser(),
            shell.clock(),
            span=_span(span),
            brand=brand,
            direction=direction,
            value=scope,
            rule=rule,
        )
    say(escape(f"silent until {_minute(done['until'])}; journey alerts unsilence ends it before"))


@app.command("silences")
def list_silences(as_json: Json = False, data: Data = None) -> None:
    """List the silences that last now, each with its end and who set it."""
    with _ledger(data) as (ledger, shell):
        found = actions.silences(ledger, shell.clock())
    if as_json:
        print_json(found)
        return
    table = Table("until", "brand", "direction or rule", "scope", "by", box=None)
    for one in found:
        of = (one["brand"] or "every brand", one["direction"] or "all", one["value"] or "all")
        table.add_row(*map(escape, (_minute(one["until"]), *of, one["by"])))
    wide.print(table if found else "no silence lasts now")


@app.command("unsilence")
def unsilence(
    brand: Of = "",
    direction: Annotated[
        str, typer.Option("--direction", metavar="D", help="Only for, or only against")
    ] = "",
    scope: Annotated[str, typer.Option("--scope", metavar="VALUE", help="Only of this scope")] = "",
    rule: Annotated[str, typer.Option("--rule", metavar="NAME", help="Only of this rule")] = "",
    data: Data = None,
) -> None:
    """End silences before their time: those that were set with these options, or all of them without any."""
    with _ledger(data) as (ledger, shell):
        done = actions.unsilence(
            ledger, shell.clock(), brand=brand, direction=direction, value=scope, rule=rule
        )
    say(
        f"{done} {'silence has' if done == 1 else 'silences have'} ended; receivers learn now what they do not know"
    )


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of receivers, rules and feeds")],
) -> None:
    """Name every mistake in a file of receivers, rules and feeds; exit 1 where there is one. No store is opened.

    Queries of rules are tried when the watcher starts.
    """
    found, mistakes = parse(file, environment.text)
    for mistake in mistakes:
        print(visible_line(mistake), file=sys.stderr)
    if mistakes:
        raise typer.Exit(1)
    say(
        f"{len(found.receivers)} receivers, {len(found.rules)} rules and {len(found.feeds)} feeds, no mistake"
    )


@app.command("test")
def send_a_test(
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="The name of a receiver in the file")],
    alerts: Alerts = None,
) -> None:
    """Send one receiver a message that is marked as a test. No store is opened, and nothing is stored."""
    settings = read_settings(alerts=alerts)
    if settings.alerts is None:
        raise UsageError("which file of receivers? --alerts FILE, or JOURNEY_ALERTS")
    try:
        kind = send_test(read(settings.alerts, environment.text), receiver, system_clock)
    except TrialError as error:
        raise UsageError(str(error)) from error
    say(f"{receiver} ({kind}) has taken the test")


@app.command("watch")
def watch(alerts: Alerts = None, audiences: Audiences = None, data: Data = None) -> None:
    """Watch for spikes until SIGTERM or Ctrl-C, notify the receivers of the file, and keep audiences and their destinations up to date.

    How it is, and metrics, are on JOURNEY_WEB_HOST:JOURNEY_WEB_PORT, as of workers.
    On a server one watcher has the lead: one that is started later takes it, and the one before ends.
    """
    degraded = Degraded()
    with opened(data, alerts) as shell:
        if isinstance(shell, Beside):
            raise UsageError(
                "the process that has the data directory open watches for alerts itself: start it as"
                " journey up --alerts FILE"
            )
        settings = replace(shell.settings, audiences=audiences or shell.settings.audiences)
        alone = Exclusive() if isinstance(shell, Embedded) else Fenced()
        kept = kept_by(settings, alone, degraded, shell.clock)
        watching = watching_of(shell, degraded=degraded)
        paths = paths_kept_by(shell.settings, alone, degraded, shell.clock)
        more = [paths.samples, *([kept.samples] if kept is not None else [])]
        telemetry = WatcherTelemetry(
            shell.settings, watching.state, degraded, lambda: chain.from_iterable(each() for each in more)
        )
        paths.start()
        if kept is not None:
            kept.start()
        try:
            with stopping.calling(lambda: None):
                telemetry.start()
                while not stopping.asked.is_set():
                    stopping.asked.wait(_step(watching))
        finally:
            telemetry.stop()
            if kept is not None:
                kept.stop()
            paths.stop()
            watching.stop()


def _step(watching: AlertLoop) -> float:
    """Look once; return after how many seconds to look again. A store that is away is waited for."""
    try:
        for told in watching.step() or ():
            say(escape(actions.plain(told)["headline"]))
    except (StoreError, QueryError) as error:
        _log.warning("looking again in %d s: %s", _AWAY_S, error)
        return _AWAY_S
    return _FEED_PAUSE_S if watching.is_feeding else _STEP_S


@contextmanager
def _ledger(data: Data) -> Iterator[tuple[Ledger, Shell]]:
    with opened(data) as shell:
        try:
            yield Ledger(shell.store, shell.store.insert), shell
        except AlertError as error:
            raise UsageError(str(error)) from error


def _minute(at: str) -> str:
    """Return an instant to the minute."""
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M} UTC"


def _span(text: str) -> timedelta:
    if not (found := re.fullmatch(r"(\d{1,5})([mhd])", text)):
        raise UsageError(f"--for {text}: must be a number with m, h or d, such as 2h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
