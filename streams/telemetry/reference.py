"""Writes the table of all metrics for the documentation: `python -m streams.telemetry.reference > deploy/docs/reference/metrics.md`."""

import sys

from streams.telemetry.metrics import METRICS, Metric

__all__ = ["table"]

_HEAD = """\
# Metrics

Every worker, gateway, collector, watcher, listener and page over a server answers `GET /metrics` on `JOURNEY_WEB_HOST`:`JOURNEY_WEB_PORT` (127.0.0.1:6066 by default).
On another address than loopback it is asked by addresses, by names of private networks (`worker`, `worker.ns.svc`, `x.internal`), and by those
of `JOURNEY_WEB_NAMES`; what a browser asks for a page of another site is refused. At most 64 connections, 16 kB and 5 s for a request.
Written by `python -m streams.telemetry.reference`, from the declarations in `streams/telemetry/metrics.py`.
Scrape configuration and alerts: [`prometheus`](../../prometheus); what to do about each alert: [Prometheus alerts](../operate/prometheus-alerts.md).

Besides these, each process exposes what Prometheus' client knows of it: `process_resident_memory_bytes`,
`process_open_fds`, `process_max_fds`, `process_cpu_seconds_total`, `process_start_time_seconds`, `python_gc_*`,
`python_info`.
"""
_TITLES = {
    ("worker",): "Workers",
    ("worker", "gateway"): "Workers and gateways",
    ("gateway",): "Gateways",
    ("collector",): "Collectors",
    ("collector", "watcher"): "Watchers: `journey alerts watch`, and `journey up` with JOURNEY_ALERTS",
    ("listener",): "Listeners: `journey listen`",
    ("gateway", "collector", "listener"): "Where texts come in: gateways, collectors and listeners",
    ("worker", "gateway", "collector", "watcher", "page", "listener"): "All of them",
}


def table() -> str:
    """Return the page, in Markdown."""
    parts = [_HEAD]
    for shells, title in _TITLES.items():
        rows = [_row(metric) for metric in METRICS if metric.shells == shells]
        parts.append(
            f"## {title}\n\n| metric | type | unit | labels | |\n|---|---|---|---|---|\n" + "".join(rows)
        )
    return "\n".join(parts)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {metric.help} |\n"


if __name__ == "__main__":
    sys.stdout.write(table())
