"""What was planted comes in by every way, taken and refused, and is nowhere afterwards: files, tables, logs, metrics, screens."""

import json

from streams.embedded.embedded import Embedded
from streams.kafka.cloudevents import line_of
from streams.settings import Settings
from tests.collector.server import BATCH, LINES, Collector
from tests.fixtures import commands
from tests.privacy.forty import BY_FORM, PERSON, TIME, activities, calls, refused, valid, wanted
from tests.privacy.people import KEY
from tests.privacy.traces import in_files

WANTED = wanted()
NAMES = [b"Zoe Planted", b"Planted Street"]
DOOR = """
version = 1
[signature]
scheme = "none"
[[event]]
type = "store.check_in"
when = "body.id"
id = "body.id"
time = "body.at"
[event.handles]
email = "body.who"
cookie = "body.cookie"
[event.data]
content = "body.text"
cause = "body.text"
place = "body.who"
[event.properties]
note = "body.text"
contact = "body.who"
"""


def line(event):
    return event if isinstance(event, bytes) else json.dumps(event).encode()


def in_dumps(store, wanted_bytes):
    """Return what is in any column of any table, in the words that ClickHouse has for it and as bytes."""
    names = store.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    names = names or store.rows(
        "SELECT name FROM system.tables WHERE database = {d:String}", {"d": store.database}
    )
    assert len(names) > 10
    found = []
    for row in names:
        for output in ("TSVRaw", "RowBinary"):
            dump = store.raw(f"SELECT * FROM {row['name']}", output)
            found += [
                (row["name"], one, dump[dump.index(one) - 80 : dump.index(one) + 80])
                for one in wanted_bytes
                if one in dump
            ]
    return found[:5]


def check(data, told, more=()):
    looked_for = [*WANTED, *more]
    assert [one for one in looked_for if one in told] == []
    assert in_files(data, looked_for)[:5] == []
    with Embedded(Settings(data, handle_key=KEY)) as embedded:
        (counts,) = embedded.store.rows(
            "SELECT (SELECT count() FROM interactions) AS events, (SELECT count() FROM dead_letters) AS letters"
        )
        assert in_dumps(embedded.store, looked_for) == []
    assert in_files(data, looked_for)[:5] == []
    return counts


def test_what_is_looked_for_would_be_found():
    planted = b"\n".join(line(event) for event in (*valid(), *refused()))
    found = {one for one in WANTED if one in planted}
    assert found >= {value.encode() for value in (*PERSON.values(), *BY_FORM.values())}
    assert len(found) > 150


def test_of_a_file_and_of_a_query_nothing_is_left(tmp_path, monkeypatch):
    data, folder = tmp_path / "data", tmp_path / "in"
    folder.mkdir()
    good, bad = [line(event) for event in valid()], [line(event) for event in refused()]
    binary = [
        line_of(
            json.dumps(event["data"]).encode(),
            [(f"ce_{name}", str(event[name]).encode()) for name in ("id", "source", "type", "time")],
        )
        for event in valid("b")
    ]
    (folder / "events.ndjson").write_bytes(b"\n".join([*good, *bad, *binary, *good[:9], *bad[:9]]))
    columns = "'q' || toString(number) AS id, 'sql' AS source, 'web.click' AS type, toDateTime('2026-06-04 12:00:00') AS time, 'b' AS brand"
    handles = f"map('email', '{PERSON['email']}', 'user', '{PERSON['user']}') AS handles"
    text = f"concat('%7Aoe-user-planted ', base64Encode('{PERSON['email']}')) AS content"
    (folder / "q.sql").write_text(
        f"SELECT {columns}, {handles}, {text}, if(number > 0, '{PERSON['email']}', '') AS currency FROM numbers(2)"
    )
    monkeypatch.setenv("JOURNEY_HANDLE_KEY", KEY.hex())
    told = b""
    for words in (
        ["load", str(folder / "events.ndjson")], ["load", "--sql", str(folder / "q.sql")], ["dead-letters", "list", "--limit", "9999"],
        ["dead-letters", "show", "--limit", "9999"], ["dead-letters", "replay"], ["cascades", "list"], ["verify"],
        ["explain", f"email:#{0:016x}", "--brand", "lumiere"],
    ):  # fmt: skip
        done = commands.run(
            [commands.JOURNEY, *words, "--data", str(data)],
            capture_output=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or words[0] == "explain", (words, done.stderr)
        told += done.stdout + done.stderr
    counts = check(data, told)
    taken = len(good) + len(binary) + 1
    assert (counts["events"], counts["letters"]) == (taken, len(bad) + 9 + 1)


def test_over_http_nothing_is_left(tmp_path):
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "door.toml").write_text(DOOR)
    collector = Collector(tmp_path, JOURNEY_WEBHOOKS=str(tmp_path / "hooks"), JOURNEY_HANDLE_KEY=KEY.hex())
    key = collector.key("all")
    collector.start()
    said = []
    try:
        good, bad = list(valid()), list(refused())
        said += [
            collector.send(good[start : start + 400], key, kind=BATCH) for start in range(0, len(good), 400)
        ]
        lines = [line(each) for each in bad]
        said += [
            collector.send(b"\n".join(lines[start : start + 400]), key, kind=LINES)
            for start in range(0, len(bad), 400)
        ]
        said += [collector.send(one, key) for one in (line(good[1]), line(good[-1]), *lines[:7])]
        for event in valid("b"):
            if event["id"].endswith("7"):
                binary = {f"ce_{name}": str(event[name]) for name in ("id", "source", "type", "time")}
                if all(value.isascii() and value.isprintable() for value in binary.values()):
                    said.append(
                        collector.send(
                            json.dumps(event["data"]).encode(), key, kind="application/json", **binary
                        )
                    )
        for path, call in calls():
            said.append(collector.send(call, key, path=path, kind="application/json"))
        said.append(
            collector.send(
                {"batch": [call | {"type": path[4:]} for path, call in calls()]},
                key,
                path="/v1/batch",
                kind="application/json",
            )
        )
        said.append(collector.send(list(activities()), key, path="/v1/activities", kind="application/json"))
        for number, text in enumerate(BY_FORM.values()):
            body = {
                "id": f"{number} {text}",
                "at": TIME if number % 2 else text,
                "who": PERSON["email"],
                "cookie": PERSON["cookie"],
                "text": text,
            }
            said.append(collector.send(body, key, path="/v1/webhooks/door", kind="application/json"))
        assert {answer.status for answer in said} <= {200, 202, 400, 422}, {answer.status for answer in said}
        metrics = str(collector.metrics()) + collector.get("/health").body.decode()
    finally:
        code = collector.stop()
    assert code == 0
    told = (metrics + collector.log).encode() + b"".join(answer.body for answer in said)
    counts = check(collector.data, told, NAMES)
    assert counts["events"] > len(good)
    assert counts["letters"] > len(bad)


def test_a_product_keeps_its_name_and_codes(tmp_path):
    products = [{"product_id": "4006381333931", "name": "Green tea", "price": 3}]
    with Embedded(Settings(tmp_path / "data", handle_key=KEY)) as embedded:
        event = {"id": "1846987139428634858", "source": "https://shop.example", "type": "web.purchase", "time": TIME,
                 "data": {"brand": "b", "handles": {"cookie": "c-1"}, "product": "9780306406157", "place": "4012345000009",
                          "content": "1846987139428634858", "properties": {"products": products, "store": "7 Rue", "version": "17.1.2"}}}  # fmt: skip
        embedded.load([embedded.edge().pack([line(event)], topic="t", now_us=embedded.clock())])
        (row,) = embedded.store.rows(
            "SELECT id, product, place, content, toString(properties) AS p FROM interactions"
        )
    assert (row["id"], row["product"], row["place"], row["content"]) == (
        "1846987139428634858", "9780306406157", "4012345000009", "1846987139428634858",
    )  # fmt: skip
    assert json.loads(row["p"]) == event["data"]["properties"]
