"""Signatures: a published test vector, whatever is changed in them, the window, replays, secrets that change."""

import base64
import hmac
from datetime import timedelta

import pytest

from schemas.webhook import SCHEMES, bundled, parse_webhook
from schemas.webhook_signature import DESCRIBED, SignatureForm
from streams.collector.adapters import Unverified
from streams.collector.adapters.signatures import Secrets, verify
from streams.collector.adapters.webhook import Webhooks
from tests.collector.adapters.edge import RECEIVED, RECEIVED_US, request

BODY = b'{"hello":"world"}'
URL = "https://in.example/v1/webhooks/square"
SECRET = "c2VjcmV0LW9mLXRoZS1wcm92aWRlcg=="


def digest(data, secret=SECRET, name="sha256"):
    return hmac.new(secret.encode(), data, name).digest()


def b64(data, **options):
    return base64.b64encode(digest(data, **options)).decode()


def signed(scheme, secret=SECRET, at=RECEIVED, body=BODY):
    """Return the headers of a delivery as the provider signs it."""
    iso, unix = at.isoformat().replace("+00:00", "Z"), str(int(at.timestamp()))
    standard = base64.b64encode(
        hmac.digest(base64.b64decode(secret), f"msg_1.{unix}.".encode() + body, "sha256")
    ).decode()
    return {
        "intercom": {"x-hub-signature": "sha1=" + digest(body, secret, "sha1").hex()},
        "lightspeed": {"x-signature": f"signature={digest(body, secret).hex()},algorithm=HMAC-SHA256"},
        "shopify": {"x-shopify-hmac-sha256": b64(body, secret=secret)},
        "square": {"x-square-hmacsha256-signature": b64(URL.encode() + body, secret=secret)},
        "standard": {"webhook-id": "msg_1", "webhook-timestamp": unix, "webhook-signature": f"v1,AAAA v1,{standard}"},
        "zendesk": {"x-zendesk-webhook-signature": b64(iso.encode() + body, secret=secret), "x-zendesk-webhook-signature-timestamp": iso},
    }[scheme]  # fmt: skip


ALL = [scheme for scheme in SCHEMES if scheme not in {*DESCRIBED, "none"}]
TIMED = ["standard", "zendesk"]


def check(scheme, headers, *secrets, body=BODY, received_us=RECEIVED_US):
    return verify(
        SignatureForm(scheme),
        request("/", body, headers=headers, received_us=received_us),
        Secrets(secrets or (SECRET,), URL),
    )


@pytest.mark.parametrize("scheme", ALL)
def test_what_the_provider_signed_is_believed(scheme):
    check(scheme, signed(scheme))


@pytest.mark.parametrize("scheme", ALL)
def test_either_secret_holds_while_it_is_changed(scheme):
    check(scheme, signed(scheme), "b2xkIHNlY3JldA==", SECRET)


@pytest.mark.parametrize("scheme", ALL)
def test_what_was_changed_or_is_not_signed_is_not_believed(scheme):
    good = signed(scheme)
    for headers in (
        {},
        signed(scheme, body=b"{}"),
        signed(scheme, "b3RoZXI="),
        *({**good, name: "?"} for name in good),
    ):
        with pytest.raises(Unverified):
            check(scheme, headers)
    with pytest.raises(Unverified):
        check(scheme, good, body=BODY + b" ")


@pytest.mark.parametrize("scheme", ALL)
def test_without_a_secret_nobody_is_believed(scheme):
    with pytest.raises(Unverified, match="no secret"):
        verify(SignatureForm(scheme), request("/", BODY, headers=signed(scheme)), Secrets())


@pytest.mark.parametrize("scheme", TIMED)
@pytest.mark.parametrize(
    ("seconds", "taken"), [(-301, False), (-299, True), (299, True), (301, False), (10**9, False)]
)
def test_a_signed_time_is_within_five_minutes_of_our_clock(scheme, seconds, taken):
    headers = signed(scheme, at=RECEIVED + timedelta(seconds=seconds))
    if taken:
        assert check(scheme, headers)
    else:
        with pytest.raises(Unverified, match="5 minutes"):
            check(scheme, headers)


def test_the_vector_of_standard_webhooks_holds():
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }  # fmt: skip
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert check("standard", headers, secret, body=b'{"test": 2432232314}', received_us=1614265330_000_000)


def test_a_delivery_is_taken_once_but_only_when_the_log_has_it():
    adapter = Webhooks(bundled(), {"zendesk": Secrets((SECRET,))})
    delivery = request("/v1/webhooks/zendesk", BODY, headers=signed("zendesk"))
    adapter.verify(delivery)
    adapter.verify(delivery)  # the log was busy, the provider asks again
    adapter.settle(delivery)
    with pytest.raises(Unverified, match="taken already"):
        adapter.verify(delivery)
    adapter.verify(
        request("/v1/webhooks/zendesk", BODY, headers=signed("zendesk", at=RECEIVED + timedelta(seconds=1)))
    )


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr("streams.collector.adapters.webhook._REMEMBERED", 3)
    adapter = Webhooks(bundled(), {"zendesk": Secrets((SECRET,))})
    for seconds in range(10):
        at = RECEIVED + timedelta(seconds=seconds)
        adapter.settle(request("/v1/webhooks/zendesk", BODY, headers=signed("zendesk", at=at)))
    assert len(adapter._taken) == 3


def test_a_name_that_nobody_knows_and_a_scheme_of_none_are_no_matter_of_signatures():
    own = 'version = 1\n[signature]\nscheme = "none"\n[[event]]\ntype = "a.b"\nwhen = "body"\nid = "a"\ntime = "a"\nhandles = { user = "a" }\n'
    adapter = Webhooks({"own": parse_webhook(own, name="own")}, {})
    for name in ("own", "nobody"):
        adapter.verify(request(f"/v1/webhooks/{name}", BODY))
        adapter.settle(request(f"/v1/webhooks/{name}", BODY))
    assert not adapter._taken
