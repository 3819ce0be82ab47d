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
from streams.collector.adapters import Malformed
from streams.collector.adapters.segment import Segment, SegmentSettings
from tests.collector.adapters.edge import RECEIVED, events, reason, request
from tests.collector.adapters.values import JSON, objects

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


@pytest.mark.parametrize(
    "sent", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", 0, "9999-12-31T23:59:59Z", -62135596800, "soon", "2001-01-01T00:00:00Z"]
)  # fmt: skip
@pytest.mark.parametrize("where", ["batch", "call"])
def test_a_time_of_sending_that_is_none_leaves_the_time_as_it_is(sent, where):
    call = {"type": "page", "userId": "u", "messageId": "m", "timestamp": "2026-10-17T11:00:00Z"}
    batch = {"batch": [call | ({"sentAt": sent} if where == "call" else {})]} | (
        {"sentAt": sent} if where == "batch" else {}
    )
    assert one("/v1/batch", batch)["time"] == "2026-10-17T11:00:00Z"


def test_a_clock_that_was_never_set_is_put_right_where_it_stamped_both_times():
    call = {
        "userId": "u",
        "event": "x",
        "timestamp": "1970-01-01T00:00:05Z",
        "sentAt": "1970-01-01T00:01:05Z",
    }
    assert one("/v1/track", call)["time"] == "2026-10-17T11:59:00Z"


def test_a_leap_second_is_a_time_of_a_call():
    call = {"userId": "u", "event": "x", "timestamp": "2016-12-31T23:59:60Z"}
    assert one("/v1/track", call)["time"] == "2017-01-01T00:00:00Z"


WORTH = {  # what a text says, and the amount and currency of it; None where it could be two
    "12,50": (12.5, "USD"), "1,234.56": (1234.56, "USD"), "$12.50": (12.5, "USD"), "1.234,56": (1234.56, "USD"),
    "1\u202f234,5 €": (1234.5, "EUR"), "1'234.50": (1234.5, "USD"), "1,234,567": (1234567, "USD"), "-£5": (-5, "GBP"),
    "EUR 5.00": (5, "EUR"), "Rp 15.000.000.000": (15e9, "IDR"), "0,500": (0.5, "USD"), "1e3": (1000, "USD"), "١٢٫٥": (12.5, "USD"),
    "12.345": (12.345, "USD"), 15_000_000_000: (15e9, "USD"), 0: (0, "USD"),
    "1,234": None, "$1.234": None, "12,34,56": None, "free": None, "N/A": None, "12.50 a month": None, "nan": None, 2e12: None,
    "9" * 50: None, "1_000": None, "¥5000": None, "12,50 kr": None, "12,50 kr.": None, "C$5": (5, "CAD"),
}  # fmt: skip


@pytest.mark.parametrize(("value", "worth"), WORTH.items(), ids=map(repr, WORTH))
def test_an_amount_is_read_where_it_is_plain_and_said_where_it_is_not(value, worth):
    call = {"userId": "u", "event": "Order Completed", "properties": {"revenue": value, "total": 7}}
    (item,) = ADAPTER.translate(request("/v1/track", call))
    (event,) = events([item])
    data = event["data"]
    assert (data.get("amount"), data.get("currency")) == (worth or (None, None))
    assert bool(item.left_out) == (worth is None)
    if worth is None:
        assert item.left_out.startswith("properties.revenue is not read as an amount: ")
        assert str(value) not in item.left_out


@pytest.mark.parametrize(
    ("revenue", "currency", "amount"),
    [
        ("250.000", "VND", 250_000), ("1.500", "JPY", 1_500), ("1.500,00", "EUR", 1_500), ("15.000", "IDR", None), (1.5, "JPY", 1.5),
        ("250000", "VND", 250_000), ("0.500", "JPY", 0.5), ("1500.25", "JPY", 1500.25), ("15.000", "KWD", 15),
    ],
)  # fmt: skip
def test_an_amount_in_a_currency_without_decimals_has_thousands(revenue, currency, amount):
    call = {
        "userId": "u",
        "event": "Order Completed",
        "properties": {"revenue": revenue, "currency": currency},
    }
    (item,) = ADAPTER.translate(request("/v1/track", call))
    assert json.loads(item.line)["data"].get("amount") == amount
    assert bool(item.left_out) is (amount is None)


def test_an_amount_is_of_one_currency_and_an_empty_one_is_none():
    def told(**properties):
        (item,) = ADAPTER.translate(
            request("/v1/track", {"userId": "u", "event": "Order Completed", "properties": properties})
        )
        data = json.loads(item.line)["data"]
        return data.get("amount"), data.get("currency"), bool(item.left_out)

    assert told(revenue="5 €", currency="eur") == (5, "EUR", False)
    assert told(revenue="5 €", currency="USD") == (None, None, True)
    assert told(revenue="12,50 kr", currency="SEK") == (12.5, "SEK", False)
    assert told(revenue="¥5000", currency="JPY") == (5000, "JPY", False)
    assert told(revenue="$12.50", currency="CAD") == (12.5, "CAD", False)
    assert told(revenue="$12.50", currency="EUR") == (None, None, True)
    assert told(revenue="¥5000", currency="SEK") == (None, None, True)
    assert told(revenue=" ", total="7.50") == (7.5, "USD", False)
    for value, is_said in (
        ("blue", False),
        (True, False),
        (["a", "b"], False),
        ("1,234", True),
        ("12,50", False),
    ):
        assert told(value=value)[2] == is_said


GO = {"library": {"name": "analytics-go", "version": "3.0.0"}}


@pytest.mark.parametrize(
    ("name", "properties", "product"),
    [
        ("Product Viewed", {"id": "p-1", "name": "Poster"}, "p-1"), ("Viewed Product", {"id": 7}, "7"),
        ("Order Completed", {"products": [{"id": "p-1", "price": 1}]}, "p-1"),
        ("Order Completed", {"products": [{"sky": "s-1", "price": 1}]}, "s-1"),
        ("Order Completed", {"id": "order-9"}, None), ("Products Searched", {"id": "search-9"}, None),
        ("Product Viewed", {"id": "x", "product_id": "p-1"}, "p-1"),
    ],
)  # fmt: skip
def test_the_product_of_the_go_sdk_is_its_id(name, properties, product):
    event = one("/v1/track", {"userId": "u", "event": name, "properties": properties, "context": GO})
    assert event["data"].get("product") == product


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
    assert [reason(item) for item in items] == ["", "not_json", "bad_value", "no_handle", ""]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/track", b"{"), ("/v1/track", b"[]"), ("/v1/batch", b"{}"), ("/v1/batch", {"batch": [{}] * 2501}),
     ("/v1/track", b"\xff"), ("/v1/track", b"[" * 100_000)],
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


@pytest.mark.parametrize("pad", ["", "x" * 2_000])
def test_json_in_a_text_is_looked_into_before_it_is_cut(pad):
    buyer = {"name": "Zelda", "first_name": "Zelda", "city": "Zelda"}
    item = {"name": "Poster", "sku": "p1", "pad": pad}
    text = json.dumps({"by": buyer, "item": item, "more": json.dumps([buyer])})
    kept = one("/v1/track", {"event": "e", "userId": "u", "properties": {"a": text, "b": [f" {text}"]}})
    assert "Zelda" not in json.dumps(kept)
    assert json.dumps(kept).count("Poster") == 2
    deep = one(
        "/v1/track", {"event": "e", "userId": "u", "properties": {"a": "[" * 300 + "]" * 300, "b": "[" * 70}}
    )
    assert deep["data"]["properties"]["b"] == "[" * 70


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


def test_the_answer_is_a_success_only_of_all_calls_and_retried_by_no_sdk_unless_all_are_rejected():
    accepted, rejected = {"status": "accepted"}, {"status": "rejected", "reason": "bad_value"}
    assert [ADAPTER.answer(results)[0] for results in ([accepted, rejected], [], [rejected])] == [
        200,
        200,
        400,
    ]
    assert json.loads(ADAPTER.answer([accepted, rejected])[1]) == {
        "success": False, "rejected": 1, "items": [accepted, rejected], "code": "rejected",
        "message": "1 of 2 calls were rejected, see items",
    }  # fmt: skip
    assert json.loads(ADAPTER.answer([accepted])[1])["success"]


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
