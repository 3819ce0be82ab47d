"""Every metric is declared once, exposed with its help, and in the documentation."""

import ast
import re
from pathlib import Path

import pytest

from streams.telemetry import reference
from streams.telemetry.metrics import METRICS, Metrics

ROOT = Path(__file__).parents[2]
STREAMS = sorted((ROOT / "streams").rglob("*.py"))
NAME = re.compile(r"journey_[a-z_]+(?<!_)")
UNITS = {"seconds": "_seconds", "records": "_records", "events": "_events", "offset": "_offset"}


def families(shell) -> dict[str, tuple[str, str]]:
    """Return the help and type of each family that is exposed."""
    text = Metrics(shell).text().decode()
    told = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    return {name: (told[name], kind) for name, kind in re.findall(r"^# TYPE (\S+) (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("shell", ["worker", "gateway", "collector", "watcher"])
def test_every_metric_that_is_declared_is_exposed_with_its_help_and_no_other(shell):
    found = {name: told for name, told in families(shell).items() if name.startswith("journey_")}
    assert found == {metric.name: (metric.help, metric.kind) for metric in METRICS if shell in metric.shells}
    assert families(shell).keys() >= {"process_resident_memory_bytes", "process_open_fds"}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_tell_the_unit(metric):
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    if metric.kind == "histogram":
        assert metric.name.endswith(UNITS[metric.unit])
        assert list(metric.buckets) == sorted(set(metric.buckets))
    if metric.unit in {"seconds", "offset"}:
        assert metric.name.endswith(UNITS[metric.unit])
    assert metric.help.endswith(".")


def test_names_are_distinct():
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_one_module_makes_metrics():
    importing = [
        path.relative_to(ROOT).as_posix()
        for path in STREAMS
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and any(name.name.startswith("prometheus") for name in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prometheus"))
    ]
    assert set(importing) == {"streams/telemetry/metrics.py"}


def test_every_metric_is_declared_where_it_is_written_and_written_where_it_is_declared():
    texts = {
        node.value
        for path in STREAMS
        if path.name != "metrics.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value)
    }
    assert texts == {metric.name for metric in METRICS}


def test_the_table_in_the_documentation_is_current():
    current = (ROOT / "deploy" / "docs" / "reference" / "metrics.md").read_text()
    assert current == reference.table(), (
        "run: python -m streams.telemetry.reference > deploy/docs/reference/metrics.md"
    )
    assert all(f"`{metric.name}`" in current for metric in METRICS)


def test_what_is_not_declared_cannot_be_counted():
    with pytest.raises(KeyError):
        Metrics("worker").add("journey_surprises_total")
    with pytest.raises(KeyError):
        Metrics("gateway").add("journey_frames_total")


def test_values_from_clocks_that_differ_are_not_negative():
    metrics = Metrics("worker")
    metrics.observe("journey_restore_seconds", -3.0, "intake")
    assert 'journey_restore_seconds_sum{processor="intake"} 0.0' in metrics.text().decode()
