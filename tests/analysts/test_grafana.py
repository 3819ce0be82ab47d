"""Grafana's files: every panel asks what there is, and what is provisioned fits together."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from streams.telemetry.metrics import METRICS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "grafana"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))}
PANELS = {f"{name}: {panel['title']}": panel for name, board in BOARDS.items() for panel in board["panels"]}
ASKED = {name: panel["targets"][0] for name, panel in PANELS.items()}
SQL = {name: target["rawSql"] for name, target in ASKED.items() if "rawSql" in target}
SINCE = (
    datetime.now(UTC) - datetime(2026, 11, 3, tzinfo=UTC)
).days  # two weeks before the data end, whenever that is asked
FROM, TO = 1_792_195_200, 1_794_960_000  # 2026-10-17 and 2026-11-18
# As the data source's macros are expanded, of the ones that the panels use.
MACROS = (
    (r"\$__timeFilter\((\w+)\)", rf"\1 >= toDateTime({FROM}) AND \1 <= toDateTime({TO})"),
    (r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 86400 second)"),
    (r"\$__fromTime", f"toDateTime({FROM})"),
    (r"\$__toTime", f"toDateTime({TO})"),
    (r"\$\{brand:singlequote\}", "'lumiere'"),
    (r"zombies\(days = 14\)", f"zombies(days = {SINCE})"),
)
# What the bundled data has nothing of: alerts, deliveries, refusals, erasures, types without a rule.
MAY_BE_EMPTY = {
    "marketers: Alerts", "operators: Alerts sent", "operators: Refused, by reason",
    "operators: Faults that are refused", "operators: Erased",
}  # fmt: skip


def expanded(sql):
    for pattern, replacement in MACROS:
        sql = re.sub(pattern, replacement, sql)
    return sql


@pytest.mark.parametrize("name", SQL)
def test_a_panel_s_sql_has_an_answer(store, name):
    sql = expanded(SQL[name])
    assert "$" not in sql, "a macro that the test does not know"
    rows = store.rows(sql)
    assert rows or name in MAY_BE_EMPTY
    if PANELS[name]["type"] == "timeseries":
        assert ASKED[name]["format"] == 0
        names = [row["name"] for row in store.rows(f"DESCRIBE TABLE ({sql})")]
        kinds = {row["name"]: row["type"] for row in store.rows(f"DESCRIBE TABLE ({sql})")}
        assert kinds[names[0]].startswith("DateTime"), "Grafana takes the first column as the time"


def test_names_of_brands_are_quoted_by_grafana_and_asked_from_the_store(store):
    for name, sql in SQL.items():
        assert "brand" not in re.findall(r"\$\{?(\w+)\}?(?!:)\b", sql) or "${brand:singlequote}" in sql, name
        assert "$brand" not in sql
    (variable,) = BOARDS["marketers"]["templating"]["list"]
    assert {"brand": "lumiere"} in store.rows(variable["query"])


def test_a_panel_s_metrics_are_exposed():
    asked = {name: target["expr"] for name, target in ASKED.items() if "expr" in target}
    known = {metric.name for metric in METRICS}
    assert asked
    for name, expression in asked.items():
        used = {re.sub("_bucket$", "", metric) for metric in re.findall(r"journey_\w+", expression)}
        assert used, name
        assert used <= known | {f"{metric}_total" for metric in known}, name


def test_panels_lie_side_by_side_and_use_the_sources_that_are_provisioned():
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/journey.yml").read_text())["datasources"]
    known = {source["uid"]: source["type"] for source in sources}
    for board in BOARDS.values():
        places = [panel["gridPos"] for panel in board["panels"]]
        cells = [(p["x"] + dx, p["y"] + dy) for p in places for dx in range(p["w"]) for dy in range(p["h"])]
        assert len(cells) == len(set(cells))
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for name, target in ASKED.items():
        assert known[target["datasource"]["uid"]] == target["datasource"]["type"], name


def test_compose_mounts_them_and_gives_every_variable():
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    mounted = {volume.split(":")[0]: volume.split(":")[1] for volume in service["volumes"]}
    assert mounted["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    provider = yaml.safe_load((FOLDER / "provisioning/dashboards/journey.yml").read_text())["providers"][0]
    assert mounted["./deploy/grafana/dashboards"] == provider["options"]["path"]
    wanted = set(re.findall(r"\$\{(\w+)\}", (FOLDER / "provisioning/datasources/journey.yml").read_text()))
    assert wanted <= set(service["environment"])
