"""journey up: events over HTTP into the tables, in one process that ends cleanly and goes on where it was."""

import os
import random
import signal
from datetime import UTC, datetime, timedelta

from tests.alerts.receiver import listening
from tests.collector.server import BATCH, LINES, event, lines_of, zipped
from tests.fixtures.servers.process import wait_until


def test_what_was_accepted_is_in_the_tables_and_each_item_is_told_what_became_of_it(collect):
    collector = collect()
    key = collector.key("shop")
    collector.start()
    assert collector.send(event("one"), key).json == {
        "accepted": 1, "duplicates": 0, "rejected": 0, "items": [{"status": "accepted"}],
    }  # fmt: skip
    mixed = collector.send(
        lines_of(event("two"), event("one"), {"id": "three"}, event("four", data={"colour": "red"})),
        key,
        kind=LINES,
    )
    assert mixed.status == 202
    assert mixed.statuses == ["accepted", "duplicate", "rejected", "rejected"]
    assert [(item["reason"], item["pointer"]) for item in mixed.json["items"][2:]] == [
        ("missing_field", "/2/source"),
        ("unknown_field", "/3/data/colour"),
    ]
    assert (
        collector.send(zipped(lines_of(event("five"))), key, kind=LINES, content_encoding="gzip").status
        == 202
    )

    assert collector.stop() == 0
    rows = collector.rows("SELECT id, brand, type, source FROM interactions ORDER BY id")
    assert [row["id"] for row in rows] == ["five", "one", "two"]
    letters = collector.rows("SELECT reason, topic FROM dead_letters ORDER BY reason")
    assert letters == [
        {"reason": "missing_field", "topic": "collector"},
        {"reason": "unknown_field", "topic": "collector"},
    ]
    assert "all figures recompute" in collector.run("verify")


def test_a_restart_goes_on_and_knows_repeats_that_its_memory_does_not(collect):
    collector = collect()
    key = collector.key("shop")
    collector.start()
    sent = [event(f"e{number}") for number in range(50)]
    collector.send(sent, key, kind=BATCH)
    os.kill(collector.pid, signal.SIGINT)
    wait_until(lambda: not collector.process.running, 20, "it to end")
    assert "Traceback" not in collector.log

    collector.start()
    again = collector.send([*sent, event("new")], key, kind=BATCH)
    assert again.json["accepted"] == 51, "a memory of events does not outlive the process"
    assert collector.stop() == 0
    assert collector.rows("SELECT count() AS n, uniqExact(event) AS u FROM interactions") == [
        {"n": 51, "u": 51}
    ]
    books = collector.rows(
        "SELECT sum(received) AS r, sum(stored) AS s, sum(duplicates) AS d FROM deliveries"
    )
    assert books == [{"r": 101, "s": 51, "d": 50}]


def test_handles_are_hashed_before_anything_is_written(collect):
    collector = collect()
    key = collector.key("shop")
    collector.start()
    planted = "planted.person@example.org"
    data = {"handles": {"email": planted, "loyalty": "PLANTED-CARD-77123"}}
    assert collector.send(event("good", data=data), key).status == 202
    assert collector.send(event("bad", data=data | {"colour": planted}), key).status == 422
    assert collector.send(b'{"email": "%s"' % planted.encode(), key).status == 422
    exposed = str(collector.metrics())
    assert collector.stop() == 0
    raw = (b"planted.person", b"PLANTED-CARD", b"planted-card")
    for path in collector.folder.rglob("*"):
        if path.is_file():
            found = path.read_bytes()
            assert not any(value in found for value in raw), path
    assert "planted" not in exposed + collector.log.lower()


def test_up_is_refused_where_a_server_is_meant(collect):
    collector = collect(JOURNEY_KAFKA="127.0.0.1:9")
    try:
        collector.run("up")
    except AssertionError as error:
        assert "journey up is for one process" in str(error)  # noqa: PT017 - run asserts the exit code
    else:
        raise AssertionError("up went on with Kafka's settings")


def test_the_metrics_say_what_was_taken(collect):
    collector = collect()
    key = collector.key("shop")
    collector.start()
    collector.send(lines_of(event("one"), event("one"), b"{"), key, kind=LINES)
    collector.send(event("two"), "wrong")
    found = collector.metrics()
    assert found["journey_collector_accepted_total"] == 1
    assert found["journey_collector_duplicates_total"] == 1
    assert found['journey_collector_rejected_total{reason="not_json"}'] == 1
    assert found['journey_collector_answers_total{status="202"}'] == 1
    assert found['journey_collector_answers_total{status="401"}'] == 1
    assert found["journey_collector_write_keys"] == 1
    assert found["journey_collector_commit_seconds_count"] == 1
    assert found["journey_collector_log_answers"] == 1


def test_many_people_at_once_are_told_to_a_receiver_within_seconds_and_taken_on_over_http(collect, tmp_path):
    collector = collect(JOURNEY_ALERTS=str(tmp_path / "alerts.toml"))
    now, rng = datetime.now(UTC), random.Random(1)

    def share(number, at, content):
        handles = {"user": f"u{number}"}
        return event(
            f"s{number}",
            type="social.share",
            time=at.isoformat(),
            data={"handles": handles, "content": content},
        )

    with listening() as receiver:
        secret = "whsec_" + "A" * 43 + "="
        told = f'kind = "webhook"\nname = "h"\nprivate = true\nurl = "{receiver.url}"\nsecret = "{secret}"'
        rule = "name = 'much'\nsql = 'SELECT brand, count() AS figure FROM interactions GROUP BY brand'\nabove = 390"
        (tmp_path / "alerts.toml").write_text(f"[[receiver]]\n{told}\n[[rule]]\n{rule}\nevery = '10s'\n")
        key = collector.key("shop")
        collector.start()
        quiet = [share(n, now - timedelta(minutes=rng.randrange(15, 4_300)), "old") for n in range(380)]
        assert collector.send(quiet, key, kind=BATCH).status == 202
        assert (
            collector.send([share(1_000 + n, now, "film") for n in range(12)], key, kind=BATCH).status == 202
        )
        came = {one.json["data"]["rule"]: one for one in receiver.wait(2, 60)}
        listed = {one["kind"]: one for one in collector.get("/v1/alerts").json}
        assert set(listed) == {"content", "rule"}
        path = f"/v1/alerts/{listed['rule']['alert']}/ack"
        assert collector.ask("POST", path, b'{"by": "ada"}', {"origin": "https://evil.example"}).status == 403
        assert (
            collector.ask("POST", path, b'{"by": "ada"}', {"content-type": "application/json"}).status == 200
        )
        (*_, last) = receiver.wait(3, 30)
        assert (last.json["type"], last.json["data"]["acknowledged_by"]) == ("alert.acknowledged", "ada")
        of = listed["rule"]
        standing = f'journey_alerts{{brand="{of["brand"]}",direction="much",severity="warning",state="acknowledged"}}'
        wait_until(
            lambda: collector.metrics().get(standing) == 1, 20, "the metric to say that it is taken on"
        )
        metrics = collector.metrics()
        assert metrics['journey_alert_waiting{receiver="h"}'] == 0
        assert collector.stop() == 0
    taken = came[None]
    assert taken.json["data"]["scope"] == {"kind": "content", "value": "film"}
    assert taken.json["data"]["people"] == 12
