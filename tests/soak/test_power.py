"""Power cuts, with JOURNEY_DURABLE: for each unit of JOURNEY_SOAK ten and three, on a disk that forgets what was not synced."""

from collections.abc import Iterator
from random import Random

import pytest

from tests.collector.server import Collector
from tests.collector.test_crash import assert_stored_once, kill_under_load
from tests.faults.runs import kill_after, run
from tests.faults.test_kills import assert_audit
from tests.soak.conftest import SOAK
from tests.soak.disk import Disk, disk, why_not

CUTS, CUTS_OF_UP = 10, 3
LET_BE_S = (
    12.0  # long enough that a kernel writes back what it likes, and short enough that it does not write all
)
pytestmark = [pytest.mark.soak, pytest.mark.skipif(bool(why_not()), reason=why_not())]


@pytest.fixture
def drive(tmp_path) -> Iterator[Disk]:
    with disk(tmp_path) as made:
        yield made


@pytest.mark.parametrize("seed", range(2, 2 + SOAK))
def test_after_power_cuts_nothing_accepted_is_lost_doubled_or_made_up(seed, drive, tmp_path):
    random, ledger, data = Random(seed), tmp_path / "ledger", drive.path / "data"
    for _ in range(CUTS):
        once_open = random.random() < 0.8
        seconds = random.uniform(0, LET_BE_S if once_open else 3)
        kill_after(
            seconds, "endless", data, once_open=once_open, strike=drive.cut, ledger=ledger, durable=True
        )
        drive.again()
    ledger.touch()
    found = run("audit", data, ledger=ledger, durable=True)
    print(f"seed {seed}: {CUTS} power cuts, {found['acknowledged']:,} events acknowledged")
    assert_audit(found)


@pytest.mark.parametrize("seed", range(2, 2 + SOAK))
def test_whatever_was_answered_before_a_power_cut_is_stored_once(seed, drive, tmp_path):
    collector = Collector(tmp_path, arguments=["--data", str(drive.path / "data")], JOURNEY_DURABLE="1")

    def cut() -> None:
        drive.cut()
        collector.kill()
        drive.again()

    try:
        loads = kill_under_load(collector, CUTS_OF_UP, seed, strike=cut, let_be_s=LET_BE_S)
        assert_stored_once(collector, loads)
    finally:
        collector.kill()
    print(
        f"seed {seed}: {CUTS_OF_UP} power cuts, {sum(len(load.acknowledged) for load in loads):,} events answered"
    )
