"""`journey up` keeps audiences beside the engine; commands beside it read and refresh them; one that is broken is named."""

import csv
import io
import json
import socket
from itertools import pairwise

import pyarrow.parquet as pq
import pytest

from tests.collector.server import Collector, event
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until

FILE = """
[[audience]]
name = "visitors"
title = "Everybody"
brand = "lumiere"
every_s = 3600
seen_within_days = 30

[[audience]]
name = "broken"
brand = "lumiere"
every_s = 5
sql = "SELECT customer FROM nowhere"
"""


@pytest.fixture
def up(tmp_path):
    (tmp_path / "audiences.toml").write_text(FILE)
    collector = Collector(tmp_path, JOURNEY_AUDIENCES=str(tmp_path / "audiences.toml"))
    key = collector.key("shop")
    collector.start()
    collector.send([event(str(n)) for n in range(5)], key, kind="application/cloudevents-batch+json")
    yield collector, key
    collector.kill()


def refreshed(collector):
    """Refresh beside the process, which says that one audience is broken; return the other."""
    done = commands.run(
        [commands.JOURNEY, "audience", "refresh", "--json", "--data", collector.data],
        env=collector._environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    good, broken = json.loads(done.stdout)
    assert "nowhere" in broken["error"]
    assert good["error"] == ""
    return good


def test_it_keeps_them_beside_events_and_commands(up, tmp_path):
    collector, key = up

    def all_are_there():
        rows = collector.rows("SELECT count() AS n FROM evidence")
        return int(rows[0]["n"]) == 5

    wait_until(all_are_there, 30, "the events")
    done = refreshed(collector)
    assert (done["members"], done["left"]) == (5, 0)
    # More than one may ask at a time; nobody is said twice.
    collector.send(event("late"), key)
    wait_until(lambda: refreshed(collector)["members"] == 6, 30, "the sixth")
    listed = json.loads(collector.run("audience", "list", "--json"))
    assert [(one["name"], one["members"], one["title"]) for one in listed] == [
        ("visitors", 6, "Everybody"),
        ("broken", 0, ""),
    ]
    printed = collector.run("audience", "show", "visitors", "--limit", "2")
    assert printed.startswith("Everybody  6 customers of lumiere\n")
    assert printed.count("#") == 2

    rows = list(csv.DictReader(io.StringIO(collector.run("audience", "export", "visitors"))))
    file = tmp_path / "visitors.parquet"
    collector.run("audience", "export", "visitors", "--format", "parquet", "--out", str(file))
    table = pq.read_table(file).to_pylist()
    assert [row["customer"] for row in rows] == [row["customer"] for row in table]
    assert len(table) == 6
    assert {len(row["customer"]) for row in table} == {16}
    assert {row["stage"] for row in rows} == {row["stage"] for row in table}
    assert not list(tmp_path.glob("*.part"))

    health = collector.get("/health").json
    assert any("audience broken stays as it was" in line for line in health["degraded"]), health
    gone = rows[0]["customer"]
    collector.run("forget", f"cookie:#{gone}")
    assert refreshed(collector)["members"] == 5
    (named,) = collector.rows(
        f"SELECT count() AS n FROM audience_changes WHERE customer = reinterpretAsUInt64(reverse(unhex('{gone}')))"
    )
    assert int(named["n"]) == 0
    changes = collector.rows("SELECT number, change FROM audience_changes ORDER BY number")
    assert [row["change"] for row in changes] == ["entered"] * 5
    assert all(int(one["number"]) < int(other["number"]) for one, other in pairwise(changes))


def test_it_keeps_them_by_itself_and_says_so_in_metrics(up):
    collector, _ = up
    wait_until(
        lambda: json.loads(collector.run("audience", "list", "--json"))[0]["members"] == 0, 20, "a list"
    )
    wait_until(
        lambda: collector.metrics().get('journey_audience_errors_total{audience="broken"}', 0) > 0,
        20,
        "metrics",
    )


@pytest.mark.parametrize("broken", ["[[audience]]\nname = 'a'\n", "[[nothing]]\n"])
def test_it_does_not_start_with_a_file_that_cannot_be_used(tmp_path, broken):
    (tmp_path / "audiences.toml").write_text(broken)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
    done = commands.run(
        [commands.JOURNEY, "up", "--data", tmp_path / "data", "--audiences", tmp_path / "audiences.toml", "--sql-port", "off", "--port", "0"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "audiences.toml: " in done.stderr
    assert "Traceback" not in done.stderr
