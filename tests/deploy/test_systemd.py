"""The systemd units: systemd finds nothing wrong with them, they are hardened, and the backup script keeps as many as told."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.commands import JOURNEY
from tests.fixtures.directories import with_evening

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SAFE = 2.0  # of ten, for systemd-analyze; the least that Internet sockets and compiled expressions allow is about 1.5

analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def asked(*words):
    done = subprocess.run(
        ["systemd-analyze", *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


@pytest.fixture
def installed(tmp_path):
    """The units with commands that are there."""
    for path in UNITS.iterdir():
        text = re.sub(r"/opt/journey/\S+", "/bin/true", path.read_text())
        (tmp_path / path.name).write_text(text)
    return tmp_path


@analyze
@pytest.mark.parametrize("name", ["journey.service", "journey-backup.service", "journey-backup.timer"])
def test_systemd_finds_nothing_wrong(installed, name):
    assert asked("verify", installed / name) == ""


@analyze
def test_a_misspelt_directive_is_found(installed):
    unit = installed / "journey.service"
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in asked("verify", unit)


@analyze
@pytest.mark.parametrize("name", ["journey.service", "journey-backup.service"])
def test_units_are_hardened(name):
    found = re.search(r"exposure level for \S+: ([\d.]+)", asked("security", "--offline=true", UNITS / name))
    assert found
    assert float(found[1]) < SAFE


@analyze
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_what_the_engine_calls_is_what_the_unit_allows(tmp_path):
    allowed = set()
    for line in (UNITS / "journey.service").read_text().splitlines():
        if line.startswith("SystemCallFilter="):
            value = line.partition("=")[2]
            calls = _calls(value.lstrip("~"))
            allowed = allowed - calls if value.startswith("~") else allowed | calls
    data = with_evening(tmp_path / "data")
    evening = str(UNITS.parents[1] / "schemas/examples/evening.ndjson")
    for words in (["verify"], ["backup", str(tmp_path / "b")], ["load", evening], ["up"]):
        called = _traced(tmp_path / "trace", words, data)
        assert len(called) > 40
        assert called - allowed == set(), words


def _traced(trace, words, data) -> set[str]:
    """Run a command, what serves until it listens, and return the names of its system calls."""
    process = subprocess.Popen(
        ["strace", "-D", "-f", "-qq", "-e", "signal=none", "-o", trace, JOURNEY, *words, "--data", data],
        env=os.environ | {"JOURNEY_COLLECTOR_PORT": "0", "JOURNEY_SQL_PORT": "0", "JOURNEY_WEB_PORT": "0"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if words == ["up"]:
        for line in process.stdout:
            if "events are taken on" in line:
                process.terminate()
                break
    process.communicate(timeout=300)
    assert process.returncode == 0
    return set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(errors="replace"), re.MULTILINE))


def _calls(group: str) -> set[str]:
    found: set[str] = set()
    for line in asked("syscall-filter", group).splitlines():
        name = line.strip()
        if name.startswith("@") and name != group:
            found |= _calls(name)
        elif name and not name.startswith(("#", "@")):
            found.add(name)
    return found


def test_the_backup_script_links_to_the_last_one_and_keeps_as_many_as_told(tmp_path):
    data, backups = with_evening(tmp_path / "data"), tmp_path / "backups"
    backups.mkdir()
    (backups / "keep-me").mkdir()
    for number in range(4):
        if made := sorted(backups.glob("*Z")):  # one a second has a name of its own
            made[-1].rename(backups / f"2026010{number}T000000Z")
        subprocess.run(
            [UNITS / "journey-backup", backups, "2"],
            env=os.environ | {"JOURNEY_COMMAND": str(JOURNEY), "JOURNEY_STORE": f"chdb://{data}"},
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    names = sorted(path.name for path in backups.iterdir())
    assert len(names) == 3
    assert names[-1] == "keep-me"
    assert names[0] == "20260103T000000Z"
    assert '"since": "20' in (backups / names[1] / "manifest.json").read_text()
