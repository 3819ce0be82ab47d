"""SIGTERM and Ctrl-C end every process within five seconds, whatever it is at, and nothing that was acknowledged is lost."""

import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection

import pytest

from tests.collector.server import BATCH, event
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until

WITHIN_S = 5.0
_SLOW = "SELECT count() FROM numbers(100000000000) WHERE cityHash64(number) % 7 = 1"


def history(count, *, days=8, contents=60):
    """Return praise of many contents over days, so that there is something to feed."""
    rng, now = random.Random(2), datetime.now(UTC)
    return [
        event(
            f"h{n}", type="social.share", time=(now - timedelta(minutes=rng.randrange(20, days * 1440))).isoformat(),
            data={"handles": {"user": f"u{n}"}, "content": f"c{rng.randrange(contents)}"},
        )
        for n in range(count)
    ]  # fmt: skip


def stopped(collector, number=signal.SIGTERM):
    """Send a signal and return the exit status, which has to come in time."""
    began_s = time.monotonic()
    os.kill(collector.pid, number)
    status = collector.process._child.wait(20)
    seconds = time.monotonic() - began_s
    assert seconds < WITHIN_S, (seconds, collector.process.told())
    return status


def asks(collector, sql):
    """Ask the endpoint for SQL in a thread; the process may end meanwhile."""
    port = int(collector.log.partition("answering queries on http://127.0.0.1:")[2].partition(" ")[0])

    def ask():
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as asking:
            try:
                asking.request("POST", "/", sql)
                asking.getresponse().read()
            except OSError:
                pass

    threading.Thread(target=ask, daemon=True).start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("arguments", [(), ("--demo",)])
def test_up_ends_cleanly(collect, number, arguments):
    collector = collect()
    key = collector.key("shop")
    collector.start()
    assert collector.send(event("one"), key).status == 202
    assert stopped(collector, number) == 0
    assert "Traceback" not in collector.log
    assert collector.rows("SELECT count() AS n FROM interactions WHERE id = 'one'") == [{"n": 1}]


def test_up_ends_while_detectors_are_fed(collect, tmp_path):
    (tmp_path / "alerts.toml").write_text("")
    collector = collect(JOURNEY_ALERTS=str(tmp_path / "alerts.toml"))
    (tmp_path / "history.ndjson").write_text("\n".join(map(json.dumps, history(6_000))))
    collector.run("load", str(tmp_path / "history.ndjson"))
    key = collector.key("shop")
    collector.start()
    wait_until(
        lambda: "is being fed" in str(collector.get("/health").json), 20, "detectors to be fed", every_s=0.01
    )
    began_s = time.monotonic()
    assert collector.send(event("live"), key).status == 202
    wait_until(
        lambda: collector.get("/health").json["lag_frames"] == 0, 20, "it to be processed", every_s=0.02
    )
    assert time.monotonic() - began_s < 2
    assert collector.get("/health").json["status"] == "degraded", "it is fed still"
    assert stopped(collector) == 0
    assert collector.rows("SELECT count() AS n FROM interactions WHERE id = 'live'") == [{"n": 1}]


def test_up_ends_while_queries_run_and_clients_hold_requests_open(collect):
    collector = collect(JOURNEY_SQL_PORT="0")
    key = collector.key("shop")
    collector.start()
    asks(collector, _SLOW)
    with socket.create_connection(("127.0.0.1", collector.port)) as slow:
        slow.sendall(
            b"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer " + key.encode() + b"\r\ncontent-length: 1000\r\n\r\n{"
        )
        assert collector.send(event("one"), key).status == 202
        time.sleep(0.5)
        assert stopped(collector) in {0, 128 + signal.SIGTERM}
    assert collector.rows("SELECT count() AS n FROM interactions") == [{"n": 1}]


def test_up_ends_while_it_opens_a_directory_with_a_long_log(collect):
    behind = collect("collector")
    key = behind.key("shop")
    behind.start()
    for part in range(40):
        sent = [
            event(f"e{part}-{n}", type="social.share", data={"handles": {"user": f"u{n}"}})
            for n in range(400)
        ]
        assert behind.send(sent, key, kind=BATCH).status == 202
    assert stopped(behind) == 0
    environment = os.environ | behind._environment
    for pause_s in (0.6, 1.2, 2.4):
        with commands.Command([commands.JOURNEY, "up", "--data", behind.data], env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as opening:  # fmt: skip
            time.sleep(pause_s)
            began_s = time.monotonic()
            opening.send_signal(signal.SIGTERM)
            assert opening.wait(20) in {0, -signal.SIGTERM, 128 + signal.SIGTERM}
            assert time.monotonic() - began_s < WITHIN_S
    assert behind.rows("SELECT count() AS n, uniqExact(event) AS u FROM interactions") == [
        {"n": 16_000, "u": 16_000}
    ]


def test_alerts_watch_ends(collect, tmp_path):
    collector = collect()
    (tmp_path / "history.ndjson").write_text("\n".join(map(json.dumps, history(3_000))))
    collector.run("load", str(tmp_path / "history.ndjson"))
    watch = [commands.JOURNEY, "alerts", "watch", "--data", collector.data]
    with commands.Command(watch, env=os.environ | collector._environment, stderr=subprocess.PIPE) as watching:
        for line in watching.stderr:
            if b"/health" in line:
                break
        began_s = time.monotonic()
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(20) == 0
        assert time.monotonic() - began_s < WITHIN_S


def _is_open(data, pid):
    lock = data / "lock"
    return lock.exists() and lock.read_text() == str(pid)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_commands_end_and_what_they_took_is_there(collect, tmp_path, number, status):
    collector = collect()
    collector.key("shop")
    file = tmp_path / "history.ndjson"
    file.write_text("\n".join(map(json.dumps, history(60_000))))
    for words, pause_s in ((["load", str(file)], 0.5), (["sql", _SLOW], 2.0)):
        command = [commands.JOURNEY, *words, "--data", collector.data]
        with commands.Command(
            command,
            env=os.environ | collector._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as working:
            has_opened = partial(_is_open, collector.data, working.pid)
            wait_until(has_opened, 30, "it to open the directory", every_s=0.02)
            time.sleep(pause_s)
            began_s = time.monotonic()
            working.send_signal(number)
            ended = working.wait(20)
            assert time.monotonic() - began_s < WITHIN_S, words
            assert ended == status or (ended == 0 and words[0] == "load"), words
            assert b"Traceback" not in working.stderr.read()
    collector.run("load", str(file))
    assert collector.rows("SELECT count() AS n, uniqExact(event) AS u FROM interactions") == [
        {"n": 60_000, "u": 60_000}
    ]
