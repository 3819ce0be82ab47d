"""Providers that ask whether an address is ours before they send."""

import json

import pytest

from schemas.webhook import bundled
from streams.collector.adapters import Malformed, Request, Unverified
from streams.collector.adapters.signatures import Secrets
from streams.collector.adapters.webhook import Webhooks
from tests.collector.adapters.edge import RECEIVED, RECEIVED_US
from tests.collector.adapters.signing import SECRET, signed_by

ADAPTER = Webhooks(
    bundled(), {name: Secrets((SECRET,)) for name in ("slack", "facebook", "woocommerce", "mandrill")}
)
FORM = {"content-type": "application/x-www-form-urlencoded"}


def asked(name, method="GET", body=b"", headers=None, **query):
    told = Request(
        f"/v1/webhooks/{name}", method, headers or {}, {"writeKey": "wk"} | query, body, "web", RECEIVED_US
    )
    return ADAPTER.challenge(told)


def subscribe(**changed):
    return {"hub.mode": "subscribe", "hub.verify_token": "wk", "hub.challenge": "1158201444"} | changed


@pytest.mark.parametrize("name", ["facebook", "instagram", "whatsapp"])
def test_meta_is_answered_its_challenge_where_its_token_is_the_write_key(name):
    assert asked(name, **subscribe()) == (200, b"1158201444", "text/plain")
    for wrong in ("", "w", "wk ", "\u00fc", "another"):
        if wrong.strip() != "wk":
            with pytest.raises(Unverified, match="not the write key"):
                asked(name, **subscribe(**{"hub.verify_token": wrong}))
    with pytest.raises(Unverified):
        asked(name, **{"hub.mode": "subscribe", "hub.challenge": "1"})


@pytest.mark.parametrize("said", ["", "<script>", "a b", "x" * 513, "\u0661"])
def test_nothing_but_a_word_is_said_back(said):
    with pytest.raises(Malformed, match="no word"):
        asked("facebook", **subscribe(**{"hub.challenge": said}))


def test_what_is_no_challenge_is_none():
    assert asked("facebook") is None
    assert asked("facebook", "POST", b"{}", **subscribe()) is None
    assert asked("stripe", **subscribe()) is None
    assert asked("nobody", **subscribe()) is None


def test_slack_signs_its_challenge():
    body = json.dumps(
        {
            "token": "x",
            "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
            "type": "url_verification",
        }
    ).encode()
    answer = asked("slack", "POST", body, signed_by("slack", body, RECEIVED))
    assert answer == (200, b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", "text/plain")
    with pytest.raises(Unverified):
        asked("slack", "POST", body)
    odd = body.replace(b'"3eZ', b'"\\ud83d')
    with pytest.raises(Malformed):
        asked("slack", "POST", odd, signed_by("slack", odd, RECEIVED))
    assert asked("slack", "POST", b'{"type": "event_callback"}') is None
    assert asked("slack", "POST", b"{") is None


def test_woocommerce_and_mandrill_ask_with_forms_that_bring_nothing():
    assert asked("woocommerce", "POST", b"webhook_id=9", FORM) == (200, b'{"items":[]}', "application/json")
    assert asked("woocommerce", "POST", b"webhook_id=9") is None
    assert asked("woocommerce", "POST", b"webhook_id=9", FORM | {"x-wc-webhook-signature": "AAAA"}) is None
    assert asked("woocommerce", "POST", b"\xff=\xff", FORM) is None
    assert asked("mandrill", "HEAD") == (200, b'{"items":[]}', "application/json")
    assert asked("mandrill", "POST", b"mandrill_events=%5B%5D", FORM) == (
        200,
        b'{"items":[]}',
        "application/json",
    )
    assert asked("mandrill", "POST", b"mandrill_events=%5B1%5D", FORM) is None
