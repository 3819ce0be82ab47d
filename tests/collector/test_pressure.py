"""Back-pressure: rates, a log that is away or full, and more than can be taken; what was acknowledged is stored."""

import json
import sqlite3
import threading
from collections import Counter
from http.client import HTTPConnection

import pytest

from streams.collector.limits import LOG_FRAMES
from tests.collector.server import BATCH, LINES, event, lines_of
from tests.fixtures.servers.process import memory_mb, wait_until


def test_a_key_over_its_rate_is_told_when_to_come_back(collect):
    collector = collect("collector")
    key = collector.key("slow", "--brand", "*", "--rate", "10")
    collector.start()
    assert collector.send([event(str(n)) for n in range(20)], key, kind=BATCH).status == 202
    over = collector.send([event(str(n)) for n in range(20)], key, kind=BATCH)
    assert (over.status, over.json["type"]) == (429, "urn:journey:problem:rate")
    assert int(over.headers["retry-after"]) in {1, 2}
    other = collector.key("other", "--brand", "*", "--rate", "10")
    wait_until(lambda: collector.send(event("x"), other).status == 202, 10, "another key to be free of it")


def test_an_address_over_its_rate_is_told_before_it_may_guess_keys(collect):
    collector = collect("collector", JOURNEY_COLLECTOR_ADDRESS_RATE="5").start()
    answers = [collector.send(event(), f"jwk_guess{number}") for number in range(20)]
    assert Counter(answer.status for answer in answers)[401] in range(10, 14)
    assert {int(answer.headers["retry-after"]) for answer in answers if answer.status == 429} == {1}


def test_a_log_that_cannot_be_written_is_503_until_it_can_and_nothing_acknowledged_is_lost(collect):
    collector = collect("collector")
    key = collector.key("shop")
    collector.start()
    assert collector.send(event("before"), key).status == 202
    held = sqlite3.connect(collector.data / "log.sqlite", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")  # somebody else writes, and does not stop
    refused = collector.send(event("refused"), key)
    assert (refused.status, refused.json["type"]) == (503, "urn:journey:problem:busy")
    assert int(refused.headers["retry-after"]) >= 1
    assert collector.get("/ready").status == collector.get("/health").status == 503
    assert collector.send(event("at once"), key).status == 503, "what comes meanwhile does not wait for it"
    held.execute("ROLLBACK")
    held.close()
    wait_until(lambda: collector.send(event("after"), key).status == 202, 15, "the log to be taken up again")
    assert collector.get("/ready").status == 200
    assert collector.stop() == 0
    found = {row["id"] for row in collector.rows("SELECT id FROM interactions")}
    assert {"before", "after"} <= found <= {"before", "after", "refused", "at once"}


def test_a_full_log_is_503_and_taken_up_again_when_there_is_room(collect):
    collector = collect("collector")
    key = collector.key("shop")
    collector.start()
    assert collector.send(event("one"), key).status == 202
    with sqlite3.connect(collector.data / "log.sqlite", isolation_level=None) as log:
        log.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'frames'", (LOG_FRAMES + 5,))
        wait_until(lambda: collector.send(event("two"), key).status == 503, 10, "the log to be found full")
        assert collector.send(event("two"), key).headers["retry-after"] == "5"
        log.execute("UPDATE committed SET offset = (SELECT seq FROM sqlite_sequence WHERE name = 'frames')")
        wait_until(lambda: collector.send(event("three"), key).status == 202, 10, "room to be found")


@pytest.mark.parametrize("clients", [24])
def test_under_more_than_can_be_taken_memory_is_bounded_and_the_acknowledged_are_stored(collect, clients):
    collector = collect()
    key = collector.key("shop")
    collector.start()
    before = memory_mb(collector.pid)
    acknowledged: list[list[str]] = [[] for _ in range(clients)]
    statuses: Counter[int] = Counter()

    def press(client: int) -> None:
        connection = HTTPConnection("127.0.0.1", collector.port, timeout=60)
        for batch in range(3):
            ids = [f"{client}-{batch}-{number}" for number in range(300)]
            events = [event(name, data={"properties": {"filled": "x" * 1_000}}) for name in ids]
            headers = {"authorization": f"Bearer {key}", "content-type": LINES}
            connection.request("POST", "/v1/events", lines_of(*events), headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
            statuses[answer.status] += 1
            if answer.status == 202:
                acknowledged[client] += [
                    name
                    for name, item in zip(ids, told["items"], strict=True)
                    if item["status"] == "accepted"
                ]
            else:
                assert answer.status == 503
                assert int(answer.headers["retry-after"]) >= 1
        connection.close()

    threads = [threading.Thread(target=press, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.total() == 3 * clients
    assert memory_mb(collector.pid) - before < 500
    assert collector.stop() == 0
    stored = {row["id"] for row in collector.rows("SELECT id FROM interactions")}
    told = [name for each in acknowledged for name in each]
    assert len(told) > 1_000
    assert stored.issuperset(told)
