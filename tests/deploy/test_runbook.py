"""deploy/docs/operate/runbook.md: what it names is there, what it asks ClickHouse can be asked, and errors lead to its sections."""

import re
from contextlib import closing

import pytest

from streams.store import migrations
from streams.store.clickhouse import ClickHouse
from streams.telemetry.metrics import METRICS
from tests.deploy.clickhouse import DEPLOY, DOCS
from tests.deploy.tools import KAFKA_TOOLS
from tests.fixtures import commands
from tests.fixtures.servers.clickhouse import ClickHouseAddress

OPERATE = DOCS / "operate"
TEXT = (OPERATE / "runbook.md").read_text()
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
            file, _, section = target.partition("#")
            assert (OPERATE / file).exists(), target
            headings = re.findall(r"^#+ (.+)$", (OPERATE / file).read_text(), re.MULTILINE) if section else ()
            assert not section or section in map(anchor, headings), target


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
    done = commands.run(
        [commands.JOURNEY, *words.split(), "--help"], capture_output=True, text=True, check=False
    )
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


def test_what_is_worked_out_follows_from_what_was_measured() -> None:
    text = (OPERATE / "capacity.md").read_text()
    cost = {
        name: float(value)
        for name, value in re.findall(r"^\| `(\w)` .* \| ([\d.]+)[^|]* \|$", text, re.MULTILINE)
    }
    rows = re.findall(
        r"^\| ([a-z][^|]*) \| ([\d.\u202f]+) \| ([\d.\u202f]+) \| ([\d.\u202f]+) \|$", text, re.MULTILINE
    )
    for column, events in enumerate((1e8, 1e9, 1e10)):
        peak = 5 * events / 86_400
        cores = [peak * cost[name] / 1e6 / 0.6 for name in "gwcq"]
        memory_gb = events / 10 * cost["m"] / 1e9
        expected = [
            peak,
            *cores[:2],
            memory_gb,
            *cores[2:],
            21 * events * cost["k"] / 1e12,
            730 * events * cost["t"] / 1e12,
        ]
        told = [float(row[1 + column].replace("\u202f", "")) for row in rows]
        assert told == [round(value, 1 if value < 10 else 0) for value in expected]
