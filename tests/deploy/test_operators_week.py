"""deploy/operators_week.py, run as an operator would, with less of everything; and its accounts notice what is wrong."""

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "deploy" / "operators_week.py"
LINE = re.compile(
    r"^(?P<job>\S.*?) +[\d.]+ s +acknowledged: p99 +[\d.]+ s, slowest +[\d.]+ s, visible within +[\d.]+ s",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def program():
    spec = spec_from_file_location("operators_week", PROGRAM)
    module = module_from_spec(spec)
    sys.modules["operators_week"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_a_week_of_operating_loses_and_doubles_no_event(tmp_path):
    words = [sys.executable, PROGRAM, tmp_path / "week", "--rate", "100", "--history", "1000"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = [found["job"] for found in LINE.finditer(done.stdout)]
    assert jobs == [
        "load history", "load it again", "whatif", "model apply", "model apply, back", "forget a customer", "replay dead letters",
        "backup", "backup of what has changed", "restore elsewhere and verify", "set a target", "upgrade: stop and start",
        "expire two months", "load history again", "rebuild evidence", "verify", "status",
    ]  # fmt: skip
    sent, stored = re.search(
        r"([\d,]+) events sent, ([\d,]+) stored, none missing, none doubled", done.stdout
    ).groups()
    assert sent == stored != "0"
    assert done.stdout.rstrip().endswith("verify: all figures recompute")


@pytest.mark.parametrize(
    ("stored", "distinct", "refused", "said"),
    [
        (39, 39, [], "40 events were sent, 39 are stored, of them 39 distinct"),
        (41, 40, [], "40 events were sent, 41 are stored, of them 40 distinct"),
        (40, 40, [{"status": "rejected"}], "1 events were refused"),
    ],
)
def test_the_accounts_notice_what_is_missing_doubled_or_refused(
    program, tmp_path, stored, distinct, refused, said
):
    week = program.Week(tmp_path, 10, program.JOURNEY)
    week.stream = program.Stream(lambda: 0, "", 400)
    week.stream.sent, week.stream.refused = 40, refused
    week.jobs = [program.Job("one", 0.0, acknowledged_s=[0.1, 0.3])]
    week.value = lambda sql: distinct if "uniqExact" in sql else stored
    with pytest.raises(program.WeekError, match=said):
        program.account(week)
    week.stream.refused, week.value = [], lambda _: 40
    assert "Slowest acknowledgement: 0.30 s, during: one" in program.account(week)
