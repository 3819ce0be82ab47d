"""The log cut at any byte: what can be read of it is processed, no offset is given twice, and the file is kept."""

import os
import shutil
from pathlib import Path
from random import Random

import pytest

from streams.log.local import Log, LogError
from streams.recovery.salvage import salvage
from streams.recovery.torn_wal import torn
from tests.faults.child import KEY, NOW_US, load_rest, tables
from tests.faults.lost import opened
from tests.faults.runs import history

CUTS = 40
FRAMES = 60
_PAD = 40_000  # bytes of a frame at least, so that frames take pages of their own


def frames(count: int) -> list[bytes]:
    """Return frames that decode, of about a page each."""
    from streams.edge import Edge  # noqa: PLC0415
    from streams.log.frame import encode  # noqa: PLC0415

    lines, random = history(count).splitlines(), Random(5)
    edge = Edge(KEY, frozenset())
    made = []
    for number in range(count):
        line = lines[6 * number].replace(
            b'"data": {', b'"data": {"content": "%s", ' % random.randbytes(100).hex().encode()
        )
        letters = [b"{broken " + random.randbytes(_PAD // 8).hex().encode() for _ in range(4)]
        made.append(encode(edge.pack([line, *letters], topic="t", now_us=NOW_US)))
    return made


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    """A closed log with frames that wait, after some that were let go of."""
    path = tmp_path_factory.mktemp("log") / "log.sqlite"
    data = frames(FRAMES)
    with Log(path) as log:
        for frame in data:
            log.append(frame)
        log.commit(10)
    return path, dict(enumerate(data, 1))


def cut(source: Path, folder: Path, size: int) -> Path:
    folder.mkdir()
    path = Path(shutil.copy(source, folder / "log.sqlite"))
    os.truncate(path, size)
    return path


def test_cut_at_any_byte_what_is_read_is_what_was_written_and_no_offset_comes_again(waiting, tmp_path):
    check_cuts(waiting, tmp_path, seed=11)


def check_cuts(waiting, tmp_path, seed):
    """Cut a log at many bytes, and open each piece."""
    source, written = waiting
    whole, random, most = source.stat().st_size, Random(seed), 0
    sizes = [0, 1, 99, 100, 4096, 65_536, whole - 1, *(random.randrange(whole) for _ in range(CUTS))]
    for number, size in enumerate(sizes):
        path = cut(source, tmp_path / str(number), size)
        said = salvage(path, NOW_US)
        # Of the last page SQLite does without what it does not use; a frame that ends there is told by its checksum.
        assert said or not size or whole - size < 65_536, size
        with Log(path) as log:
            found = dict(log.read(0, FRAMES))
            assert found.keys() <= set(range(11, FRAMES + 1))
            assert sum(written[offset] != frame for offset, frame in found.items()) <= (not said)
            log.skip_to(FRAMES)  # as the tables would tell
            assert log.append(b"next") == FRAMES + 1
        most = max(most, len(found))
        if said:
            assert len(list(path.parent.glob("log.damaged-*.sqlite"))) == 1
            assert f"{len(found)} frames that waited in it were read" in said
        assert salvage(path, NOW_US) == ""
    assert most > (FRAMES - 10) // 2, "cuts near the end leave most frames"


def test_of_a_cut_that_leaves_the_sequence_it_is_told_how_many_frames_are_lost_at_least(waiting, tmp_path):
    source, _ = waiting
    path = cut(source, tmp_path / "some", source.stat().st_size * 3 // 4)
    said = salvage(path, NOW_US)
    with Log(path) as log:
        saved = len(log.read(0, FRAMES))
        assert 0 < saved < FRAMES - 10
        assert f"at least {FRAMES - 10 - saved} are lost" in said
        assert (log.committed, log.last) == (10, FRAMES)


def test_pages_that_are_zero_cost_the_frames_that_stood_there_and_no_others(waiting, tmp_path):
    source, written = waiting
    path = cut(source, tmp_path / "zero", source.stat().st_size)
    pages = path.stat().st_size // 65_536
    with path.open("r+b") as file:
        file.seek(65_536 * (pages // 2))
        file.write(bytes(2 * 65_536))
    assert "the log was damaged" in salvage(path, NOW_US)
    with Log(path) as log:
        found = dict(log.read(0, FRAMES))
    assert (FRAMES - 10) // 2 < len(found) < FRAMES - 10
    assert found.items() <= written.items()


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_a_write_ahead_log_that_was_cut_leaves_a_log_that_opens(keep, tmp_path):
    folder = tmp_path / "live"
    folder.mkdir()
    with Log(folder / "log.sqlite") as log:
        for frame in frames(6):
            log.append(frame)
        left = tmp_path / "left"
        shutil.copytree(folder, left)
    wal = left / "log.sqlite-wal"
    os.truncate(wal, wal.stat().st_size * keep // 3)
    (left / "log.sqlite-shm").unlink()
    salvage(left / "log.sqlite", NOW_US)
    with Log(left / "log.sqlite") as log:
        assert len(log.read(0, 10)) < 6
        log.skip_to(6)
        assert log.append(b"next") == 7


def test_a_main_file_that_was_emptied_gives_what_the_write_ahead_log_has(tmp_path):
    with Log(tmp_path / "log.sqlite") as log:
        for frame in frames(6):
            log.append(frame)
        left = tmp_path / "left"
        left.mkdir()
        shutil.copy(tmp_path / "log.sqlite-wal", left)
    (left / "log.sqlite").touch()
    assert "6 frames that waited in it were read" in salvage(left / "log.sqlite", NOW_US)
    with Log(left / "log.sqlite") as log:
        assert [offset for offset, _ in log.read(0, 10)] == [1, 2, 3, 4, 5, 6]


def test_what_is_read_of_a_cut_log_is_processed_once_and_the_rest_can_be_sent_again(tmp_path):
    lines, data = history(24).splitlines(), tmp_path / "data"
    with opened(data) as embedded:
        load_rest(embedded, lines[: 6 * 12])
        edge = embedded.edge()
        for number in range(12, 24):
            part = lines[6 * number : 6 * number + 6]
            embedded.accept(edge.pack(part, topic="file", now_us=NOW_US, first_offset=6 * number + 1))
    log = data / "log.sqlite"
    os.truncate(log, log.stat().st_size - 65_536)
    with opened(data) as embedded:
        assert "the log was damaged" in embedded.warnings[0]
        assert not embedded.losses.stops
        stored = embedded.store.rows("SELECT count() AS n, uniqExact(event) AS u FROM interactions")[0]
        assert stored["n"] == stored["u"]
        embedded.load([embedded.edge().pack(lines, topic="again", now_us=NOW_US)])
        assert tables(embedded)["drift"] == []
        found = {row["id"] for row in embedded.store.rows("SELECT id FROM interactions")}
    with opened(tmp_path / "calm") as embedded:
        load_rest(embedded, lines)
        assert found == {row["id"] for row in embedded.store.rows("SELECT id FROM interactions")}


def test_a_frame_whose_bytes_changed_is_kept_aside_and_the_others_are_processed(tmp_path):
    data = tmp_path / "data"
    with opened(data) as embedded:
        edge, lines = embedded.edge(), history(3).splitlines()
        for number in range(3):
            embedded.accept(edge.pack(lines[6 * number : 6 * number + 6], topic="file", now_us=NOW_US))
        embedded.log._db.execute(
            "UPDATE frames SET frame = CAST(substr(frame, 1, 200) || x'ff00ff' || substr(frame, 204) AS BLOB) WHERE offset = 2"
        )
    with opened(data) as embedded:
        assert embedded.store.rows(
            "SELECT groupArray(_offset) AS o FROM (SELECT DISTINCT _offset FROM deliveries)"
        ) == [{"o": [1, 3]}]
        assert embedded.log.committed == 3
    assert (data / "log.damaged-frame-2").stat().st_size > 100


def test_a_file_that_is_no_log_at_all_is_put_aside(tmp_path):
    path = tmp_path / "log.sqlite"
    path.write_bytes(Random(3).randbytes(100_000))
    assert "how many are lost cannot be told" in salvage(path, NOW_US)
    with Log(path) as log:
        assert log.append(b"first") == 1


def test_a_log_that_may_not_be_read_is_no_damaged_log(tmp_path):
    path = tmp_path / "log.sqlite"
    path.mkdir()
    with pytest.raises(LogError, match="cannot be opened"):
        salvage(path, NOW_US)


def test_a_flipped_byte_in_the_middle_of_a_write_ahead_log_is_told_and_a_whole_one_is_not(tmp_path):
    live, size = tmp_path / "live" / "log.sqlite", []
    live.parent.mkdir()
    log = Log(live)
    for frame in frames(12):
        log.append(frame)
        size.append(live.with_name("log.sqlite-wal").stat().st_size)
    whole, flipped = (shutil.copytree(live.parent, tmp_path / name) for name in ("whole", "flipped"))
    log.close()
    assert torn(whole / "log.sqlite", NOW_US) == ""
    wal = flipped / "log.sqlite-wal"
    data = bytearray(wal.read_bytes())
    data[size[5] + 30_000] ^= 255  # of the seventh frame
    wal.write_bytes(data)
    said = torn(flipped / "log.sqlite", NOW_US)
    assert "log.sqlite-wal was damaged" in said
    assert "have it sent again" in said
    (kept,) = flipped.glob("log.damaged-*-wal")
    assert kept.read_bytes() == data
    with Log(flipped / "log.sqlite") as opened_log:
        assert len(opened_log.read(0, 100)) == 6
    assert torn(flipped / "log.sqlite", NOW_US) == ""
    assert sorted(path.name for path in whole.iterdir()) == ["log.sqlite"]
