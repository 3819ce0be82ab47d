"""The table of all metrics for the documentation: `python -m streams.telemetry.document > deploy/metrics.md`."""

import sys

from streams.telemetry.metrics import METRICS, Metric

__all__ = ["table"]

_HEAD = """\
# Metrics

`GET /metrics` of every worker, gateway, collector and watcher, on `JOURNEY_WEB_HOST`:`JOURNEY_WEB_PORT` (127.0.0.1:6066 by default).
Written by `python -m streams.telemetry.document`, from the declarations in `streams/telemetry/metrics.py`.
Scrape configuration and alerts: [`prometheus`](prometheus); what to do about each alert: [`alerts.md`](alerts.md).

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
    ("worker", "gateway", "collector", "watcher"): "All of them",
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
