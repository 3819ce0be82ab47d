"""Deliveries of providers as events: documented payloads by the ready-made mappings, and any JSON there is."""

import json
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.apath import default_model
from schemas.reversals import REVERSED
from schemas.webhook import WebhookError, bundled, parse_webhook
from streams.collector.adapters import Malformed
from streams.collector.adapters.webhook import Webhooks
from tests.collector.adapters import payloads
from tests.collector.adapters.edge import encoded, events, reason, request
from tests.collector.adapters.values import JSON, objects

MAPPINGS = bundled()
ADAPTER = Webhooks(MAPPINGS, {})
PAID, UPDATED = {"x-shopify-topic": "orders/paid"}, {"x-shopify-topic": "orders/updated"}
ORDERED, POSTED = {"x-wc-webhook-topic": "order.updated"}, {"x-discourse-event": "post_created"}
ANN = "ann.lee@example.com"
NOBODY = {"customer": None, "email": "", "phone": None}


def found(name, body, headers=None, query=None):
    return events(ADAPTER.translate(request(f"/v1/webhooks/{name}", body, headers=headers, query=query)))


@pytest.mark.parametrize(
    ("name", "body", "kind", "own", "handles"),
    [
        ("zendesk", payloads.ZENDESK_TICKET, "support.ticket", "opened-5158", {"user": "zendesk:8447388090494"}),
        ("zendesk", payloads.ZENDESK_COMMENT, "support.message", "e-3", {"user": "zendesk:8447388090494"}),
        ("zendesk", payloads.ZENDESK_SOLVED, "support.resolved", "e-2", {"user": "zendesk:8447388090494"}),
        ("zendesk", payloads.ZENDESK_USER, "identity.link", payloads.ZENDESK_USER["id"],
         {"user": ["zendesk:8447388090494", "u-104"], "email": ANN}),
        ("zendesk", payloads.ZENDESK_CSAT, "support.csat", "csat-5158-Good-2026-10-17T11:59:59Z",
         {"user": "zendesk:8447388090494", "email": ANN}),
        ("intercom", payloads.intercom("conversation.user.created"), "support.ticket", "opened-1295",
         {"user": ["intercom:6762f2341bb69f9f2193bc17", "u-104"], "email": ANN}),
        ("intercom", payloads.intercom("conversation.user.replied"), "support.message", "notif_conversation.user.replied",
         {"user": ["intercom:6762f2341bb69f9f2193bc17", "u-104"]}),
        ("intercom", payloads.intercom("conversation.admin.closed"), "support.resolved", "notif_conversation.admin.closed",
         {"user": ["intercom:6762f2341bb69f9f2193bc17", "u-104"]}),
        ("intercom", payloads.INTERCOM_RATING, "support.csat", "rated-1295-1792238345",
         {"user": ["intercom:6762f2341bb69f9f2193bc17", "u-104"]}),
        ("intercom", payloads.INTERCOM_CONTACT, "identity.link", payloads.INTERCOM_CONTACT["id"],
         {"user": ["intercom:530370b477ad7120001d", "25"], "email": "hoban@example.com", "phone": "+33612345678"}),
        ("square", payloads.SQUARE_PAYMENT, "store.purchase", "payment-KkAkhdMsgzn59SM8A89WgKwekxLZY",
         {"user": "square:W92WH6P11H4Z77CTET0RNTGFW8", "email": ANN}),
        ("square", payloads.SQUARE_LOYALTY, "store.loyalty_join", "loyalty-79b807d2-d786-46a9-933b-918028d7a8c5",
         {"user": "square:W92WH6P11H4Z77CTET0RNTGFW8", "loyalty": "79b807d2-d786-46a9-933b-918028d7a8c5", "phone": "+14155551234"}),
    ],
)  # fmt: skip
def test_a_delivery_is_the_event_that_it_tells_of(name, body, kind, own, handles):
    (event,) = found(name, body)
    assert (event["id"], event["type"], event["source"]) == (f"{name}:{own}", kind, "web")
    assert event["data"]["handles"] == handles


@pytest.mark.parametrize(("said", "rating"), [("Good", 5), ("Good, I'm satisfied", 5), ("Bad", 1), ("4", 4)])
def test_satisfaction_is_on_the_scale_of_the_model(said, rating):
    (event,) = found("zendesk", payloads.ZENDESK_CSAT | {"rating": said})
    assert event["data"]["rating"] == rating


def test_a_web_order_is_a_purchase_and_a_redeemed_coupon():
    purchase, coupon = found("shopify", payloads.SHOPIFY_ORDER, PAID)
    assert (purchase["type"], purchase["time"]) == ("web.purchase", "2026-10-17T11:31:00Z")
    assert purchase["data"]["handles"] == {
        "user": "shopify:115310627314723954", "email": "jon@example.com", "phone": "+33612345678",
    }  # fmt: skip
    assert {name: purchase["data"].get(name) for name in ("amount", "currency", "campaign", "product", "place")} == {
        "amount": 388.0, "currency": "USD", "campaign": "autumn", "product": None, "place": None,
    }  # fmt: skip
    assert [product["sku"] for product in purchase["data"]["properties"]["products"]] == [
        "poster-aurora",
        "frame",
    ]
    assert (coupon["type"], coupon["data"]["campaign"]) == ("web.coupon_redeemed", "FAKE30")


def test_an_order_at_a_till_is_a_purchase_in_the_store():
    (event,) = found("shopify", payloads.SHOPIFY_TILL, PAID)
    assert (event["type"], event["data"]["place"], event["data"]["product"]) == (
        "store.purchase", "655441491", "poster-aurora",
    )  # fmt: skip


def test_a_refund_is_what_was_paid_back_and_the_same_however_often_the_order_is_updated():
    (event,) = found("shopify", payloads.SHOPIFY_REFUNDED, UPDATED)
    assert (event["type"], event["id"], event["data"]["amount"]) == (
        "web.refund", "shopify:refund-890088186047892319", 15.5,
    )  # fmt: skip
    assert [event] == found("shopify", payloads.SHOPIFY_REFUNDED | {"note": "changed"}, UPDATED)


def passed(name, body, headers=None, query=None):
    """Return why each item of a delivery is passed over."""
    items = ADAPTER.translate(request(f"/v1/webhooks/{name}", body, headers=headers, query=query))
    assert {item.line for item in items} == {None}
    return {item.passed_over for item in items}


@pytest.mark.parametrize(
    ("name", "body", "headers", "why"),
    [
        ("shopify", payloads.SHOPIFY_ORDER | {"test": True}, PAID, "test"), ("shopify", payloads.SHOPIFY_ORDER, {}, "no_event"),
        ("square", payloads.square(status="APPROVED"), {}, "no_event"),
        ("square", payloads.square(customer_id=None, buyer_email_address=None), {}, "anonymous"),
        ("square", payloads.square(status="APPROVED", refund_ids=["r"]), {}, "pending"),
        ("intercom", payloads.intercom("ping"), {}, "no_event"), ("zendesk", {"type": "zen:event-type:ticket.tags_changed"}, {}, "no_event"),
        ("zendesk", payloads.ZENDESK_COMMENT | {"detail": {"requester_id": "another"}}, {}, "no_event"),
        ("shopify", payloads.SHOPIFY_TILL | NOBODY, PAID, "anonymous"), ("shopify", payloads.SHOPIFY_ORDER | NOBODY, PAID, "anonymous"),
        ("shopify", payloads.SHOPIFY_REFUNDED | NOBODY, UPDATED, "anonymous"),
        ("shopify", payloads.shopify_refund(("refund", "pending", "41.94")), UPDATED, "pending"),
        ("shopify", payloads.shopify_refund(("refund", "pending", "41.94"), ("refund", "success", "1")), UPDATED, "pending"),
        ("shopify", payloads.shopify_refund(), UPDATED, "no_money"), ("shopify", payloads.shopify_refund(("void", "success", "5")), UPDATED, "no_money"),
        ("shopify", payloads.shopify_refund(("refund", "failure", "5")), UPDATED, "no_money"), ("shopify", payloads.shopify_refund(("refund", "success", "0.00")), UPDATED, "no_money"),
        ("shopify", payloads.shopify_refund(("refund", "success", "0,00")), UPDATED, "no_money"), ("shopify", payloads.shopify_refund(("refund", "success", None)), UPDATED, "no_money"),
    ],
)  # fmt: skip
def test_what_is_not_an_event_of_a_customer_is_passed_over_for_a_reason(name, body, headers, why):
    assert passed(name, body, headers) == {why}


def test_a_refund_is_the_money_that_it_gave_back_once_that_is_final():
    before = payloads.shopify_refund(("refund", "pending", "41.94"))
    after = payloads.shopify_refund(("refund", "success", "41.94"))
    assert found("shopify", before, UPDATED) == []
    (event,) = found("shopify", after, UPDATED)
    assert (event["id"], event["data"]["amount"]) == ("shopify:refund-890088186047892319", 41.94)


@pytest.mark.parametrize("topic", ["contact.unsubscribed", "contact.created"])
@pytest.mark.parametrize("is_nested", [False, True])
def test_a_contact_is_found_where_each_version_of_intercom_has_it(topic, is_nested):
    contact = payloads.INTERCOM_CONTACT["data"]["item"]
    item = (
        {"type": "subscription", "contact": contact, "subscription_type": {"id": "1"}}
        if is_nested
        else contact
    )
    (event,) = found("intercom", payloads.INTERCOM_CONTACT | {"topic": topic, "data": {"item": item}})
    assert (
        event["type"]
        == {"contact.unsubscribed": "web.unsubscribe", "contact.created": "identity.link"}[topic]
    )
    assert event["data"]["handles"]["user"] == ["intercom:530370b477ad7120001d", "25"]
    assert event["data"]["handles"]["email"] == "hoban@example.com"


@pytest.mark.parametrize(
    ("sale", "query"),
    [
        ({"customer": payloads.LIGHTSPEED_SALE["customer"] | {"customer_code": "WALKIN"}}, {}),
        ({"customer": {"id": "02dc", "customer_code": "walk-in"}}, {}), ({"customer": {"id": "02dc", "customer_code": " WaLkIn "}}, {}),
        ({"customer": None}, {"default_customer": payloads.LIGHTSPEED_SALE["customer_id"].upper()}), ({"customer": None, "customer_id": None}, {}),
        ({"customer": None, "customer_code": "WALKIN"}, {}),
        ({"customer": None}, {"default_customer": payloads.LIGHTSPEED_SALE["customer_id"]}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sign", ["", "-"])
def test_an_anonymous_sale_is_no_customer(sale, query, sign):
    totals = {"totals": {"total_price": f"{sign}20.00", "total_tax": f"{sign}3.00"}}
    body = urlencode({"payload": json.dumps(payloads.LIGHTSPEED_SALE | sale | totals)}).encode()
    assert passed("lightspeed", body, query=query | {"currency": "EUR"}) == {"anonymous"}


@pytest.mark.parametrize("nobody", [0, "0", "null", "00000000-0000-0000-0000-000000000000"])
def test_an_account_that_is_nobody_is_none_of_a_provider(nobody):
    order = payloads.SHOPIFY_TILL | {"customer": payloads.SHOPIFY_TILL["customer"] | {"id": nobody}}
    (event,) = found("shopify", order, headers=PAID)
    assert not [one for one in event["data"]["handles"].get("user", []) if one.startswith("shopify:")]


def test_a_contact_without_anything_is_not_the_subscription():
    item = {"type": "subscription", "id": "subscription-1", "contact": {}, "subscription_type": {"id": "1"}}
    body = payloads.INTERCOM_CONTACT | {"topic": "contact.unsubscribed", "data": {"item": item}}
    (item,) = ADAPTER.translate(request("/v1/webhooks/intercom", body))
    assert reason(item) == "no_handle"


@pytest.mark.parametrize(
    ("price", "amount"),
    [("388,00", 388.0), ("1,388.00", 1388.0), (15_000_000_000, 15e9), ("1,388", None), ("gratis", None)],
)
def test_an_amount_that_cannot_be_read_is_said_and_the_purchase_is_taken(price, amount):
    items = ADAPTER.translate(
        request("/v1/webhooks/shopify", payloads.SHOPIFY_TILL | {"total_price": price}, headers=PAID)
    )
    (event,) = events(items)
    assert event["data"].get("amount") == amount
    assert items[0].left_out.startswith("store.purchase: its amount is not read: ") == (amount is None)


@pytest.mark.parametrize(("currency", "amount"), [("USD", 2.3), ("JPY", 230.0), ("KWD", 0.23)])
def test_minor_units_are_those_of_the_currency(currency, amount):
    (event,) = found("square", payloads.square(total_money={"amount": 230, "currency": currency}))
    assert event["data"]["amount"] == pytest.approx(amount)


def test_of_several_refunds_only_the_first_amount_is_known():
    def refunded(*ids):
        body = payloads.square(refund_ids=list(ids), refunded_money={"amount": 100, "currency": "USD"})
        return next(event for event in found("square", body) if event["type"] == "store.refund")

    assert refunded("r1")["data"]["amount"] == 1.0
    assert "amount" not in refunded("r1", "r2")["data"]
    assert refunded("r1", "r2")["id"] == "square:refund-r2"


@pytest.mark.parametrize(("sign", "kind"), [("", "store.purchase"), ("-", "store.refund")])
def test_a_sale_comes_as_a_form_and_its_currency_from_the_address(sign, kind):
    sale = payloads.LIGHTSPEED_SALE | {"totals": {"total_price": f"{sign}20.00", "total_tax": f"{sign}3.00"}}
    body = urlencode({"payload": json.dumps(sale), "domain_prefix": "shop"}).encode()
    (event,) = found("lightspeed", body, query={"currency": "eur", "writeKey": "wk"})
    assert (event["type"], event["data"]["amount"], event["data"]["currency"]) == (kind, 23.0, "EUR")
    assert event["data"]["handles"] == {
        "user": "lightspeed:02dcd191-ae2b-11e6-f485-8eceed6eeafb", "loyalty": "ANN-7X9Q", "email": ANN,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("price", "tax", "kind", "amount"),
    [
        ("12,50", "0", "store.purchase", 12.5), ("1.234,56", 0, "store.purchase", 1234.56), ("-12,50", "-2,50", "store.refund", 15.0),
        ("12.50", None, "store.purchase", 12.5), (None, None, "store.purchase", None), (0, 0, "store.purchase", 0.0),
        ("abc", "0", "store.purchase", None), ("-12,50 kr", None, "store.refund", None), ("(12.50)", 0, "store.refund", None), (20, "-25", "store.refund", 5.0),
    ],
)  # fmt: skip
def test_totals_of_a_sale_are_read_as_people_write_them(price, tax, kind, amount):
    sale = payloads.LIGHTSPEED_SALE | {"totals": {"total_price": price, "total_tax": tax}}
    body = urlencode({"payload": json.dumps(sale)}).encode()
    items = ADAPTER.translate(request("/v1/webhooks/lightspeed", body, query={"currency": "EUR"}))
    (event,) = events(items)
    assert (event["type"], event["data"].get("amount")) == (kind, amount)
    assert ("its amount is not read" in items[0].left_out) is (price in {"abc", "-12,50 kr", "(12.50)"})


@pytest.mark.parametrize(
    ("transactions", "amount"),
    [([("refund", "success", "12,50")], 12.5), ([("refund", "success", "10.00"), ("refund", "success", "12,50")], 22.5), ([("refund", "success", "0.00"), ("refund", "success", 5)], 5.0)],
)  # fmt: skip
def test_money_of_a_refund_is_read_as_people_write_it(transactions, amount):
    (event,) = found("shopify", payloads.shopify_refund(*transactions), headers=UPDATED)
    assert event["data"]["amount"] == amount


def test_a_refund_has_the_currency_of_its_transactions():
    def refund(*money):
        body = payloads.shopify_refund(*(("refund", "success", amount) for amount, _ in money))
        for transaction, (_, currency) in zip(body["refunds"][0]["transactions"], money, strict=True):
            transaction["currency"] = currency
        items = ADAPTER.translate(request("/v1/webhooks/shopify", body, headers=UPDATED))
        (event,) = events(items)
        return event["data"].get("amount"), event["data"].get("currency"), items[0].left_out

    assert refund(("41.94", "EUR"))[:2] == (41.94, "EUR")
    assert refund(("5.00", "CAD"), ("3.00", "CAD"))[:2] == (8.0, "CAD")
    amount, _, left_out = refund(("5.00", "CAD"), ("3.00", "EUR"))
    assert (amount, "several currencies" in left_out) == (None, True)


@pytest.mark.parametrize(
    "code", ["\uff37\uff21\uff2c\uff2b\uff29\uff2e", "WALKIN\u200b", "Walk-in Customer", "WALK\u2013IN"]
)
def test_the_default_customer_is_known_in_any_letters(code):
    sale = payloads.LIGHTSPEED_SALE | {"customer": {"id": "02dc", "customer_code": code}}
    body = urlencode({"payload": json.dumps(sale)}).encode()
    assert passed("lightspeed", body, query={"currency": "EUR"}) == {"anonymous"}


def test_totals_of_the_former_api_are_read():
    sale = {name: value for name, value in payloads.LIGHTSPEED_SALE.items() if name != "totals"} | {
        "total_price": 260,
        "total_tax": 39,
    }
    (event,) = found(
        "lightspeed", urlencode({"payload": json.dumps(sale)}).encode(), query={"currency": "EUR"}
    )
    assert event["data"]["amount"] == 299.0


def test_the_default_model_knows_every_type_of_the_mappings():
    model = default_model()
    types = {
        kind
        for mapping in MAPPINGS.values()
        for event in mapping.events
        for kind in (event.type, event.below_zero)
        if kind
    } - {"identity.link"}
    types |= {
        REVERSED[event.type] for mapping in MAPPINGS.values() for event in mapping.events if event.taken_back
    }
    assert {model.channel(kind) for kind in types} <= {"web", "store", "support", "social", "direct"}
    assert not [kind for kind in types if not model.rules_for(kind) and kind not in model.neutral]


@pytest.mark.parametrize(
    ("name", "body"), [("nobody", b"{}"), ("square", b"{"), ("lightspeed", b"a=1"), ("lightspeed", b"payload=%7B"), ("lightspeed", b"\xff")],
)  # fmt: skip
def test_a_body_that_is_no_delivery_is_malformed(name, body):
    with pytest.raises(Malformed):
        ADAPTER.translate(request(f"/v1/webhooks/{name}", body))


OWN = """
version = 1
[signature]
scheme = "none"
[[event]]
type = "store.check_in"
when = "body.doors"
each = "body.doors"
id = "item.id"
time = "item.at"
handles = { loyalty = "join('-', item.card)" }
"""


def test_one_bad_event_of_a_delivery_keeps_the_good_ones_and_quotes_nothing():
    adapter = Webhooks({"doors": parse_webhook(OWN, name="doors")}, {})
    doors = [
        {"id": 1, "at": 1792238345, "card": ["9"]},
        {"id": 2, "at": 1792238345, "card": "secret"},
        {"card": ["1"]},
    ]
    items = adapter.translate(request("/v1/webhooks/doors", {"doors": doors}))
    assert [reason(item) for item in items] == ["", "bad_value", "bad_value"]
    assert "secret" not in items[1].detail


def test_an_expression_sees_no_credentials():
    text = OWN.replace(
        "body.doors",
        "[{a: headers.authorization, b: headers.x_write_key, c: query.writeKey, d: headers.cookie}]",
        2,
    )
    adapter = Webhooks({"doors": parse_webhook(text.replace("item.id", "to_string(item)"), name="doors")}, {})
    headers = {"authorization": "Bearer wk-secret", "x-write-key": "wk-secret", "cookie": "wk-secret"}
    (item,) = adapter.translate(
        request("/v1/webhooks/doors", {}, headers=headers, query={"writeKey": "wk-secret"})
    )
    assert "wk-secret" not in str(item)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("item.id", "item.", "event.0.id"), ("item.at", "nope(item)", "event.0.time"), ("item.at", "join(item)", "event.0.time"),
        ("body.doors", "x" * 1025, "event.0.when"), ("loyalty", "card", "event.0.handles.card"), ('"none"', '"md5"', "signature.scheme"),
        ("store.check_in", "check_in", "event.0.type"), ("version = 1", "version = 1\nsecret = 's'", "secret"), ("[[", "[", "doors is not TOML"),
        ("body.doors", "(" * 1000, "event.0.when"), ('type = "', 'data = { amount = "item.x" }\ntype = "', "event.0.data"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_mapping_names_its_key(old, new, named):
    with pytest.raises(WebhookError, match=named.replace(".", r"\.")):
        parse_webhook(OWN.replace(old, new, 1), name="doors")


DELIVERY = (
    st.sampled_from([value for name, value in vars(payloads).items() if name.isupper() and isinstance(value, dict)]).flatmap(
        lambda whole: st.builds(lambda changed: {**whole, **changed}, st.dictionaries(st.sampled_from(sorted(whole)), JSON, max_size=3))
    )
    | objects(data=objects(object=JSON, item=JSON), detail=JSON, customer=JSON, refunds=st.lists(JSON, max_size=3))
    | JSON
)  # fmt: skip


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(MAPPINGS)),
    DELIVERY,
    st.sampled_from([PAID, UPDATED, {"x-shopify-topic": "customers/create"}, ORDERED, POSTED]),
)
def test_any_json_becomes_items_that_the_edge_takes_or_refuses(name, body, headers):
    data = encoded(MAPPINGS[name], body)
    with suppress(Malformed):
        items = ADAPTER.translate(request(f"/v1/webhooks/{name}", data, headers=headers))
        assert all(isinstance(reason(item), str) for item in items)
