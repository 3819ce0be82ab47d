"""Who may send what: every route with every kind of credential, and grants that bodies cannot widen."""

import base64

import pytest

from streams.collector.adapters.files import load
from streams.settings import AdapterSettings
from tests.collector.server import BATCH, LINES, ONE, event, lines_of
from tests.fixtures.servers.process import wait_until

PUBLIC = ("/openapi.json", "/docs", "/health", "/ready")
CREDENTIALS = (
    "none", "wrong", "empty bearer", "damaged basic", "basic", "bearer", "header", "query", "revoked", "rotated away",
)  # fmt: skip
GOOD = {"basic", "bearer", "header", "query"}


@pytest.fixture(scope="module")
def keys(shared, key):
    """Keys by what became of them."""
    made = {"good": key, "revoked": shared.key("revoked"), "rotated away": shared.key("old")}
    shared.run("keys", "write", "revoke", "revoked")
    made["new"] = shared.run("keys", "write", "rotate", "old", "--keep-hours", "0").strip()
    wait_until(lambda: shared.send([], made["new"], kind=BATCH).status == 202, 10, "the new key to be known")
    return made


def asked(credential, keys):
    """Return headers and query of a credential."""
    good = keys["good"]
    basic = base64.b64encode(f"{good}:".encode()).decode()
    return {
        "none": ({}, ""),
        "wrong": ({"authorization": "Bearer jwk_wrong"}, ""),
        "empty bearer": ({"authorization": "Bearer "}, ""),
        "damaged basic": ({"authorization": f"Basic {basic[:-3]}!"}, ""),
        "basic": ({"authorization": f"Basic {basic}"}, ""),
        "bearer": ({"authorization": f"Bearer {good}"}, ""),
        "header": ({"x-write-key": good}, ""),
        "query": ({}, f"?writeKey={good}"),
        "revoked": ({"authorization": f"Bearer {keys['revoked']}"}, ""),
        "rotated away": ({"authorization": f"Bearer {keys['rotated away']}"}, ""),
    }[credential]


@pytest.mark.parametrize("kind", [ONE, BATCH, LINES, "application/json", "text/plain"])
def test_events_are_taken_with_a_good_key_and_else_nothing_is(shared, keys, kind):
    for credential in CREDENTIALS:
        headers, query = asked(credential, keys)
        body = lines_of([event()] if kind == BATCH else event())
        answer = shared.ask("POST", f"/v1/events{query}", body, {"content-type": kind} | headers)
        assert answer.status == (202 if credential in GOOD else 401), (credential, answer)
        if credential not in GOOD:
            assert answer.headers["www-authenticate"].startswith("Basic "), credential
            assert answer.json["type"] == "urn:journey:problem:no_key", credential


OTHERS = [path for adapter in load(AdapterSettings()) for path in adapter.routes if "settings" not in path]


@pytest.mark.parametrize("path", [path.replace("{name}", "zendesk") for path in OTHERS])
def test_other_protocols_are_behind_the_same_door(shared, keys, path):
    for credential in CREDENTIALS:
        headers, query = asked(credential, keys)
        answer = shared.ask("POST", path + query, b"{}", {"content-type": "application/json"} | headers)
        if credential not in GOOD:
            assert (answer.status, answer.json["type"]) == (401, "urn:journey:problem:no_key"), credential
        elif "webhooks" in path:
            assert (answer.status, answer.json["type"]) == (401, "urn:journey:problem:unverified"), credential
        else:
            assert answer.status in {200, 202, 400, 422}, (credential, answer)


@pytest.mark.parametrize("key_of", ["good", "revoked", "rotated away"])
def test_a_key_in_the_path_or_in_the_body_is_a_key(shared, keys, key_of):
    good = key_of == "good"
    settings = shared.get(f"/v1/projects/{keys[key_of]}/settings")
    assert settings.status == (200 if good else 401)
    call = {"writeKey": keys[key_of], "anonymousId": "a", "event": "Seen", "messageId": key_of}
    assert (shared.send(call, path="/v1/track", kind="text/plain").status == 401) is not good


@pytest.mark.parametrize("path", PUBLIC)
def test_what_is_public_is_so_for_everybody_and_only_to_read(shared, keys, path):
    for credential in CREDENTIALS:
        headers, query = asked(credential, keys)
        assert shared.ask("GET", path + query, None, headers).status == 200, credential
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert shared.ask(method, path + query, b"", headers).status == 405, (credential, method)


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/v1", "/v1/event", "/v1/events/1", "/admin", "/v1/../metrics"]
)
def test_a_key_opens_nothing_else(shared, keys, path):
    for credential in CREDENTIALS:
        headers, query = asked(credential, keys)
        for method in ("GET", "POST"):
            assert shared.ask(method, path + query, None, headers).status == 404, (credential, method)


def test_events_are_posted(shared, key):
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert shared.send(event(), key, method=method).status == 405, method


@pytest.fixture(scope="module")
def narrow(shared):
    """A key for one brand on the web, from one source."""
    made = shared.key(
        "narrow",
        "--brand",
        "lumiere",
        "--channel",
        "web",
        "--source",
        "https://shop.example",
        "--origin",
        "https://shop.example",
    )
    wait_until(lambda: shared.send([], made, kind=BATCH).status == 202, 10, "the key to be known")
    return made


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"data": {"brand": "other"}}, "/data/brand"),
        ({"data": {"brand": "Lumiere"}}, "/data/brand"),
        ({"type": "store.purchase"}, "/type"),
        ({"type": "identity.link", "data": {"handles": {"cookie": "a", "user": "b"}}}, "/type"),
        ({"type": "unheard.of"}, "/type"),
        ({"source": "https://till.example"}, "/source"),
    ],
)
def test_an_event_beyond_the_grant_is_rejected_and_its_neighbours_are_not(shared, narrow, more, pointer):
    answer = shared.send([event("a"), event("b", **more), event("c")], narrow, kind=BATCH)
    assert [item["status"] == "rejected" for item in answer.json["items"]] == [False, True, False]
    assert (answer.json["items"][1]["reason"], answer.json["items"][1]["pointer"]) == (
        "not_granted",
        f"/1{pointer}",
    )
    alone = shared.send(event("b", **more), narrow)
    assert alone.status == 403
    assert alone.json["type"] == "urn:journey:problem:not_granted"


def test_a_body_that_names_two_brands_is_judged_by_the_one_that_is_stored(shared, narrow):
    line = lines_of(event("twice"))
    for first, last in (("lumiere", "other"), ("other", "lumiere")):
        body = line.replace(b'"brand": "lumiere"', f'"brand": "{first}", "br\\u0061nd": "{last}"'.encode())
        answer = shared.send(body, narrow)
        assert (answer.status == 202) == (last == "lumiere"), answer


def test_a_key_with_one_brand_gives_it_to_events_without(shared, narrow, key):
    without = event("without")
    del without["data"]["brand"]
    without["data"]["properties"] = {"brand": "of the product"}
    assert shared.send(without, narrow).status == 202
    refused = shared.send(without, key)
    assert (refused.status, refused.json["items"][0]["reason"]) == (422, "missing_field")


def test_identity_is_granted_by_name_alone(shared):
    every = shared.key("every", "--brand", "*", "--channel", "*")
    link = event("link", type="identity.link", data={"handles": {"cookie": "a", "user": "b"}})
    wait_until(lambda: shared.send([], every, kind=BATCH).status == 202, 10, "the key to be known")
    assert shared.send(link, every).status == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://shop.example", 202),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://shop.example", 403),
    ],
)
def test_pages_of_other_origins_may_not_use_a_key(shared, narrow, origin, status):
    answer = shared.send(event("page"), narrow, origin=origin)
    assert answer.status == status
    assert answer.headers.get("access-control-allow-origin") == (origin if status == 202 else None)


def test_a_key_without_origins_is_for_no_page(shared, key):
    assert shared.send(event(), key, origin="https://shop.example").status == 403


def test_a_preflight_is_answered_without_a_key(shared, narrow):
    asked = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,ce-id,x-evil",
    }
    answer = shared.ask("OPTIONS", "/v1/events", None, asked)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "ce-id"} <= set(allowed)
    assert "x-evil" not in allowed
    assert "access-control-allow-credentials" not in answer.headers
    other = shared.ask("OPTIONS", "/v1/events", None, asked | {"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_no_key_stands_in_the_log_or_in_the_files(shared, keys, narrow):
    secrets = [value.encode() for value in (*keys.values(), narrow)]
    for path in shared.folder.rglob("*"):
        if path.is_file():
            assert not any(secret in path.read_bytes() for secret in secrets), path
