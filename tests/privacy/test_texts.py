"""What a person writes stands nowhere afterwards, by whichever way it came in, whether its mood is read or not."""

import base64
import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from streams.embedded.embedded import Embedded
from streams.log.frame import decode
from streams.settings import Settings
from tests.collector.adapters import payloads
from tests.collector.adapters.payloads_social import comment, facebook
from tests.collector.adapters.signing import secret_of, signed_by
from tests.collector.server import BATCH, KEY, LINES, ONE, Collector, event
from tests.fixtures import commands
from tests.privacy.traces import in_files, in_tables

WORD = "zzplanted"
ANGRY = f"I hate this horrible service, {WORD}"
PLANTED = [
    WORD.encode(),
    WORD.upper().encode(),
    base64.b64encode(f'"{ANGRY}'.encode())[:12],
    b"horrible service",
]
MORE = {"off": {}, "on": {"JOURNEY_SENTIMENT": "en"}}
ODD = {
    "plain": ANGRY, "long": f"{ANGRY} " * 3_000, "half": f"{ANGRY} \ud83d", "zero": f"{ANGRY}\0", "quotes": f'"text":"{ANGRY}\\"', "rtl": f"\u202e{ANGRY}",
    "emoji": f"😡 {ANGRY} 😡", "json": json.dumps({"text": ANGRY}), "escape": f"\x1b[31m{ANGRY}",
}  # fmt: skip


def comments(kind, **more):
    """Return an event for each odd text."""
    texts = {name: text for name, text in ODD.items() if name not in more.pop("but", ())}
    return [
        event(f"{kind}-{name}", type="social.comment", data={"text": text, "language": "en"} | more)
        for name, text in texts.items()
    ]


def refused():
    """Return what is no event, each for another reason."""
    good = json.dumps(event("bad", data={"text": ANGRY})).encode()
    return [
        good.replace(b'"time"', b'"tame"'), good.replace(b"social", b"Social").replace(b"page_view", b"Page"), good[:-1], good[:-12],
        good.replace(b'"text"', b'"text": "horrible service", "other"'), good.replace(b'"cookie"', b'"biscuit"'),
        json.dumps(event("bad", data={"text": [ANGRY]})).encode(), json.dumps(event("bad", data={"text": {WORD: ANGRY}})).encode(),
        json.dumps(event("bad", data={"text": ANGRY, "language": ANGRY})).encode(), json.dumps(event("no", data={"text": ANGRY, "consent": "denied"})).encode(),
    ]  # fmt: skip


def encoded(made):
    data = base64.b64encode(json.dumps(made.pop("data")).encode()).decode()
    return made | {"data_base64": data}


def segment(number, text):
    at = datetime.now(UTC).isoformat()
    return {"type": "track", "event": "Product Reviewed", "userId": f"u-{number}", "messageId": f"m-{number}", "timestamp": at, "properties": {"review_body": text}}  # fmt: skip


def activity(number, text):
    note = {"id": f"https://a.example/n/{number}", "type": "Note", "inReplyTo": "https://l.example/p", "content": f"<p>{text}</p>", "summary": text, "name": text}  # fmt: skip
    return {"@context": "https://www.w3.org/ns/activitystreams", "id": f"https://a.example/{number}", "type": "Create", "actor": "https://a.example/ann",
            "published": datetime.now(UTC).isoformat(), "object": note}  # fmt: skip


def sent(collector, key):
    """Send everything, in every way over HTTP; return the answers."""
    for made in comments("structured"):
        yield collector.send(made, key)
    yield collector.send(comments("batch"), key, kind=BATCH)
    yield collector.send(b"\n".join(json.dumps(each).encode() for each in comments("lines")), key, kind=LINES)
    for made in comments("binary"):
        named = {f"ce_{name}": made[name] for name in ("id", "source", "type", "time")} | {
            "ce_specversion": "1.0"
        }
        yield collector.send(json.dumps(made["data"]).encode(), key, kind="application/json", **named)
    for made in comments("base64", but={"long"}):
        yield collector.send(encoded(made), key)
    for line in refused():
        yield collector.send(line, key, kind=ONE)
    yield collector.send(b"\n".join(refused()), key, kind=LINES)
    for number, text in enumerate(ODD.values()):
        yield collector.send(segment(number, text), key, kind="application/json", path="/v1/track")
        yield collector.send(activity(number, text), key, kind="application/json", path="/v1/activities")
    bodies = [facebook(comment(message=text, number=number)) for number, text in enumerate(ODD.values())]
    for body in (*bodies, facebook(comment("remove", 1792238390, message=None)), payloads.FACEBOOK_MESSAGES):
        data = json.dumps(body).replace(json.dumps(payloads.TEXT)[1:-1], ANGRY).encode()
        signed = signed_by("facebook", data, datetime.now(UTC))
        yield collector.ask(
            "POST",
            f"/v1/webhooks/facebook?writeKey={key}",
            data,
            {"content-type": "application/json"} | signed,
        )


def has(data):
    return [one for one in PLANTED if one in data]


@pytest.mark.parametrize("mood", MORE)
@pytest.mark.parametrize("command", ["up", "collector"])
def test_what_is_written_over_http_is_found_nowhere(tmp_path, mood, command):
    collector = Collector(
        tmp_path, command, JOURNEY_WEBHOOK_FACEBOOK_SECRET=secret_of("facebook"), **MORE[mood]
    )
    try:
        key = collector.key("all", "--brand", "lumiere", "--channel", "*", "--channel", "identity")
        collector.start()
        answers = list(sent(collector, key))
        counted = collector.metrics()
    finally:
        collector.stop()
        collector.kill()
    for answer in answers:
        assert not has(answer.body + str(answer.headers).encode()), answer
        assert answer.status < 500
    statuses = [status for answer in answers if "items" in answer.json for status in answer.statuses]
    assert statuses.count("accepted") >= 60, [answer for answer in answers if "rejected" in str(answer.body)]
    read = counted.get('journey_sentiment_texts_total{outcome="read"}', 0)
    assert (read >= 60) == (mood == "on")
    assert in_files(tmp_path, PLANTED) == []
    with closing(sqlite3.connect(collector.data / "log.sqlite")) as log:
        for (data,) in log.execute("SELECT frame FROM frames WHERE length(frame) > 0"):
            frame = decode(data)
            assert not has(str([frame.events.to_pylist(), frame.letters.to_pylist()]).encode())
    with Embedded(Settings(collector.data, handle_key=KEY)) as embedded:
        assert in_tables(embedded.store, PLANTED) == []
        rows = embedded.store.rows(
            "SELECT splitByChar('-', id)[1] AS way, countIf(sentiment <= -0.3) AS angry, count() AS n FROM interactions GROUP BY way"
        )
        found = {row["way"]: (row["angry"], row["n"]) for row in rows}
        for way in ("structured", "batch", "lines", "binary"):
            assert found[way] == (len(ODD) if mood == "on" else 0, len(ODD)), way
        assert found["base64"] == (len(ODD) - 1 if mood == "on" else 0, len(ODD) - 1)
        (letters,) = embedded.store.rows("SELECT count() AS n FROM dead_letters")
        assert letters["n"] >= 2 * (len(refused()) - 1)
    assert in_files(tmp_path, PLANTED) == []


@pytest.mark.parametrize("mood", MORE)
def test_what_is_written_in_a_file_is_found_nowhere_after_it_was_loaded(tmp_path, mood):
    source, data = tmp_path / "in" / "events.ndjson", tmp_path / "data"
    source.parent.mkdir()
    lines = [
        json.dumps(each, ensure_ascii=number % 2 == 0 or "half" in each["id"]).encode()
        for number, each in enumerate(comments("file", brand="b"))
    ]
    source.write_bytes(b"\n".join([*lines, *refused()]))
    said = []
    for words in (
        ("load", str(source), "--json"),
        ("load", str(source)),
        ("dead-letters", "list", "--limit", "99"),
        ("dead-letters", "replay"),
        ("verify",),
    ):
        program = [commands.JOURNEY, *words, "--data", str(data)]
        setting = os.environ | {"JOURNEY_HANDLE_KEY": KEY.hex()} | MORE[mood]
        said.append(commands.run(program, env=setting, capture_output=True, timeout=120, check=False))
    assert b'"accepted": %d' % len(ODD) in said[0].stdout, said[0]
    for done in said:
        assert not has(done.stdout + done.stderr), done.args
    assert in_files(data, PLANTED) == []
    with Embedded(Settings(data, handle_key=KEY)) as embedded:
        assert in_tables(embedded.store, PLANTED) == []
        (row,) = embedded.store.rows(
            "SELECT countIf(sentiment <= -0.3) AS angry, count() AS n FROM interactions"
        )
        once = len(ODD) + 1  # what had no text there, but something else, is an event without it
        assert (row["angry"], row["n"]) == (len(ODD) if mood == "on" else 0, once)
        assert embedded.store.rows("SELECT count() AS n FROM conflicts WHERE field = 'sentiment'") == [
            {"n": 0}
        ]
