"""Signatures that mappings describe: each provider's own, whatever is changed in them, how old they may be, replays."""

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from schemas.webhook import WebhookError, bundled, parse_webhook
from streams.collector.adapters import Unverified
from streams.collector.adapters.signatures import Secrets
from streams.collector.adapters.webhook import Webhooks
from tests.collector.adapters.edge import RECEIVED, RECEIVED_US, request
from tests.collector.adapters.signing import PUBLIC_KEY, SECRET, SIGNED, TIMED, secret_of, signed_by, url_of

MAPPINGS = bundled()
AGE_S = {"sendgrid": 90_000}


def body_of(name, what=None):
    said = json.dumps({"a": 1} if what is None else what)
    return (
        urlencode({"mandrill_events": said, "z": "", "b": "2"}).encode()
        if name == "mandrill"
        else said.encode()
    )


def check(name, headers, body, *, secrets=None, url=None, received_us=RECEIVED_US):
    adapter = Webhooks(
        MAPPINGS,
        {
            name: Secrets(
                (secret_of(name),) if secrets is None else secrets, url_of(name) if url is None else url
            )
        },
    )
    adapter.verify(request(f"/v1/webhooks/{name}", body, headers=headers, received_us=received_us))


def test_every_mapping_that_describes_its_signature_is_here():
    assert set(SIGNED) == {
        name for name, each in MAPPINGS.items() if each.signature.scheme in {"hmac", "ecdsa"}
    }


@pytest.mark.parametrize("name", SIGNED)
def test_what_the_provider_signed_is_believed(name):
    body = body_of(name)
    check(name, signed_by(name, body, RECEIVED), body)
    other = PUBLIC_KEY[:-8] + "AAAAAAA=" if name == "sendgrid" else "another"
    if name != "sendgrid":
        check(name, signed_by(name, body, RECEIVED), body, secrets=(other, SECRET))


@pytest.mark.parametrize("name", SIGNED)
def test_what_was_changed_or_is_not_signed_is_not_believed(name):
    body = body_of(name)
    good = signed_by(name, body, RECEIVED)
    for headers in (
        {}, signed_by(name, body_of(name, {}), RECEIVED), signed_by(name, body, RECEIVED, "another"),
        *({**good, one: "?"} for one in good), *({**good, one: good[one].upper().replace("A", "B")[:-4] + "0001"} for one in good),
        *({key: value for key, value in good.items() if key != one} for one in good),
    ):  # fmt: skip
        with pytest.raises(Unverified):
            check(name, headers, body)
    with pytest.raises(Unverified):
        check(name, good, body.replace(b"1", b"2"))


@pytest.mark.parametrize("name", ["hubspot", "mandrill"])
def test_the_address_is_signed_too(name):
    body = body_of(name)
    with pytest.raises(Unverified, match="not set"):
        check(name, signed_by(name, body, RECEIVED), body, url="")
    with pytest.raises(Unverified, match="wrong"):
        check(name, signed_by(name, body, RECEIVED), body, url="https://elsewhere.example/")


@pytest.mark.parametrize("name", TIMED)
def test_a_signed_time_is_not_too_old_and_not_ahead(name):
    body, age_s = body_of(name), AGE_S.get(name, 300)
    for seconds, taken in (
        (-age_s - 2, False),
        (-age_s + 2, True),
        (298, True),
        (302, False),
        (10**9, False),
    ):
        headers = signed_by(name, body, RECEIVED + timedelta(seconds=seconds))
        if taken:
            check(name, headers, body)
        else:
            with pytest.raises(Unverified, match="from our clock"):
                check(name, headers, body)


@pytest.mark.parametrize("name", TIMED)
def test_a_replay_is_refused_once_the_log_has_it(name):
    body = body_of(name)
    adapter = Webhooks(MAPPINGS, {name: Secrets((secret_of(name),), url_of(name))})
    delivery = request(f"/v1/webhooks/{name}", body, headers=signed_by(name, body, RECEIVED))
    adapter.verify(delivery)
    adapter.settle(delivery)
    with pytest.raises(Unverified, match="taken already"):
        adapter.verify(delivery)


@pytest.mark.parametrize("secret", ["", "c2VjcmV0", "!", "MFkw", SECRET])
def test_a_public_key_that_is_none_says_so_and_verifies_nothing(secret):
    body = body_of("sendgrid")
    with pytest.raises(Unverified, match=r"no secret|no public key"):
        check("sendgrid", signed_by("sendgrid", body, RECEIVED), body, secrets=(secret,) if secret else ())


def test_a_form_that_is_none_is_not_believed():
    with pytest.raises(Unverified, match="form"):
        check("mandrill", {"x-mandrill-signature": "AAAA"}, b"\xff")


_SENDGRID = {
    "email": "hello@world.com", "event": "dropped", "reason": "Bounced Address", "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>", "timestamp": 1600112492,
}  # fmt: skip
_SLACK = (
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA"
    "&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
    "96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


@pytest.mark.parametrize(
    ("name", "body", "headers", "secret", "at_s"),
    [
        ("facebook", "Hello, World!", {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
         "It's a Secret to Everybody", 0),
        ("slack", _SLACK, {"x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", "x-slack-request-timestamp": "1531420618"},
         "8f742231b10e8888abcd99yyyzzz85a5", 1531420620),
        ("sendgrid", json.dumps([_SENDGRID], sort_keys=True, separators=(",", ":")) + "\r\n", {
            "x-twilio-email-event-webhook-signature":
                "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
            "x-twilio-email-event-webhook-timestamp": "1600112502"},
         "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==", 1600112510),
    ],
)  # fmt: skip
def test_the_vectors_that_providers_publish_hold(name, body, headers, secret, at_s):
    check(name, headers, body.encode(), secrets=(secret,), received_us=at_s * 1_000_000)
    with pytest.raises(Unverified):
        check(name, headers, body.encode() + b" ", secrets=(secret,), received_us=at_s * 1_000_000)


OWN = """
version = 1
[signature]
scheme = "hmac"
header = "x-sign"
over = "{time}.{body}"
time = "x-time"
[[event]]
type = "web.click"
when = "body"
id = "body.id"
time = "body.at"
handles = { user = "body.who" }
"""


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('header = "x-sign"\n', "", "say in which header"), ("{body}", "{who}", "{who}: known are"), ("{time}.", "", "the time of signing"),
        ('time = "x-time"\n', "", "the time of signing"), ("{time}.{body}", "{time}", "what is signed"), ('"hmac"', '"shopify"', "only for the schemes"),
        ('"x-sign"', '"X Sign"', "signature.header"), ('time = "x-time"', 'time = "x-time"\nmax_age_s = 5', "signature.max_age_s"),
        ('over = "{time}.{body}"\ntime = "x-time"\n', 'time_field = "t"\n', "time_field"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_signature_says_what_is_wrong(old, new, named):
    assert parse_webhook(OWN, name="own").signature.scheme == "hmac"
    with pytest.raises(WebhookError) as error:
        parse_webhook(OWN.replace(old, new, 1), name="own")
    assert named in str(error.value)
