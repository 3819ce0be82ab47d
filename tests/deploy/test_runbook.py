"""deploy/runbook.md: what it names is there, what it asks ClickHouse can be asked, and errors lead to its sections."""

import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from streams import migrations
from streams.store import ClickHouse
from streams.telemetry.metrics import METRICS
from tests.deploy.clickhouse import DEPLOY
from tests.deploy.tools import KAFKA_TOOLS
from tests.servers.clickhouse import ClickHouseAddress

JOURNEY = Path(sys.executable).with_name("journey")
TEXT = (DEPLOY / "runbook.md").read_text()
ROOT = DEPLOY.parent
SECTIONS = dict(part.split("\n", 1) for part in TEXT.split("\n## ")[1:])
SQL = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = set(
    re.findall(r"(?:^ *|`|migrate )journey ((?:(?:topics|model|dead-letters) )?[a-z-]+)", TEXT, re.MULTILINE)
)
COMMANDS |= set(re.findall(r" migrate ((?:(?:topics|model) )?[a-z]+) [/`]", TEXT))
PARAMETERS = {"topic": "interactions", "partitions": 8, "before": "2026-10-17 01:00:00"}


def anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def test_each_section_says_what_to_do_and_how_to_know_that_it_is_over() -> None:
    for heading, section in SECTIONS.items():
        assert "**Over:**" in section, heading
        assert "**Do:**" in section or heading == "Rotating passwords", heading


def test_links_lead_to_sections_and_files() -> None:
    anchors = {anchor(heading) for heading in SECTIONS}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target.removeprefix("#") in anchors
        else:
            assert (DEPLOY / target).exists(), target


def test_errors_of_the_program_lead_to_sections() -> None:
    texts = [path.read_text() for path in (ROOT / "streams").rglob("*.py")]
    named = {name for text in texts for name in re.findall(r"see the runbook, ([A-Z][^\"\n]+)\"", text)}
    assert named
    assert named <= set(SECTIONS)


def test_metrics_that_it_names_are_exposed() -> None:
    known = {metric.name for metric in METRICS}
    assert set(re.findall(r"`(journey_[a-z_]+)`", TEXT)) <= known


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_commands_that_it_gives_are_there(words: str) -> None:
    done = subprocess.run([JOURNEY, *words.split(), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_tools_of_kafka_that_it_gives_are_there() -> None:
    assert set(re.findall(r"kafka-[a-z-]+\.sh", TEXT)) <= KAFKA_TOOLS


def test_what_it_asks_clickhouse_can_be_asked(clickhouse: ClickHouseAddress) -> None:
    with closing(ClickHouse(clickhouse.fresh_database())) as store:
        store.make_database()
        migrations.apply(store.client)
        assert len(SQL) > 4
        for sql in SQL:
            statement = sql.replace("FORMAT CSV", "").removeprefix("-- offsets\n")
            store.query(statement, {name: value for name, value in PARAMETERS.items() if f"{{{name}:" in sql})


def test_what_is_not_measured_is_marked() -> None:
    capacity = (DEPLOY / "capacity.md").read_text()
    rows = re.findall(r"^\| .* (?:µs of a core|bytes|a second)\b.* \| (.*) \|$", capacity, re.MULTILINE)
    assert rows
    assert all(row == "*to be measured*" or re.search(r"\d", row) for row in rows)
