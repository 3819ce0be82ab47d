"""Commands that write, killed at each of their writes and given again."""

import os
import shutil
from pathlib import Path

import pytest

from tests.faults.child import KEY
from tests.faults.comparison import assert_same
from tests.faults.runs import FILE_FRAMES, KILLED, run
from tests.faults.test_kills import DROPPING, ERASING, both_sides
from tests.fixtures import commands
from tests.privacy.people import identifier
from tests.privacy.traces import in_files, patterns

TEN_DAYS_US = 10 * 86_400_000_000


@pytest.fixture
def twins(tmp_path, loaded, undisturbed):
    """Two directories with the same history, one of them to be killed."""
    return [Path(shutil.copytree(loaded, tmp_path / name, symlinks=True)) for name in ("killed", "calm")]


def test_a_model_whose_application_was_killed_at_every_write_is_in_force_as_if_nothing_had_happened(
    twins, file
):
    killed, calm = twins
    # The first start is killed before `model.write` too, and a command of tests/cli/test_changes.py after `model.evidence`.
    for point in ("model.write.after", "model.evidence.before", "model.activate.before"):
        assert run("apply", killed, arm=[point, 1]) is None, f"{point} was not passed"
    before = run("load", killed, input=file)
    assert len(before["models"]) == 1
    assert before["drift"] == []
    assert run("apply", killed, arm=["model.activate.after", 1]) is None
    assert_same(run("apply", killed), run("apply", calm))


def test_dead_letters_whose_replay_was_killed_are_replayed_as_if_nothing_had_happened(twins, file):
    killed, calm = twins
    for point in both_sides(["store.merges", "insert.dead_letter_replays"]):
        assert run("replay", killed, arm=[point, 1], later_us=TEN_DAYS_US) is None, f"{point} was not passed"
    found, expected = (run("replay", data, later_us=TEN_DAYS_US) for data in (killed, calm))
    assert len(expected["dead_letter_replays"]) == len(range(0, FILE_FRAMES, 10))
    assert_same(
        found, expected, but="deliveries"
    )  # the replay that was killed is in the books, as duplicates


def test_an_erasure_that_was_killed_at_every_write_is_finished_as_if_nothing_had_happened(twins):
    killed, calm = twins
    handles = [identifier("email", "p7@example.org"), identifier("cookie", "c7")]
    expected = run("forget", calm, handle=handles[0])
    assert expected["erasures"][0]["events"] > 3
    hits = {"erasure.delete": 4, "erasure.scrub": 3}  # of several tables
    points = [("erasure.begin.before", 1), *((f"{name}.after", hits.get(name, 1)) for name in ERASING)]
    for armed in points:  # just before a write is just after the one before it
        assert run("forget", killed, handle=handles[0], arm=armed) is None, f"{armed} was not passed"
    found = run("forget", killed, handle=handles[0])
    assert_same(found, expected)
    assert len(found["erasures"]) == 1
    assert in_files(killed, patterns(["p7@"], handles)) == []


def test_a_key_whose_rotation_was_killed_at_every_write_is_in_force_as_if_nothing_had_happened(twins):
    killed, calm = twins
    successor = bytes(range(100, 132)).hex()
    expected = run("rotate", calm, successor=successor)
    # Of `key.book` the second is that it has begun; the third that it is ready, and from there on opening finishes it.
    hits = (("key.book.after", 2), ("rekey.fill.before", 1), ("rekey.fill.after", 1), ("rekey.clear.after", 1),
            ("rekey.fill.after", 3), ("key.book.after", 3), ("rekey.replace.before", 4), ("rekey.replace.after", 4),
            ("key.book.before", 1), ("key.book.after", 1), ("rekey.clear.before", 4))  # fmt: skip
    for armed in hits:
        assert run("rotate", killed, successor=successor, arm=armed) is None, f"{armed} was not passed"
    (nothing := killed.parent / "nothing").touch()
    found = run("load", killed, successor=successor, input=nothing)
    assert_same(found, expected)
    assert found["key"] == KEY.hex() + successor


def test_dead_letters_whose_dropping_was_killed_are_dropped_as_if_nothing_had_happened(twins):
    killed, calm = twins
    expected = run("drop", calm)
    assert expected["erasures"][0]["dead_letters"] > 20
    assert all(row["reason"] != "missing_field" for row in expected["dead_letters"])
    for point in ("letters.drop.before", *(f"{name}.after" for name in DROPPING)):
        assert run("drop", killed, arm=[point, 1]) is None, f"{point} was not passed"
    assert_same(run("drop", killed), expected)


def test_what_sql_inserts_is_there_or_not_when_it_is_killed(tmp_path):
    def sql(text, fault=""):
        setting = {"JOURNEY_FAULT": fault, "JOURNEY_HANDLE_KEY": KEY.hex()}
        command = [commands.JOURNEY, "sql", text, "--data", str(tmp_path)]
        return commands.run(command, env=os.environ | setting, capture_output=True, timeout=120, check=False)

    target = "INSERT INTO targets (brand, stage, channel, due, customers) VALUES ('b', 'advocacy', '', '2026-12-31', {})"
    assert sql(target.format(1), "sql.insert.before").returncode == KILLED
    assert sql(target.format(2), "sql.insert.after").returncode == KILLED
    told = sql("SELECT groupArray(customers) AS found FROM targets FINAL")
    assert told.returncode == 0, told.stderr
    assert b"[2]" in told.stdout
