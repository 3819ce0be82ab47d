"""A data directory of each release opens and is brought up to date, wherever that is interrupted; going back is refused."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.backup.world import ids, journey, tried
from tests.faults.runs import KILLED
from tests.fixtures.directories import EVENING

RELEASES = Path(__file__).parents[1] / "fixtures" / "releases"
NAMES = sorted(path.name.removesuffix(".tar.xz") for path in RELEASES.glob("*.tar.xz"))
DEFINITIONS = "SELECT name, create_table_query AS made FROM system.tables WHERE database = 'journey' AND NOT startsWith(name, '.') ORDER BY name"
POINTS = ("migration.open.before", "migration.open.after", "migration.apply.before", "migration.apply.after", "migration.apply.after:7",
          "migration.book.before", "migration.book.after", "migration.apply.before:20", "migration.book.after:2", "store.damage.before",
          "model.write.after", "log.open.after")  # fmt: skip


@pytest.fixture(params=NAMES)
def old(request, tmp_path) -> Path:
    """A data directory as a release has left it."""
    with tarfile.open(RELEASES / f"{request.param}.tar.xz") as archive:
        archive.extractall(tmp_path / "old", filter="data")
    (tmp_path / "old" / "release").write_text(request.param)
    return tmp_path / "old" / "data"


def rows(query, data):
    told = journey("sql", query, "--format", "JSONEachRow", "--data", data).stdout
    return [json.loads(line) for line in told.splitlines()]


def assert_as_it_was(data, release, refused=("not_json", "wrong_type")):
    assert "all figures recompute" in journey("verify", "--data", data).stdout
    at = ("--brand", "lumiere", "--at", "2026-10-17T23:59:00+02:00", "--json")
    expected = json.loads((RELEASES / f"{release}.stages.json").read_text())
    assert json.loads(journey("stages", *at, "--data", data).stdout) == expected
    assert len(ids(data)) == 165
    letters = json.loads(journey("dead-letters", "list", "--data", data, "--json").stdout)
    assert sorted(each["reason"] for each in letters["reasons"]) == sorted(refused)
    assert rows("SELECT brand, customers FROM targets", data) == [{"brand": "lumiere", "customers": 20}]
    assert "shop" in journey("keys", "write", "list", "--data", data).stdout


def test_it_opens_with_all_that_it_had_and_events_that_it_had_are_repeats(old, tmp_path):
    release = (old.parent / "release").read_text()
    assert_as_it_was(old, release)
    told = json.loads(journey("load", EVENING, "--data", old, "--json").stdout)
    # One customer was forgotten.
    assert (told["input"], told["accepted"], told["conflicts"]) == (167, 0, 0)
    denied = {"brand": "lumiere", "handles": {"email": "denied@example.org"}}
    one = {"id": "1", "source": "s", "type": "web.page_view", "time": "2026-10-18T00:00:00Z", "data": denied}
    (tmp_path / "one.ndjson").write_text(json.dumps(one))
    journey("load", tmp_path / "one.ndjson", "--data", old)
    assert "1" not in ids(old)
    journey("rebuild", "--data", old)
    assert_as_it_was(old, release, ("erased", "not_json", "wrong_type"))


def test_interrupted_at_any_write_it_goes_on_from_there(old, tmp_path):
    release = (old.parent / "release").read_text()
    calm = Path(shutil.copytree(old, tmp_path / "calm", symlinks=True))
    passed = []
    for point in POINTS:
        done = tried("sql", "SELECT 1", "--data", old, JOURNEY_FAULT=point)
        assert done.returncode in {0, KILLED}, done.stderr
        passed += [point] if done.returncode == KILLED else []
    assert {
        "migration.apply.before",
        "migration.apply.after:7",
        "migration.book.before",
        "migration.book.after",
    } <= set(passed)
    assert_as_it_was(old, release)
    assert rows(DEFINITIONS, old) == rows(DEFINITIONS, calm)


def test_going_back_is_refused_in_words_and_nothing_is_changed(old):
    newer = (
        "INSERT INTO migrations (name, statement, checksum, cluster) VALUES ('0999_newer.sql', 1, 'x', '')"
    )
    journey("sql", newer, "--data", old)
    for words in (("verify",), ("load", EVENING), ("up",)):
        refused = journey(*words, "--data", old, code=2).stderr
        assert "made by a newer version" in refused
        assert "restore the backup" in refused
        assert "Traceback" not in refused
