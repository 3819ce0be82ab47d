"""Defines the command status: what runs on the data, how far behind the tables are, sizes, the last backup, and what is degraded."""

from datetime import datetime
from shutil import disk_usage
from typing import Any

from rich.markup import escape

from streams.backup.last import last
from streams.beside.beside import Beside
from streams.beside.wire import version
from streams.cli.options import Data, Json, print_json, say
from streams.cli.shells import Opened, opened
from streams.clock import from_us
from streams.embedded.embedded import Embedded
from streams.embedded.lock import pid_of_log
from streams.log.lag import of_log
from streams.server.server import Server
from streams.text.printable import visible_line

__all__ = ["status"]

_SIZES = """
SELECT
    (SELECT count() FROM interactions_kept) AS events,
    (SELECT uniqExact(customer) FROM customers) AS customers,
    (SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()) AS bytes
"""
_MB = 1_000_000


def status(data: Data = None, as_json: Json = False) -> None:
    """Show what runs on the data, since when, how far the tables are behind, sizes, the last backup, and what is degraded."""
    with opened(data) as shell:
        found = _found(shell)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _found(shell: Opened) -> dict[str, Any]:
    (sizes,) = shell.store.rows(_SIZES)
    found = {"version": version(), "model": shell.model.hash} | sizes
    if isinstance(shell, Server):
        return {"store": str(shell.store.address)} | found
    path = shell.settings.data
    told = shell.status() if isinstance(shell, Beside) else {}
    degraded = [*told.get("trouble", ()), *told.get("degraded", ())]
    lags = of_log(path / "log.sqlite")
    lag = next(iter(lags.values())) if lags else None
    log_bytes = sum(each.stat().st_size for each in path.glob("log.sqlite*"))
    return (
        {"data": str(path)}
        | found
        | {
            "process": told.get("pid"),
            "since": from_us(told["since_us"]) if told else None,
            "collector": _collector(shell),
            "commands": [
                {"command": one["command"], "process": one["pid"], "since": from_us(one["since_us"])}
                for one in told.get("commands", ())
            ],
            "frames_waiting": None if lag is None else lag.unread,
            "oldest_waiting": None if lag is None else lag.oldest,
            "log_bytes": log_bytes,
            "free_bytes": disk_usage(path).free,
            "last_backup": last(path),
            "degraded": [*dict.fromkeys(degraded)],
        }
    )


def _collector(shell: Opened) -> int | None:
    """Return the process that appends to the log without the tables, None without one."""
    if isinstance(shell, Embedded) and not shell.log_is_ours:
        pid = pid_of_log(shell.settings.data)
        return int(pid) if pid.isdecimal() else None
    return None


def _show(found: dict[str, Any]) -> None:
    place = found.get("data") or found["store"]
    say(f"[bold]{escape(visible_line(place))}[/]  version {found['version']}, model {found['model']}")
    say(
        f"  {found['events']:,} events of {found['customers']:,} customers, {found['bytes'] / _MB:,.1f} MB of tables"
    )
    if "data" not in found:
        return
    if found["process"]:
        say(f"  in use by process {found['process']} since {_time(found['since'])}")
    if found["collector"]:
        say(
            f"  process {found['collector']} takes events into the log; what waits is processed by the next command"
        )
    for one in found["commands"]:
        say(
            f"    {escape(visible_line(one['command']))}  [dim]process {one['process']}, since {_time(one['since'])}[/]"
        )
    oldest = f", the oldest since {_time(found['oldest_waiting'])}" if found["oldest_waiting"] else ""
    waiting = (
        "unknown" if found["frames_waiting"] is None else f"{found['frames_waiting']:,} frames wait{oldest}"
    )
    say(
        f"  log: {waiting}; {found['log_bytes'] / _MB:,.1f} MB; {found['free_bytes'] / _MB:,.0f} MB of disk free"
    )
    backup = found["last_backup"]
    say(
        f"  last backup of {_time(backup.at)}: {escape(visible_line(backup.path))}, {backup.bytes / _MB:,.1f} MB"
        if backup
        else "  no backup is known"
    )
    for line in found["degraded"]:
        say(f"  [red]degraded[/] {escape(visible_line(line))}")


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
