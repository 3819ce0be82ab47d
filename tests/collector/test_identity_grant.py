"""The grant identity: without it nothing that a write key sends joins anybody, on no route, now or later."""

import itertools
import subprocess
from urllib.parse import quote

import pytest

from journey.identity.handle import normalise
from journey.identity.handle_key import HandleKey
from tests.collector.server import BATCH, KEY, LINES, Collector, event, lines_of
from tests.fixtures.servers.process import wait_until

JSON = "application/json"
MAPPING = """
version = 1
[signature]
scheme = "none"
[[event]]
when = "body.id"
type = "identity.link"
id = "body.id"
time = "body.at"
[event.handles]
user = "body.user"
cookie = "body.cookie"
"""


def two(name, one, other, **more):
    return event(name, data={"handles": {"user": one, "cookie": other}}, **more)


def call(name, one, other, **more):
    return {"messageId": name, "userId": one, "anonymousId": other} | more


def binary(send, key, name, one, other):
    said = two(name, one, other)
    headers = {f"ce_{field}": quote(said[field]) for field in ("id", "source", "type", "time")}
    return send(said["data"], key, kind=JSON, ce_specversion="1.0", **headers)


def _segment(path, **more):
    return lambda send, key, name, one, other: send(
        call(name, one, other, **more), key, kind=JSON, path=f"/v1/{path}"
    )


# How two handles of one person are said: by name, what sends it; each answer has one item.
WAYS = {
    "event": lambda send, key, *names: send(two(*names), key),
    "values of a kind": lambda send, key, name, one, other: send(
        event(name, data={"handles": {"user": [one, other]}}), key
    ),
    "batch": lambda send, key, *names: send([two(*names)], key, kind=BATCH),
    "lines": lambda send, key, *names: send(lines_of(two(*names)), key, kind=LINES),
    "binary": binary,
    "track": _segment("track", event="Seen"),
    "page": _segment("page"),
    "identify": _segment("identify"),
    "group": _segment("group", groupId="g"),
    "alias": lambda send, key, name, one, other: send(
        {"messageId": name, "userId": one, "previousId": other}, key, kind=JSON, path="/v1/alias"
    ),
    "batch of calls": lambda send, key, *names: send(
        {"batch": [call(*names, type="identify")]}, key, kind=JSON, path="/v1/batch"
    ),
    "webhook": lambda send, key, name, one, other: send(
        {"id": name, "at": event()["time"], "user": one, "cookie": other},
        key,
        kind=JSON,
        path="/v1/webhooks/own",
    ),
}
KEYS = {"granted": "--identity", "bare": "--no-identity"}


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """Both keys on every way, where brands share their handles; then what was refused is replayed."""
    folder = tmp_path_factory.mktemp("grant")
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "own.toml").write_text(MAPPING)
    collector = Collector(folder, JOURNEY_BRANDS="shared", JOURNEY_WEBHOOKS=str(hooks))
    keys = {
        name: collector.key(name, "--brand", "lumiere", "--channel", "web", option)
        for name, option in KEYS.items()
    }
    try:
        collector.start()
        answers = {
            (kind, way): say(collector.send, keys[kind], f"{kind}-{way}", *_people(kind, way))
            for way, say in WAYS.items()
            for kind in KEYS
        }
        for name, refused in REFUSED.items():
            answers["refused", name] = collector.send(refused, keys["bare"], kind=BATCH)
        assert collector.stop() == 0
    finally:
        collector.kill()
    collector.run("dead-letters", "replay", "--reason", "not_granted")
    rows = collector.rows("SELECT toString(handle) AS handle, toString(customer) AS customer FROM customers")
    return answers, {int(row["handle"]): row["customer"] for row in rows}


REFUSED = {
    "another channel": [two("r1", "r1-one", "r1-other", type="store.purchase")],
    "a link": [two("r2", "r2-one", "r2-other", type="identity.link")],
    "no time and three": [
        event(
            "r3", type="store.visit", data={"handles": {"user": ["r3-one", "r3-third"], "cookie": "r3-other"}}
        )
    ],
}


def _people(*names):
    return ("-".join((*names, "one")).replace(" ", ""), "-".join((*names, "other")).replace(" ", ""))


def _customers(customers, one, other):
    """Return whose a user and a cookie (or another user) are; None for who is not known."""
    key = HandleKey(KEY)
    ids = [
        key.id(kind, normalise(kind, value))
        for kind, value in (("user", one), ("cookie", other), ("user", other))
    ]
    return customers.get(ids[0]), customers.get(ids[1]) or customers.get(ids[2])


@pytest.mark.parametrize("way", WAYS)
def test_a_key_joins_two_handles_with_the_grant_and_without_it_not(sent, way):
    answers, customers = sent
    joined = _customers(customers, *_people("granted", way))
    assert joined[0] == joined[1] is not None, answers["granted", way]
    one, other = _customers(customers, *_people("bare", way))
    assert (one is None) != (other is None), (
        "the event counts for its first handle, and the other is not kept"
    )


@pytest.mark.parametrize("way", WAYS)
def test_the_answer_says_of_the_item_that_no_link_was_made(sent, way):
    answers, _ = sent
    (item,) = answers["granted", way].json["items"]
    assert item == {"status": "accepted"}
    answer = answers["bare", way]
    assert answer.status in {200, 202}
    (item,) = answer.json["items"]
    assert (item["status"], item["linked"]) == ("accepted", False)
    assert "no grant identity" in item["detail"]
    assert "more handle" in item["detail"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_was_refused_makes_no_link_when_it_is_replayed(sent, name):
    answers, customers = sent
    (item,) = answers["refused", name].json["items"]
    assert (item["status"], item["reason"]) == ("rejected", "not_granted")
    (said,) = REFUSED[name]
    one = said["data"]["handles"]["user"]
    known = [
        customers.get(HandleKey(KEY).id(kind, value))
        for kind, value in (
            *(("user", each) for each in ([one] if isinstance(one, str) else one)),
            ("cookie", said["data"]["handles"]["cookie"]),
        )
    ]
    assert sum(each is not None for each in known) == 1, "it was taken, for one handle"


def test_segment_identify_works_with_the_key_that_the_readme_makes(shared):
    """The key of the README: a back end's, by default."""
    key = shared.run("keys", "write", "create", "shop", "--brand", "lumiere").strip()
    wait_until(lambda: shared.send([], key, kind=BATCH).status == 202, 10, "the key to be known")
    answer = shared.send(call("readme", "u-1", "a-1"), key, kind=JSON, path="/v1/identify")
    assert (answer.status, answer.json["success"]) == (200, True)
    assert answer.json["items"] == [{"status": "accepted"}]


def test_a_key_from_before_the_grant_still_joins_handles(shared):
    """As a key file has it that an older program wrote."""
    key = shared.run("keys", "write", "create", "old", "--brand", "lumiere", "--channel", "*").strip()
    subprocess.run(["python3", "-c", _OLDER, shared.data / "keys.sqlite", "old"], check=True, timeout=30)
    numbers = itertools.count()

    def joins():
        answer = shared.send(two(f"old-{next(numbers)}", "o-1", "o-2"), key)
        return answer.status == 202 and answer.json["items"] == [{"status": "accepted"}]

    wait_until(joins, 10, "the older key to be known", every_s=0.2)
    assert shared.send(two("older", "o-1", "o-2", type="identity.link"), key).status == 403, "as ever"
    listed = shared.run("keys", "write", "list")
    assert "as every key had it before it was granted" in listed


_OLDER = """
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for digest, text in db.execute("SELECT digest, key FROM write_keys").fetchall():
    key = json.loads(text)
    if key["name"] == sys.argv[2]:
        del key["predates_identity"]
        db.execute("UPDATE write_keys SET key = ? WHERE digest = ?", (json.dumps(key), digest))
db.commit()
"""
