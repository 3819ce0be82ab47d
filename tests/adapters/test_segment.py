"""Segment's calls as events: documented payloads, handles, skew, privacy, and any JSON there is."""

import json
from base64 import b64encode
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.apath import default_model
from schemas.segment import MappingError, default_mapping, parse_mapping, snake
from streams.adapters import Malformed
from streams.adapters.segment import Segment, SegmentSettings
from tests.adapters.edge import RECEIVED, events, reason, request
from tests.adapters.values import JSON, objects

ADAPTER = Segment(default_mapping())
# From Segment's specification of the calls and of e-commerce events.
ORDER = {
    "userId": "019mr8mf4r",
    "type": "track",
    "event": "Order Completed",
    "messageId": "022bb90c-bbac-11e4-8dfc-aa07a5b093db",
    "timestamp": "2026-10-17T11:59:00.300Z",
    "properties": {
        "checkout_id": "fksdjfsdjfisjf9sdfjsd9f",
        "order_id": "50314b8e9bcf000000000000",
        "affiliation": "Google Store",
        "total": 27.50,
        "subtotal": 22.50,
        "revenue": 25.00,
        "shipping": 3,
        "tax": 2,
        "discount": 2.5,
        "coupon": "hasbros",
        "currency": "USD",
        "products": [
            {"product_id": "507f1f77bcf86cd799439011", "sku": "45790-32", "name": "Monopoly", "price": 19,
             "quantity": 1, "category": "Games", "url": "https://www.example.com/product/path?ref=ann@example.com"},
        ],
    },
    "context": {
        "library": {"name": "analytics.js", "version": "2.11.1"},
        "campaign": {"name": "TPS Innovation Newsletter", "source": "Newsletter", "medium": "email"},
        "page": {"path": "/academy/", "referrer": "https://search.example/?q=ann@example.com", "title": "Academy"},
        "userAgent": "Mozilla/5.0",
        "ip": "8.8.8.8",
    },
}  # fmt: skip
IDENTIFY = {
    "anonymousId": "507f191e810c19729de860ea",
    "userId": "97980cfea0067",
    "messageId": "m-identify",
    "traits": {
        "name": "Peter Gibbons",
        "email": "peter@example.com",
        "phone": "+1 541 754 3010",
        "plan": "premium",
    },
    "timestamp": "2026-10-17T11:59:00Z",
}


def one(path, body, **options):
    (event,) = events(ADAPTER.translate(request(path, body, **options)))
    return event


def test_an_order_is_a_purchase_with_revenue_and_everything_about_it():
    event = one("/v1/track", ORDER)
    assert {name: event[name] for name in ("id", "source", "type", "time")} == {
        "id": ORDER["messageId"], "source": "web", "type": "web.purchase", "time": "2026-10-17T11:59:00.300000Z",
    }  # fmt: skip
    data = event["data"]
    assert data["handles"] == {"user": "019mr8mf4r"}
    assert (data["amount"], data["currency"], data["campaign"], data["product"]) == (
        25.0, "USD", "TPS Innovation Newsletter", "507f1f77bcf86cd799439011",
    )  # fmt: skip
    assert data["properties"]["referrer"] == "search.example/"
    assert data["properties"]["library"] == "analytics.js"
    assert data["properties"]["order_id"] == "50314b8e9bcf000000000000"
    assert "brand" not in data


def test_identify_links_all_handles_that_it_names_and_keeps_no_trait():
    event = one("/v1/identify", IDENTIFY)
    assert event["type"] == "identity.link"
    assert event["data"]["handles"] == {
        "user": "97980cfea0067", "cookie": "507f191e810c19729de860ea", "email": "peter@example.com",
        "phone": "+1 541 754 3010",
    }  # fmt: skip
    assert "Gibbons" not in json.dumps(event)
    assert "premium" not in json.dumps(event)


def test_the_address_of_a_friend_is_no_handle():
    event = one(
        "/v1/track", {"userId": "u-1", "event": "Invite Sent", "properties": {"email": "friend@example.com"}}
    )
    assert event["data"]["handles"] == {"user": "u-1"}
    assert "friend" not in json.dumps(event)


def test_an_alias_links_the_previous_id_whatever_it_was():
    event = one("/v1/alias", {"previousId": "anon-1", "userId": "u-1", "messageId": "m"})
    assert event["data"]["handles"] == {"user": ["u-1", "anon-1"], "cookie": "anon-1"}


def test_traits_of_a_group_name_nobody():
    event = one("/v1/group", {"userId": "u-1", "groupId": "g", "traits": {"email": "office@example.com"}})
    assert (event["type"], event["data"]["handles"]) == ("web.group", {"user": "u-1"})
    assert event["data"]["properties"]["group"] == "g"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Product Viewed", "web.product_view"), ("product viewed", "web.product_view"),
        ("productViewed", "web.product_view"), ("Product Added", "web.add_to_cart"),
        ("Products Searched", "web.search"), ("Signed Up", "web.sign_up"), ("Order Refunded", "web.refund"),
        ("Coupon Applied", "web.coupon_redeemed"), ("Product Reviewed", "web.review"),
        ("Played a Song!", "web.played_a_song"), ("2 for 1", "web.n2_for_1"), ("Купил", "web.track"),
        ("x" * 300, "web." + "x" * 59), ("", "web.track"), (7, "web.track"),
    ],
)  # fmt: skip
def test_a_track_event_has_the_type_that_the_mapping_gives_its_name(name, expected):
    assert one("/v1/track", {"userId": "u", "event": name})["type"] == expected


def test_the_default_model_knows_every_type_of_the_mapping():
    mapping, model = default_mapping(), default_model()
    types = {
        f"{area}{kind[1:]}" if kind.startswith("*") else kind
        for kind in (*mapping.events.values(), *mapping.calls.values())
        for area in mapping.areas.values()
    }
    assert {model.channel(kind) for kind in types} <= {"web", "store", "social", "direct", "support"}
    assert not [kind for kind in types if not model.rules_for(kind) and kind not in model.neutral]


@pytest.mark.parametrize(
    ("library", "channel", "handle", "kind"),
    [
        ("analytics.js", None, "cookie", "web.purchase"), ("analytics-ios", None, "device", "app.purchase"),
        ("analytics-python", "server", "cookie", "web.purchase"), ("RudderLabs Android SDK", "mobile", "device", "app.purchase"),
        ("till", "store", "cookie", "store.purchase"), (None, 7, "cookie", "web.purchase"),
    ],
)  # fmt: skip
def test_the_channel_comes_from_the_call_or_its_library(library, channel, handle, kind):
    call = {
        "event": "Order Completed",
        "anonymousId": "a",
        "channel": channel,
        "context": {"library": {"name": library}},
    }
    event = one("/v1/track", call)
    assert (event["type"], event["data"]["handles"]) == (kind, {handle: "a"})


@pytest.mark.parametrize("minutes", [-600, -1, 0, 5, 60 * 24 * 40])
def test_a_wrong_clock_is_put_right_and_the_event_stays_the_same(minutes):
    wrong = timedelta(minutes=minutes)
    happened, sent = RECEIVED - timedelta(hours=1), RECEIVED - timedelta(seconds=2)
    batch = {
        "sentAt": (sent + wrong).isoformat(),
        "batch": [
            {"type": "page", "userId": "u", "messageId": "m", "timestamp": (happened + wrong).isoformat()}
        ],
    }
    event = one("/v1/batch", batch)
    assert (event["id"], event["source"], event["time"]) == ("m", "web", "2026-10-17T11:00:02Z")


def test_a_call_without_an_id_is_the_same_event_when_the_same_bytes_come_again():
    call = {"userId": "u", "event": "x", "timestamp": "2026-10-17T11:00:00Z"}
    later = RECEIVED + timedelta(minutes=1)
    again = one("/v1/track", call, received_us=int(later.timestamp()) * 1_000_000)
    assert one("/v1/track", call)["id"] == again["id"]
    assert one("/v1/track", call | {"event": "y"})["id"] != again["id"]


def test_without_any_time_the_same_call_later_is_another_event():
    later = int((RECEIVED + timedelta(minutes=1)).timestamp()) * 1_000_000
    call = {"userId": "u", "event": "x"}
    assert one("/v1/track", call)["id"] != one("/v1/track", call, received_us=later)["id"]


def test_a_bad_call_keeps_the_good_ones_and_says_where_it_stands():
    batch = [ORDER, 7, {"type": "nonsense"}, {"type": "page"}, {**IDENTIFY, "type": "identify"}]
    items = ADAPTER.translate(request("/v1/batch", {"batch": batch}))
    assert [item.pointer for item in items] == [f"/batch/{i}" for i in range(5)]
    assert [reason(item) for item in items] == ["", "not_json", "bad_value", "bad_value", ""]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/track", b"{"), ("/v1/track", b"[]"), ("/v1/batch", b"{}"), ("/v1/batch", {"batch": [{}] * 2501}),
     ("/v1/track", b"\xff"), ("/v1/track", b'{"a":NaN}'), ("/v1/track", b"[" * 100_000)],
)  # fmt: skip
def test_a_body_that_is_no_call_is_malformed(path, body):
    with pytest.raises(Malformed):
        ADAPTER.translate(request(path, body))


def test_nothing_personal_is_in_an_event_but_its_handles():
    secret = "zelda.secret@example.com"
    call = {
        "event": f"mailed {secret}", "userId": "u", "messageId": "m",
        "properties": {
            "email": secret, "to": f"<{secret}>", "deep": {"first_name": "Zelda", "x": [f"+33 6 12 34 56 {n}8" for n in range(3)]},
            "url": f"https://shop.example/a?mail={secret}", "path": f"/u/{secret.replace('@', '%40')}", "firstName": "Zelda",
            secret: 1, "sku": "poster",
        },
        "context": {"traits": {"email": secret}, "page": {"url": f"https://{secret}@shop.example/#{secret}"}},
    }  # fmt: skip
    event = one("/v1/track", call)
    assert event["data"].pop("handles") == {"user": "u", "email": secret}
    text = json.dumps(event)
    assert not [word for word in ("zelda.secret", "Zelda", "12 34 56") if word in text]
    assert event["data"]["product"] == "poster"


@pytest.mark.parametrize(
    ("headers", "query", "body", "key"),
    [
        ({"authorization": "Basic " + b64encode(b"wk:").decode()}, {}, {"writeKey": "other"}, "wk"),
        ({"authorization": "Basic " + b64encode(b"wk").decode()}, {}, {}, "wk"),
        ({"authorization": "Bearer wk"}, {}, {}, "wk"), ({"x-write-key": "wk"}, {}, {}, "wk"),
        ({}, {"writeKey": "wk"}, {}, "wk"), ({}, {}, {"batch": [], "writeKey": "wk"}, "wk"), ({}, {}, {}, ""),
        ({"authorization": "Basic ###"}, {}, {"writeKey": 7}, ""), ({"authorization": "Digest x"}, {}, b"\xff", ""),
    ],
)  # fmt: skip
def test_the_write_key_is_found_where_sdks_put_it(headers, query, body, key):
    assert ADAPTER.key(request("/v1/batch", body, headers=headers, query=query)) == key


def test_the_answer_is_a_success_unless_all_calls_are_rejected():
    accepted, rejected = {"status": "accepted"}, {"status": "rejected", "reason": "bad_value"}
    assert [ADAPTER.answer(results)[0] for results in ([accepted, rejected], [], [rejected])] == [
        200,
        200,
        400,
    ]
    assert json.loads(ADAPTER.answer([accepted, rejected])[1]) == {
        "success": True, "rejected": 1, "items": [accepted, rejected],
    }  # fmt: skip


def test_a_browser_learns_where_to_send_from_the_host_that_it_asked():
    asked = request(
        "/v1/projects/wk/settings", b"", headers={"host": "in.example:8443", "origin": "https://shop.example"}
    )
    status, body, _ = SegmentSettings().reply(asked)
    assert (status, json.loads(body)["integrations"]["Segment.io"]) == (
        200,
        {"apiKey": "wk", "addBundledMetadata": False, "apiHost": "in.example:8443/v1", "protocol": "https"},
    )


def test_a_host_that_is_none_is_not_repeated():
    asked = request("/v1/projects/wk/settings", b"", headers={"host": 'a"/<b>'})
    assert b"apiHost" not in SegmentSettings().reply(asked)[1]


def test_a_mistake_in_a_mapping_names_its_key():
    text = 'version = 1\n[calls]\npage = "web"\nscreen = "web.page_view"\ngroup = "web.group"\n[areas]\nweb = "web"\n'
    text += '[handles]\nemail = ["traits..email"]\n[defaults]\ncurrency = "EURO"\n[events]\n"A B" = "Web.x"\n[nonsense]\n'
    with pytest.raises(MappingError) as error:
        parse_mapping(text, name="mine.toml")
    named = ("mine.toml", "calls.page", "handles.email.0", "defaults.currency", "events.A B", "nonsense")
    assert not [key for key in named if key not in str(error.value)]


@given(st.text(max_size=80))
def test_snake_gives_the_verb_of_a_type_or_nothing(name):
    verb = snake(name)
    assert verb == "" or (
        verb.isascii() and verb[0].isalpha() and set(verb) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    )


CALL = objects(
    type=st.sampled_from(["identify", "track", "page", "screen", "group", "alias"]),
    event=st.sampled_from(["Order Completed", "Product Viewed"]),
    timestamp=st.sampled_from(["2026-10-17T11:00:00Z", 1_760_000_000, 1_760_000_000_000, "soon"]),
    sentAt=st.sampled_from(["2026-10-17T11:00:00Z", "0001-01-01T00:00:00Z"]),
    userId=st.text(),
    properties=objects(revenue=st.sampled_from([1, "2.5", "1e999", 1e300]), products=JSON),
    context=objects(page=JSON),
)


@settings(max_examples=150)
@given(st.sampled_from(ADAPTER.routes), CALL | objects(batch=st.lists(CALL, max_size=4)) | JSON)
def test_any_json_becomes_items_that_the_edge_takes_or_refuses(path, body):
    with suppress(Malformed):
        items = ADAPTER.translate(request(path, body))
        assert all(isinstance(reason(item), str) for item in items)
