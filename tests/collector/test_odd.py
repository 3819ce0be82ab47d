"""A hundred items of which one is odd, by every way in: 99 are stored, one is a dead letter with its reason."""

import json

import pytest

from tests.collector.adapters.test_odd_items import BROKEN, DEEP, ODD, OWN, activity, call, order
from tests.collector.server import BATCH, LINES, event

CALLS, LIST = "/v1/batch", "/v1/activities"
BAD = {name: value for name, (value, why) in ODD.items() if why} | BROKEN | {"two": DEEP + DEEP}

OUTSIDE = {*BROKEN, "two"}  # what is wrong with it makes a delivery no JSON


def noted(name, note=b'"fine"', place=b'"properties": {"note": '):
    """Return an event of the contract with this value as a property."""
    return json.dumps(event(name)).encode()[:-2] + b", " + place + note + b"}}}"


def bodies():
    """Yield the way in, path, content type and body with an odd item, and the item's place, each with ids of its own."""
    ways = [
        ("events", "/v1/events", BATCH, b"[%s]", noted),
        ("lines", "/v1/events", LINES, b"%s", noted),
        ("calls", CALLS, "application/json", b'{"batch": [%s]}', call),
        ("list", LIST, "application/json", b"[%s]", activity),
        ("till", "/v1/webhooks/till", "application/json", b'{"orders": [%s]}', order),
    ]
    for way, path, kind, whole, item in ways:
        for n, (name, value) in enumerate(BAD.items()):
            if (way == "till" and name in OUTSIDE) or (way == "lines" and b"\n" in value):
                continue  # the delivery is no JSON as a whole; the line is two lines
            if item is noted and name == "nested":
                continue  # the contract takes up to 200 levels
            made = [item(f"{way}-{n}-{m}") for m in range(99)]
            made.insert(50, item(f"odd-{way}-{n}", value))
            yield way, path, kind, whole % (b"\n" if way == "lines" else b", ").join(made)


def test_one_odd_item_takes_no_other_along(collect, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "till.toml").write_text(OWN)
    collector = collect(JOURNEY_WEBHOOKS=str(tmp_path / "own"))
    key = collector.key("all", "--brand", "lumiere", "--channel", "*", "--channel", "identity")
    collector.start()
    sent = 0
    for way, path, kind, body in bodies():
        answer = collector.send(body, key, kind=kind, path=path)
        assert answer.status in {200, 202}, (way, answer, body[5_000:5_300])
        statuses = answer.statuses
        assert statuses.pop(50) == "rejected"
        assert statuses == ["accepted"] * 99
        sent += 1
    assert sent > 30
    answer = collector.send({"shop": "ours"}, key, path="/v1/webhooks/till")
    assert answer.json == {"items": [{"status": "passed_over", "reason": "no_event"}]}
    dear = order("dear", b'"x"').replace(b"3,", b'"1,234",')
    answer = collector.send(b'{"orders": [%s]}' % dear, key, path="/v1/webhooks/till")
    assert [answer.json["items"][0][name] for name in ("status", "detail")] == [
        "accepted",
        "web.purchase: its amount is not read: it could be thousands or decimals: give a number, or two decimals",
    ]
    found = collector.metrics()
    assert [
        found[f'journey_collector_passed_over_total{{reason="{why}"}}'] for why in ("no_event", "amount")
    ] == [1, 1]
    assert collector.get("/health").status == 200
    assert " ERROR " not in collector.log
    assert collector.stop() == 0
    assert collector.rows("SELECT count() AS n FROM interactions") == [{"n": 99 * sent + 1}]
    letters = collector.rows("SELECT count() AS n, countIf(detail = '') AS silent FROM dead_letters")
    assert letters == [{"n": sent, "silent": 0}]


@pytest.mark.parametrize("cut", [b'[{"id": "1"}', b'{"batch": [{}', b"", b"[1]x", b'{"batch": ["}'])
def test_a_body_that_is_cut_off_is_told_in_words(shared, key, cut):
    for path, kind in (("/v1/events", BATCH), (CALLS, "application/json"), (LIST, "application/json")):
        answer = shared.send(cut, key, kind=kind, path=path)
        assert (answer.status, answer.json["type"]) == (400, "urn:journey:problem:malformed")
        assert "JSON" in answer.json["detail"]


@pytest.mark.parametrize("kind", ["application/json", BATCH, LINES, "application/cloudevents+json"])
def test_a_byte_order_mark_is_passed_over(shared, key, kind):
    one = noted(f"bom-{kind}")
    body = b"\xef\xbb\xbf" + (b"[%s]" % one if kind == BATCH else one)
    assert shared.send(body, key, kind=kind).statuses == ["accepted"]


@pytest.mark.parametrize("form", ["[%s]", "%s"])
def test_a_file_loses_the_odd_event_alone(collect, form):
    collector = collect()
    made = [noted(f"file-{n}") for n in range(50)]
    odd = [BAD[name] for name in BAD if name != "nested" and (form == "[%s]" or b"\n" not in BAD[name])]
    for n, value in enumerate(odd):
        made.insert(2 * n, noted(f"odd-{n}", value))
    path = collector.folder / ("events.json" if form == "[%s]" else "events.ndjson")
    between = b",\n" if form == "[%s]" else b"\n"
    path.write_bytes(b"\xef\xbb\xbf" + form.encode() % between.join(made))
    collector.run("load", str(path))
    (books,) = collector.rows("SELECT sum(received) AS r, sum(stored) AS s FROM deliveries")
    assert books == {"r": 50 + len(odd), "s": 50}
    assert collector.rows("SELECT count() AS n FROM dead_letters") == [{"n": len(odd)}]
