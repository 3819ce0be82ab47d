"""Every provider's signed delivery against a running collector: taken, repeated, forged, of another brand, and what is on disk then."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from schemas.webhook import bundled
from tests.collector.adapters import payloads
from tests.collector.adapters.edge import encoded
from tests.collector.adapters.payloads_social import ANN, PAGE, comment, facebook, reaction
from tests.collector.adapters.signing import SIGNED, TIMED, secret_of, signed_by, url_of
from tests.collector.server import Collector

MAPPINGS = bundled()
BODIES = {
    "facebook": facebook(comment(), reaction(), reaction("remove", 1792238390)), "instagram": payloads.INSTAGRAM_COMMENT,
    "whatsapp": payloads.WHATSAPP_MESSAGE, "discourse": payloads.DISCOURSE_POST, "woocommerce": payloads.WOOCOMMERCE_ORDER,
    "typeform": payloads.TYPEFORM_ANSWERS, "mandrill": payloads.MANDRILL_EVENTS, "stripe": payloads.STRIPE_CHARGE, "slack": payloads.SLACK_MESSAGE,
    "hubspot": payloads.HUBSPOT_EVENTS, "sendgrid": payloads.SENDGRID_EVENTS, "trustpilot": payloads.TRUSTPILOT_REVIEW,
}  # fmt: skip
MORE = {
    "discourse": {"x-discourse-event": "post_created"},
    "woocommerce": {"x-wc-webhook-topic": "order.updated"},
}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    told = {f"JOURNEY_WEBHOOK_{name.upper()}_SECRET": secret_of(name) for name in SIGNED}
    told |= {f"JOURNEY_WEBHOOK_{name.upper()}_URL": url_of(name) for name in ("hubspot", "mandrill")}
    collector = Collector(tmp_path_factory.mktemp("deliveries"), **told)
    try:
        keys = {
            brand: collector.key(brand, "--brand", brand, "--channel", "*", "--channel", "identity")
            for brand in ("lumiere", "nova")
        }
        collector.start()
        yield collector, keys
    finally:
        collector.kill()


def deliver(served, name, body=None, *, at=None, secret="", brand="lumiere", query=""):
    collector, keys = served
    data = encoded(MAPPINGS[name], BODIES[name] if body is None else body)
    signing = (
        signed_by(name, data, at or datetime.now(UTC), *([secret] if secret else []))
        if name in SIGNED
        else {}
    )
    kind = FORM if MAPPINGS[name].form_field else "application/json"
    return collector.ask(
        "POST",
        f"/v1/webhooks/{name}?writeKey={keys[brand]}{query}",
        data,
        {"content-type": kind} | signing | MORE.get(name, {}),
    )


@pytest.mark.parametrize("name", BODIES)
def test_a_delivery_is_taken_and_repeated_it_is_the_same(served, name):
    at = datetime.now(UTC) - timedelta(seconds=30)
    answer = deliver(served, name, at=at)
    assert answer.status == 200, answer
    assert "accepted" in answer.statuses
    assert set(answer.statuses) <= {"accepted", "passed_over"}
    assert all(item["reason"] for item in answer.json["items"] if item["status"] == "passed_over")
    again = deliver(served, name, at=at)
    if name in TIMED and name != "sendgrid":
        assert (again.status, again.json["type"]) == (401, "urn:journey:problem:unverified")
    resent = deliver(served, name)  # signed again, as providers do
    assert resent.status == 200
    assert set(resent.statuses) <= {"duplicate", "passed_over"}


@pytest.mark.parametrize("name", [name for name in BODIES if name in SIGNED])
def test_a_forged_or_old_delivery_is_refused_and_nothing_of_it_taken(served, name):
    forged = deliver(served, name, secret="another")
    assert (forged.status, forged.json["type"]) == (401, "urn:journey:problem:unverified")
    if name in TIMED:
        old = deliver(served, name, at=datetime.now(UTC) - timedelta(days=2))
        assert (old.status, old.json["type"]) == (401, "urn:journey:problem:unverified")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 5_000 + b"]" * 5_000, b'{"object": NaN}', b"null", b"7"]
)
@pytest.mark.parametrize("name", ["facebook", "sendgrid", "stripe"])
def test_an_odd_body_is_a_clear_answer(served, name, body):
    collector, keys = served
    headers = {"content-type": "application/json"} | signed_by(name, body, datetime.now(UTC))
    answer = collector.ask("POST", f"/v1/webhooks/{name}?writeKey={keys['lumiere']}", body, headers)
    assert answer.status in {200, 400}, answer
    assert answer.status == 400 or set(answer.statuses) <= {"passed_over", "rejected"}


def test_an_account_of_another_brand_is_not_taken(served):
    assert deliver(served, "facebook", query=f"&accounts={PAGE}:nova").statuses == ["rejected"] * 3, (
        "the key is not for nova"
    )
    assert deliver(served, "facebook", query="&accounts=5").statuses == ["passed_over"] * 3
    taken = deliver(served, "facebook", brand="nova", query=f"&accounts={PAGE}:nova")
    assert taken.statuses == ["accepted"] * 3, "the same page, of another key, is another brand's"


def test_what_was_refused_is_not_taken_back_later(served):
    """The key is not for nova: neither the like nor what takes it back is its."""
    like, removal = (
        facebook(reaction(verb, at, who={"id": "24601000000009"}))
        for verb, at in (("add", 1792238300), ("remove", 1792238390))
    )
    query = f"&accounts={PAGE}:nova"
    assert deliver(served, "facebook", like, query=query).statuses == ["rejected"]
    found = deliver(served, "facebook", removal, query=query)
    assert (found.statuses, found.json["items"][0]["reason"]) == (["passed_over"], "unknown_original")


def test_providers_are_answered_before_they_send(served):
    collector, keys = served
    key = keys["lumiere"]
    asked = f"/v1/webhooks/whatsapp?writeKey={key}&hub.mode=subscribe&hub.challenge=77&hub.verify_token="
    found = collector.get(asked + key)
    assert (found.status, found.body, found.headers["content-type"].partition(";")[0]) == (
        200,
        b"77",
        "text/plain",
    )
    assert collector.get(asked + "another").status == 401
    assert collector.get(asked.replace(key, "no") + "no").status == 401
    assert collector.ask("HEAD", f"/v1/webhooks/mandrill?writeKey={key}", None, {}).status == 200
    ping = collector.ask(
        "POST", f"/v1/webhooks/woocommerce?writeKey={key}", b"webhook_id=5", {"content-type": FORM}
    )
    assert (ping.status, ping.json) == (200, {"items": []})
    url = deliver(served, "slack", {"type": "url_verification", "challenge": "abc"})
    assert (url.status, url.body) == (200, b"abc")
    assert (
        deliver(served, "slack", {"type": "url_verification", "challenge": "abc"}, secret="another").status
        == 401
    )


def test_what_is_passed_over_is_counted_and_of_texts_and_people_nothing_is_on_disk(served):
    collector, _ = served
    for name in BODIES:
        deliver(served, name)
    deliver(served, "facebook", query="&accounts=5")
    counted = collector.metrics()
    for reason in ("no_event", "receipt", "machine", "transport", "import", "other_account"):
        assert counted[f'journey_collector_passed_over_total{{reason="{reason}"}}'] >= 1
    assert collector.stop() == 0
    written = [path.read_bytes() for path in collector.folder.rglob("*") if path.is_file()]
    for planted in (
        b"zelda",
        b"Ann Lee",
        b"ann.lee@",
        b"Ann.L",
        b"33639987750",
        b"639987750",
        ANN["id"].encode(),
        b"cus_9s6XKzkNRiz8i3",
        b"99001000000001",
    ):
        assert not [len(data) for data in written if planted in data], planted
    rows = collector.rows(
        "SELECT type, count() AS n FROM interactions WHERE brand = 'lumiere' GROUP BY type ORDER BY type"
    )
    assert {row["type"] for row in rows} >= {
        "social.unlike",
        "campaign.opened",
        "web.purchase",
        "web.nps",
        "community.post",
        "support.message",
    }
    kept = json.dumps(
        collector.rows("SELECT * FROM interactions") + collector.rows("SELECT * FROM dead_letters")
    )
    assert "social.unlike" in kept
    assert not [
        word
        for word in (b"zelda", b"Ann", b"ann.l", b"639987750", b"HBgL", b"24601", b"cus_", b"99001")
        if word.decode() in kept
    ]
