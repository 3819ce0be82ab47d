"""`journey up` on a directory that lost files: it takes events at once, says what it does, and goes on exactly."""

import threading
from random import Random

from streams.embedded.embedded import Embedded
from streams.log.sink import FileSink
from streams.services import repair
from streams.services.engine_thread import EngineThread
from streams.settings import Settings
from tests.faults.child import KEY, NOW_US, load_rest, tables
from tests.faults.lost import newest_emptied
from tests.faults.runs import history
from tests.fixtures.servers.process import wait_until

WITHIN_S = 120


def test_events_are_taken_while_tables_are_made_anew_and_processed_after_it(tmp_path, monkeypatch):
    settings, lines = Settings(tmp_path / "data", handle_key=KEY), history(18).splitlines()
    with Embedded(settings, clock=lambda: NOW_US) as embedded:
        load_rest(embedded, lines[:36])
        load_rest(embedded, lines[:72])
        frame = embedded.edge().pack(lines[72:], topic="file", now_us=NOW_US, first_offset=73)
    for table in ("evidence", "minute_counts", "identity_map"):
        newest_emptied(settings.data, table, Random(1))
    may_begin, rebuild = threading.Event(), repair._rebuild

    def when_told(*arguments):
        assert may_begin.wait(WITHIN_S)
        rebuild(*arguments)

    monkeypatch.setattr(repair, "_rebuild", when_told)
    pump = EngineThread(settings, clock=lambda: NOW_US)
    pump.start()
    try:
        wait_until(pump.degraded.sentences, WITHIN_S, "the loss is told")
        (said,) = pump.degraded.sentences()
        assert "evidence has" in said
        assert "events wait in the log meanwhile" in said
        sink = FileSink(settings.data / "log.sqlite")
        sink.write(frame)
        assert sink.lag() == 1
        may_begin.set()
        wait_until(lambda: sink.lag() == 0, WITHIN_S, "what waited is processed")
        sink.close()
        wait_until(lambda: not pump.degraded.sentences(), WITHIN_S, "nothing is degraded any more")
        assert pump.trouble() == []
    finally:
        may_begin.set()
        pump.stop()
    with Embedded(settings, clock=lambda: NOW_US) as embedded:
        found = tables(embedded)
    assert found["drift"] == []
    assert sum(row["stored"] for row in found["deliveries"]) == len(found["interactions"])
    assert len(found["interactions"]) > 40
