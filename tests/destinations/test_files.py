"""Files of members are made anew by the clock, whole or not at all, for their owner alone; who is erased is in none."""

import csv
import stat
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from streams.audiences.members import HeldError
from streams.destinations import file_sync
from streams.destinations.writing import WriteError, write
from streams.embedded.forget import forget
from streams.process.degraded import Degraded
from tests.destinations.world import everybody, found, in_sync, look, serving, states
from tests.fixtures.servers.process import wait_until
from tests.privacy.people import BRAND
from tests.readable.world import customer, load, opened, people


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people(range(6)))
        look(embedded, everybody())
        yield embedded


def files(folder, more="", path="{audience}.csv", audiences='["a"]'):
    (out := folder / "out").mkdir(exist_ok=True)
    text = f'[[destination]]\nname = "dwh"\nkind = "file"\naudiences = {audiences}\npath = "{out}/{path}"\nevery_s = 10\n{more}'
    return found(folder, text, ("a", "b"))


def rows(path: Path):
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def written(engine, destinations, *audiences):
    """Write each file once."""
    with serving(engine, destinations, *audiences):
        before = {key: one.delivered for key, one in states(engine, destinations, *audiences).items()}
        wait_until(
            lambda: all(
                one.delivered > before[key] for key, one in states(engine, destinations, *audiences).items()
            ),
            20,
            "the files",
        )


def test_each_audience_has_a_file_for_its_owner_alone_and_who_is_erased_is_in_none(engine, tmp_path):
    audiences = (everybody(), everybody("b", "SELECT DISTINCT customer FROM customers"))
    look(engine, *audiences)
    destinations = files(tmp_path, audiences='["a", "b"]')
    written(engine, destinations, *audiences)
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == ["a.csv", "b.csv"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}
    assert [len(rows(out / name)) for name in ("a.csv", "b.csv")] == [6, 6]
    in_sync(engine, destinations, *audiences)
    forget(engine, customer(3))
    written(engine, destinations, *audiences)
    assert [len(rows(out / name)) for name in ("a.csv", "b.csv")] == [5, 5]


def test_parquet_has_the_brands_own_numbers(engine, tmp_path):
    written(engine, files(tmp_path, 'readable = true\nformat = "parquet"\n', path="a.parquet"))
    table = pq.read_table(tmp_path / "out" / "a.parquet")
    assert sorted(table.column("loyalty_number").to_pylist()) == [[f"LUM-PLANTED-{n}"] for n in range(6)]


def test_a_folder_that_is_not_there_is_named_and_then_written_to(engine, tmp_path):
    destinations, degraded = files(tmp_path), Degraded()
    (tmp_path / "out").rmdir()
    with serving(engine, destinations, degraded=degraded):
        wait_until(lambda: states(engine, destinations)["dwh", "a"].is_failing, 20, "the failure kept")
        (said,) = degraded.sentences()
        assert said.startswith("destination dwh/a: not written, tried again: ")
        assert "No such file or directory" in said
        (tmp_path / "out").mkdir()
        in_sync(engine, destinations)
        wait_until(lambda: not degraded.sentences(), 20, "nothing is degraded")
    assert len(rows(tmp_path / "out" / "a.csv")) == 6


def test_a_full_or_closed_disk_leaves_the_file_that_was_there_and_no_draft(tmp_path):
    (destination,) = files(tmp_path)
    path = tmp_path / "out" / "a.csv"
    write(destination, "a", [b"one\n"])

    def breaking():
        yield b"two\n"
        raise OSError(28, "No space left on device")

    with pytest.raises(WriteError, match="No space left on device"):
        write(destination, "a", breaking())
    path.parent.chmod(0o500)
    with suppress(WriteError):  # root may write all the same
        write(destination, "a", [b"one\n"])
    path.parent.chmod(0o700)
    assert path.read_bytes() == b"one\n"
    assert [each.name for each in path.parent.iterdir()] == ["a.csv"]


def test_a_draft_that_leads_elsewhere_is_replaced_and_not_followed(tmp_path):
    (destination,) = files(tmp_path)
    (other := tmp_path / "other").write_text("theirs")
    (tmp_path / "out" / ".a.csv.part").symlink_to(other)
    write(destination, "a", [b"ours\n"])
    assert other.read_text() == "theirs"
    assert (tmp_path / "out" / "a.csv").read_text() == "ours\n"


def test_a_file_that_was_read_while_somebody_was_erased_is_not_published(engine, tmp_path):
    (destination,) = files(tmp_path)
    before = file_sync.stamp(engine.store)
    pieces = list(file_sync.exported(engine.store, BRAND, "a", "csv"))
    forget(engine, customer(3))
    with pytest.raises(HeldError):
        write(destination, "a", file_sync._unchanged(engine.store, before, pieces))
    assert list((tmp_path / "out").iterdir()) == []


def test_the_file_of_an_audience_that_left_the_file_has_nobody(engine, tmp_path):
    written(engine, files(tmp_path))
    renamed = everybody("b")
    look(engine, renamed)
    written(engine, files(tmp_path, audiences='["b"]'), renamed)
    assert (len(rows(tmp_path / "out" / "a.csv")), len(rows(tmp_path / "out" / "b.csv"))) == (0, 6)
