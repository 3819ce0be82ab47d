"""The alerts: of metrics that there are, each with what to do, and checked by Prometheus' own tool."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from streams.telemetry.metrics import METRICS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
RULES = (DEPLOY / "rules.yml").read_text()
ALERTS = re.findall(r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", RULES, re.DOTALL)
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


def test_there_are_alerts():
    assert len(ALERTS) == RULES.count("- alert:") >= 6


@pytest.mark.parametrize(("name", "text"), ALERTS)
def test_an_alert_says_what_is_wrong_and_where_to_read_what_to_do(name, text):
    assert "summary:" in text
    assert re.search(r"severity: (page|ticket)", text)
    file, _, anchor = re.search(r"runbook_url: (\S+)", text)[1].partition("#")
    headings = re.findall(r"^## (.+)$", (ROOT / file).read_text(), re.MULTILINE)
    assert anchor == name.lower()
    assert name in headings


def test_links_between_the_pages_lead_somewhere():
    docs = DEPLOY.parent / "docs"
    for page in (docs / "operate" / "prometheus-alerts.md", docs / "reference" / "metrics.md"):
        for file, anchor in re.findall(r"\]\(([^)#:]*)#?([^)]*)\)", page.read_text()):
            there = page.parent / file if file else page
            assert there.exists(), f"{page}: {file}"
            headings = re.findall(r"^#+ (.+)$", there.read_text(), re.MULTILINE) if anchor else []
            assert not anchor or anchor in {
                re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings
            }


def test_alerts_use_metrics_that_there_are():
    exposed = {metric.name + suffix for metric in METRICS for suffix in SUFFIXES.get(metric.kind, ("",))}
    used = set(re.findall(r"\bjourney_\w+", RULES))
    assert used
    assert used <= exposed
    assert set(re.findall(r"\bjourney_\w+", (ROOT / "tests/telemetry/alerts.yml").read_text())) >= used


@pytest.mark.parametrize(
    "words",
    [
        ["check", "rules", DEPLOY / "rules.yml"],
        ["check", "config", DEPLOY / "prometheus.yml"],
        ["test", "rules", ROOT / "tests/telemetry/alerts.yml"],
    ],
    ids=lambda words: " ".join(map(str, words[:2])),
)
def test_prometheus_takes_the_files_and_alerts_fire_where_they_should(words):
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed: it is in Debian's package prometheus")
    done = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
