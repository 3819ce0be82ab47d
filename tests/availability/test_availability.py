"""While one sender, query or brand does its worst, events are seen, /health answers and other brands' alerts arrive."""

import re
import signal
import time
from contextlib import contextmanager

import pytest

from tests.alerts.receiver import listening
from tests.availability.troubles import TROUBLES
from tests.availability.watch import Watch, quiet, write_alerts
from tests.collector.server import BATCH, Collector
from tests.fixtures.servers.process import free_port, wait_until

pytestmark = pytest.mark.alone

SEEN_S, HEALTH_S, ALERT_S, END_S = 2.0, 1.0, 10.0, 5.0
WATCHED_S = 6.0
_SLOWEST = 0.05  # of the questions may take longer: the machine is shared


# Threads of these outlive them: they have a process of their own, which ends all the same.
LASTING = "queries that do not end"


@contextmanager
def running(folder, *brands):
    """Run an engine with alerts and the SQL port, whose brands have three quiet days behind them, and end it."""
    with listening() as receiver:
        write_alerts(folder / "alerts.toml", receiver)
        sql_port = free_port()
        collector = Collector(
            folder, JOURNEY_ALERTS=str(folder / "alerts.toml"), JOURNEY_SQL_PORT=str(sql_port)
        )
        key = collector.key("all")
        collector.start()
        try:
            for brand in brands:
                assert collector.send(quiet(brand), key, kind=BATCH).status == 202
            watch = Watch(collector, key, sql_port)
            many = str(sum(len(quiet(brand)) for brand in brands))
            wait_until(lambda: watch.ask("SELECT count() FROM interactions") == many, 20, "the quiet days")
            time.sleep(2)  # of two looks for alerts: the brands are known, and then watched
            wait_until(lambda: not _being_fed(collector), 60, "every brand to be watched", every_s=0.1)
            yield watch, receiver
            began = time.monotonic()
            collector.process._signal(signal.SIGTERM)
            wait_until(lambda: not collector.process.running, 30, "the process to end")
            assert time.monotonic() - began < END_S
            assert not re.search("Traceback", collector.log), collector.log[-4_000:]
        finally:
            collector.kill()


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    """One engine for all troubles that end: each meets what those before it have left."""
    with running(tmp_path_factory.mktemp("availability"), *(TROUBLES.keys() - {LASTING})) as world:
        yield world


@pytest.mark.parametrize("name", [name for name in TROUBLES if name != LASTING])
def test_the_rest_goes_on(one_process, name):
    watch, receiver = one_process
    goes_on(Watch(watch.collector, watch.key, watch.sql_port), receiver, name)


def test_the_rest_goes_on_under_queries_that_do_not_end_and_so_does_the_end(tmp_path):
    with running(tmp_path, LASTING) as (watch, receiver):
        goes_on(watch, receiver, LASTING)


def goes_on(watch, receiver, name):
    """Watch while there is a trouble, with a brand of its name that is praised meanwhile."""
    trouble, sentence = TROUBLES[name]
    with watch, trouble(watch):
        began = time.monotonic()
        alert_s = watch.praise(receiver, ALERT_S, name)
        time.sleep(max(0.0, WATCHED_S - (time.monotonic() - began)))
        if sentence is not None:
            wait_until(lambda: any(map(sentence.search, watch.degraded)), 20, "/health to name it")
    assert watch.faults == []
    assert _most(watch.seen_s) < SEEN_S, watch.seen_s
    assert _most(watch.health_s) < HEALTH_S, watch.health_s
    assert alert_s < ALERT_S


def _being_fed(collector: Collector) -> bool:
    """Return whether /health names a brand that alerts do not watch yet."""
    return any(" fed" in one for one in collector.get("/health").json.get("degraded", ()))


def _most(seconds: list[float]) -> float:
    """Return what all but the slowest took."""
    return sorted(seconds)[int(len(seconds) * (1 - _SLOWEST)) - 1]
