"""The log of a collector: frames of single requests are read many at a time, full ones few."""

import pytest

from streams.log.local import Log
from streams.log.sink import FileSink


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ([10] * 100, 50),
        ([10] * 30, 30),
        ([1_000] * 100, 5),
        ([10] * 5 + [1_000] * 5, 5),
        ([150] * 100, 6),
        ([], 0),
    ],
)
def test_small_frames_are_read_ten_times_as_many(tmp_path, sizes, count):
    with Log(tmp_path / "log.sqlite") as log:
        for size in sizes:
            log.append(b"x" * size)
        assert [offset for offset, _ in log.read(0, 5, 1_000)] == list(range(1, count + 1))
        assert len(log.read(0, 5)) == min(5, len(sizes))


def test_a_collector_has_every_frame_synced(tmp_path):
    sink = FileSink(tmp_path / "log.sqlite")
    modes = [
        sink._log._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
    ]
    sink.close()
    assert modes == [2, "wal"], "FULL: fsync at every commit"
