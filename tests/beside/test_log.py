"""Two processes append to one log: nothing is passed over, in whatever order their frames come."""

import json

from streams.analysis.verify import verify
from streams.embedded.embedded import Embedded
from streams.log.frame import encode
from streams.log.local import Log
from streams.settings import Settings
from tests.cli.conftest import event


def test_frames_that_another_process_appends_between_ours_are_processed_in_their_order(tmp_path):
    numbers = iter(range(100))
    with Embedded(Settings(tmp_path)) as embedded, Log(tmp_path / "log.sqlite") as theirs:

        def frame():
            line = json.dumps(event(next(numbers), handles={"cookie": "c"})).encode()
            return embedded.edge().pack([line], topic="t", now_us=embedded.clock())

        for pattern in ("otoo", "ttoo", "oot", "tott", "o", "t"):
            for whose in pattern:
                if whose == "o":
                    embedded.accept(frame())
                else:
                    theirs.append(encode(frame()))
            embedded.drain()
            assert embedded.log.committed == theirs.last
        found = embedded.store.rows("SELECT toUInt32(substring(id, 3)) AS n FROM interactions ORDER BY n")
        assert [row["n"] for row in found] == list(range(next(numbers)))
        assert not any(check.drift for check in verify(embedded))


def test_a_frame_that_comes_while_nothing_was_found_waiting_is_not_taken_for_lost(tmp_path):
    with Embedded(Settings(tmp_path)) as embedded, Log(tmp_path / "log.sqlite") as theirs:
        line = json.dumps(event(1)).encode()
        frame = encode(embedded.edge().pack([line], topic="t", now_us=embedded.clock()))
        looked = embedded._waiting

        def waiting():
            found = looked()
            if not found:
                theirs.append(frame)
            return found

        embedded._waiting = waiting
        assert embedded.step() is None
        embedded._waiting = looked
        assert embedded.drain().stored == 1
