"""Queries that the engine does not interrupt: others are answered, events taken, and the process ends all the same."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection

import pytest

from tests.analysts.attacks import UNINTERRUPTED
from tests.collector.server import BATCH, Collector, event
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until

END_S = 5.0
RULES = """
[[rule]]
name = "stuck"
sql = "SELECT toFloat64(materialize(repeat('a', 1000000)) ILIKE repeat('%a', 50000)) AS figure"
above = 5
every = "10s"
"""


def test_one_that_cannot_be_interrupted_is_given_up_and_others_are_answered_meanwhile(tmp_path):
    began = time.monotonic()
    child = [sys.executable, "-m", "tests.analysts.stuck", str(tmp_path)]
    done = subprocess.run(child, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["told"] == dict.fromkeys(UNINTERRUPTED, "StuckError")
    assert found["again"] == "OverloadedError"
    assert found["others_s"] < 10
    assert (found["error"], found["second"], found["page"]) == ("StuckError", [[1]], "OverloadedError")
    assert found["close_s"] < 2
    assert found["demoted"] >= 1
    sentences = "\n".join(found["sentences"])
    assert sentences.count("a query of the SQL endpoint (") == len(UNINTERRUPTED)
    assert sentences.count("a query of the page runs since ") == 2
    assert "aaa" not in sentences
    assert time.monotonic() - began < 120  # and not the minutes that each of them takes


class Up:
    """`journey up` with its SQL endpoint."""

    def __init__(self, folder, **more):
        self.collector = Collector(folder, JOURNEY_SQL_PORT="0", **more)
        self.key = self.collector.key("shop")
        self.sent = 0
        self.waiting = []
        self.start()

    def start(self):
        self.collector.start()
        said = re.search(r"answering queries on http://127\.0\.0\.1:(\d+)", self.collector.log)
        self.sql_port = int(said[1])

    def begin(self, sql, limit_s=None):
        """Ask, and return the connection, on which the answer is to come."""
        connection = HTTPConnection("127.0.0.1", self.sql_port, timeout=60)
        connection.request("POST", f"/?max_execution_time={limit_s}" if limit_s else "/", sql.encode())
        return connection

    def leave(self, sql, limit_s):
        """Ask, and do not wait for the answer; the connection stays."""
        self.waiting.append(self.begin(sql, limit_s))

    def kill(self):
        self.collector.kill()
        for connection in self.waiting:
            connection.close()

    def ask(self, sql, limit_s=None):
        connection = self.begin(sql, limit_s)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def send(self, count=50):
        events = [event(f"e{self.sent + number}") for number in range(count)]
        assert self.collector.send(events, self.key, kind=BATCH).status == 202
        self.sent += count

    def counted(self):
        status, body = self.ask("SELECT count() FROM interactions")
        return int(body) if status == 200 else -1

    def degraded(self):
        return self.collector.get("/health").json.get("degraded", [])


@pytest.fixture
def up(tmp_path):
    opened = Up(tmp_path)
    yield opened
    opened.kill()


@pytest.mark.parametrize("given_up", [False, True])
def test_a_process_with_a_stuck_query_ends_in_seconds_and_loses_nothing(up, given_up):
    waiting = up.begin(UNINTERRUPTED["like"], 1 if given_up else None)
    if given_up:
        answer = waiting.getresponse()
        assert answer.status == 408
        assert "TIMEOUT_EXCEEDED" in answer.read().decode()
        assert len(up.degraded()) == 1
    else:
        time.sleep(1)  # it has begun
    up.send()
    began = time.monotonic()
    assert up.collector.stop() == 0
    assert time.monotonic() - began < END_S
    if not given_up:
        assert waiting.getresponse().status == 503
    waiting.close()
    assert up.collector.rows("SELECT count() AS n FROM interactions") == [{"n": up.sent}]


def test_events_are_seen_and_health_answers_while_queries_are_stuck(up):
    for name in ("like", "ilike"):  # as many as leave one thread
        up.leave(UNINTERRUPTED[name], 1)
    wait_until(lambda: len(up.degraded()) == 2, 30, "both to be given up", every_s=0.1)
    (sentence, _) = up.degraded()
    assert re.match(
        r"a query of the SQL endpoint \(SELECT \w+\(.*SHA-256 [0-9a-f]{12}\) runs since 20", sentence
    )
    up.send()
    wait_until(lambda: up.counted() == up.sent, 30, "the first events, which wait for the engine's start")
    seen_s, health_s = [], []
    for _ in range(10):
        up.send()
        began = time.monotonic()
        wait_until(lambda: up.counted() == up.sent, 30, "events to be seen", every_s=0.02)
        seen_s.append(time.monotonic() - began)
        began = time.monotonic()
        assert up.collector.get("/health").json["status"] == "degraded"
        health_s.append(time.monotonic() - began)
    assert sorted(seen_s)[-2] < 2
    assert sorted(health_s)[-2] < 1
    assert up.ask(UNINTERRUPTED["like"])[0] == 503


def test_a_process_killed_with_a_stuck_query_opens_again(up):
    up.leave(UNINTERRUPTED["like"], 30)
    time.sleep(1)
    up.send()
    up.collector.process._signal(signal.SIGKILL)
    up.collector.process._child.wait(10)
    up.start()
    wait_until(lambda: up.counted() == up.sent, 30, "what was accepted to be in the tables", every_s=0.1)
    assert up.degraded() == []


def test_forty_at_once_leave_the_rest_of_the_product_as_it_is(up):
    told = []

    def ask(number):
        told.append(up.ask(UNINTERRUPTED["like"] + f" AS a{number}", 1)[0])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert set(told) == {408, 503}
    (crowded,) = (one for one in up.degraded() if one.startswith("all 12 threads"))
    assert told.count(408) == len(up.degraded()) - 1 == 12
    assert crowded == "all 12 threads for queries of the SQL endpoint are taken: 0 wait, and more are refused"
    status, said = up.ask("SELECT 1")
    assert status == 503
    assert said.startswith("Code: 202. DB::Exception: 12 queries cannot be interrupted and hold every thread")
    assert said.endswith("(TOO_MANY_SIMULTANEOUS_QUERIES)\n")
    up.send()
    assert up.collector.get("/").status == 200
    began = time.monotonic()
    assert up.collector.stop() == 0
    assert time.monotonic() - began < END_S
    assert up.collector.rows("SELECT count() AS n FROM interactions") == [{"n": up.sent}]


LONG = "SELECT count() FROM system.numbers WHERE number != {}"


@pytest.mark.parametrize("count", [pytest.param(3, marks=pytest.mark.soak), 10])
def test_short_queries_get_past_long_ones(up, count):
    up.send()
    wait_until(lambda: up.counted() == up.sent, 30, "the first events, which wait for the engine's start")
    for number in range(count):
        up.leave(LONG.format(number), 120)
    took_s = []
    for _ in range(10):
        began = time.monotonic()
        assert up.ask("SELECT 1") == (200, "1\n")
        took_s.append(time.monotonic() - began)
    assert took_s[0] < 6  # 2 s on a machine that does nothing else
    assert sorted(took_s)[-2] < 2
    assert up.degraded() == []
    up.send()
    wait_until(lambda: up.counted() == up.sent, 10, "events to be seen")


def test_threads_beyond_six_have_less_memory_and_one_bound(up):
    memory, much = (
        "SELECT getSetting('max_memory_usage')",
        "SELECT length(groupArray(number)) FROM numbers(20000000)",
    )
    assert up.ask(memory) == (200, "1000000000\n")
    assert up.ask(much) == (200, "20000000\n")
    for number in range(8):
        up.leave(LONG.format(number), 120)
    assert up.ask("SELECT 1") == (200, "1\n")
    assert up.ask(memory) == (200, "250000000\n")
    for asked in (much, f"{memory} SETTINGS max_memory_usage = 250000001"):
        status, said = up.ask(asked)
        assert (status, "needs more memory than is left: try again" in said) == (503, True), said
    for number in range(8, 17):
        up.leave(LONG.format(number), 120)
    wait_until(up.degraded, 20, "the bound to be said", every_s=0.1)
    assert up.degraded()[0].startswith("all 12 threads for queries of the SQL endpoint are taken: ")
    status, said = up.ask("SELECT 1")
    assert (status, "16 queries are under way" in said) == (503, True)
    while up.waiting:
        up.waiting.pop().close()
    wait_until(lambda: up.ask(memory) == (200, "1000000000\n"), 60, "those who went away to be forgotten")
    assert up.degraded() == []


def test_who_goes_away_leaves_no_query_behind(up):
    for _ in range(3):  # every thread
        connection = up.begin("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)", 60)
        time.sleep(0.3)
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()
    began = time.monotonic()
    assert up.ask("SELECT 1") == (200, "1\n")
    assert time.monotonic() - began < 10
    assert up.degraded() == []
    assert "Traceback" not in up.collector.log


def test_answers_that_are_taken_slowly_are_bounded_in_memory(up):
    large = "SELECT repeat('x', 1000000) FROM numbers(60)"
    taken = []
    for _ in range(8):
        connection = up.begin(large, 60)
        up.waiting.append(connection)
        taken.append(connection.getresponse().status)  # its head alone
    assert taken == [200] * 4 + [503] * 4  # 240 MB
    assert up.ask("SELECT 1") == (200, "1\n"), "a short answer needs no room"
    assert up.collector.get("/health").status == 200
    for connection in up.waiting:
        connection.close()
    wait_until(lambda: up.ask("SELECT 1") == (200, "1\n"), 30, "those who went away to be forgotten")
    assert len(up.ask(large)[1]) == 60 * 1_000_001
    assert "Traceback" not in up.collector.log


def test_a_rule_that_cannot_even_be_looked_at_is_refused_in_words(tmp_path):
    rules = tmp_path / "alerts.toml"
    rules.write_text(RULES.replace("materialize(repeat('a', 1000000)) ILIKE", "repeat('a', 1000000) ILIKE"))
    command = [commands.JOURNEY, "up", "--data", str(tmp_path / "data"), "--alerts", str(rules)]
    environment = os.environ | {"JOURNEY_COLLECTOR_PORT": "0", "JOURNEY_SQL_PORT": "off"}
    done = commands.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 2
    assert "alerts.toml: a rule cannot be used: the query ran for" in done.stderr


def test_a_rule_that_cannot_be_interrupted_is_ended_with_the_process(tmp_path):
    (tmp_path / "alerts.toml").write_text(RULES)
    up = Up(tmp_path, JOURNEY_ALERTS=str(tmp_path / "alerts.toml"))
    try:
        wait_until(up.degraded, 60, "the rule to be given up", every_s=0.2)
        assert any(one.startswith("a query of alert rules (rule stuck) runs") for one in up.degraded())
        up.send()
        wait_until(lambda: up.counted() == up.sent, 30, "events to be seen", every_s=0.1)
        began = time.monotonic()
        assert up.collector.stop() == 0
        assert time.monotonic() - began < END_S
    finally:
        up.kill()
