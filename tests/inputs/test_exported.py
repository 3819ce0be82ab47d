"""An export is whole, or it says what is wrong with it; a store takes one of its own handle key alone."""

import json

import pytest

from tests.backup.world import ids, journey, tried
from tests.faults.runs import KILLED
from tests.fixtures.directories import with_evening


@pytest.fixture
def evening(tmp_path):
    return with_evening(tmp_path / "evening")


def loaded(file, data, **environment):
    return json.loads(journey("load", file, "--data", data, "--json", **environment).stdout)


def test_another_store_with_the_key_has_the_same_events_and_takes_them_once(evening, tmp_path):
    told = json.loads(journey("export", tmp_path / "file", "--data", evening, "--json").stdout)
    assert told["events"] == 165
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    key = {"JOURNEY_HANDLE_KEY": (evening / "handle.key").read_text()}
    assert loaded(tmp_path / "file", tmp_path / "new", **key)["accepted"] == 165
    assert loaded(tmp_path / "file", tmp_path / "new", **key)["duplicates"] == 165
    assert ids(tmp_path / "new", **key) == ids(evening)
    assert "all figures recompute" in journey("verify", "--data", tmp_path / "new", **key).stdout
    refused = journey("load", tmp_path / "file", "--data", tmp_path / "other", code=2)
    assert "JOURNEY_HANDLE_KEY of a new store" in refused.stderr
    assert ids(tmp_path / "other") == []


def test_a_file_that_is_cut_or_damaged_is_refused_in_a_line_and_one_that_is_there_is_kept(evening, tmp_path):
    file = tmp_path / "file"
    journey("export", file, "--data", evening)
    whole = file.read_bytes()
    assert "is there already" in journey("export", file, "--data", evening, code=2).stderr
    assert file.read_bytes() == whole
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for content, said in ((whole[:-20], "is"), (whole[:-3], "cut short"), (bytes(flipped), "damaged")):
        file.write_bytes(content)
        refused = journey("load", file, "--data", evening, code=2)
        assert said in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_an_export_that_is_killed_leaves_no_file_and_the_next_is_whole(evening, tmp_path):
    file = tmp_path / "file"
    assert tried("export", file, "--data", evening, JOURNEY_FAULT="export.rename.before").returncode == KILLED
    assert not file.exists()
    journey("export", file, "--data", evening)
    assert not file.with_name("file.unfinished").exists()
    assert (
        tried("export", tmp_path / "2", "--data", evening, JOURNEY_FAULT="export.rename.after").returncode
        == KILLED
    )
    assert (tmp_path / "2").stat().st_size == file.stat().st_size
