"""Killed at a write, the next look ends as if nothing had happened: each customer entered once."""

import json
import signal
import sys
from pathlib import Path

import pytest

from tests.audiences.world import changes, members, opened
from tests.fixtures import commands
from tests.fixtures.directories import with_tables

CHILD = Path(__file__).with_name("child.py")


@pytest.mark.parametrize("hits", [1, 2])
@pytest.mark.parametrize("point", ["before", "after"])
def test_killed_at_the_write_of_changes_it_ends_as_if_nothing_had_happened(tmp_path, point, hits):
    task = {"data": str(with_tables(tmp_path / "data"))}
    for arm, code in (([f"insert.audience_changes.{point}", hits], -signal.SIGKILL), (None, 0)):
        words = [sys.executable, str(CHILD), json.dumps(task | {"arm": arm})]
        done = commands.run(words, capture_output=True, timeout=120)
        assert done.returncode == code, done.stderr
    with opened(tmp_path / "data") as embedded:
        said = changes(embedded.store)
        assert (len(members(embedded.store, "a")), len(members(embedded.store, "b"))) == (4, 6)
    assert len(said) == len(set(said)) == 10
    assert {change for _, _, change, _ in said} == {"entered"}
