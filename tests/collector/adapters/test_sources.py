"""Payments, shops, communities, mail and surveys: what becomes an event, for how much, and what is passed over."""

import json

import numpy as np
import pytest

from journey.evidence import weigh
from schemas.apath import default_model
from schemas.webhook import bundled
from streams.collector.adapters import Malformed
from streams.collector.adapters.webhook import Webhooks
from tests.collector.adapters import payloads
from tests.collector.adapters.edge import encoded, events, reason, request
from tests.collector.adapters.payloads_social import NPS, STARS, slack, slack_reaction, trustpilot, typeform
from tests.collector.adapters.payloads_trade import hubspot, mail, stripe
from tests.collector.adapters.test_activities import touches

MAPPINGS = bundled()
EMAIL, PHONE = "ann.lee@example.com", "+33639987750"
ORDER = {"x-wc-webhook-topic": "order.updated", "x-wc-webhook-source": "https://shop.example/"}


def happened(event, kind="post"):
    return {
        "x-discourse-event": event,
        "x-discourse-event-type": kind,
        "x-discourse-instance": "https://talk.example",
    }


def translated(name, body, headers=None, query=None, adapter=None):
    asked = request(f"/v1/webhooks/{name}", encoded(MAPPINGS[name], body), headers=headers, query=query)
    return (adapter or Webhooks(MAPPINGS, {})).translate(asked)


def told(name, body, headers=None, **options):
    return [
        json.loads(item.line)["type"] if item.line and not reason(item) else reason(item)
        for item in translated(name, body, headers, **options)
    ]


def only(name, body, headers=None):
    (event,) = events(translated(name, body, headers))
    return event


@pytest.mark.parametrize(
    ("name", "body", "headers", "kind", "handles", "time"),
    [
        ("stripe", payloads.STRIPE_CHARGE, {}, "web.purchase", {"user": "stripe:cus_9s6XKzkNRiz8i3", "email": EMAIL}, "2026-10-17T11:58:20Z"),
        ("stripe", payloads.STRIPE_TERMINAL, {}, "store.purchase", {"user": "stripe:cus_9s6XKzkNRiz8i3", "email": EMAIL}, "2026-10-17T11:58:20Z"),
        ("stripe", payloads.STRIPE_REFUND, {}, "web.refund", {"user": "stripe:cus_9s6XKzkNRiz8i3", "email": EMAIL}, "2026-10-17T11:58:30Z"),
        ("stripe", payloads.STRIPE_CUSTOMER, {}, "identity.link", {"user": "stripe:cus_9s6XKzkNRiz8i3", "email": EMAIL, "phone": PHONE}, "2026-10-17T11:58:30Z"),
        ("woocommerce", payloads.WOOCOMMERCE_TILL, ORDER, "store.purchase", {"user": "woocommerce:25", "email": EMAIL, "phone": PHONE}, "2026-10-17T11:28:08Z"),
        ("woocommerce", payloads.WOOCOMMERCE_CUSTOMER, {"x-wc-webhook-topic": "customer.created"}, "web.sign_up",
         {"user": "woocommerce:25", "email": EMAIL, "phone": PHONE}, "2026-10-17T11:20:00Z"),
        ("discourse", payloads.DISCOURSE_POST, happened("post_created"), "community.post", {"user": "discourse:77"}, "2026-10-17T11:58:20Z"),
        ("discourse", payloads.DISCOURSE_LIKE, happened("post_liked", "like"), "social.like", {"user": "discourse:78"}, "2026-10-17T12:00:00Z"),
        ("discourse", payloads.DISCOURSE_SOLVED, happened("accepted_solution", "solved"), "community.answer", {"user": "discourse:77"}, "2026-10-17T11:58:20Z"),
        ("discourse", payloads.DISCOURSE_USER, happened("user_created", "user"), "community.join",
         {"user": ["discourse:79", "u-79"], "email": "cleo@example.com"}, "2026-10-17T11:58:30Z"),
        ("slack", payloads.SLACK_MESSAGE, {}, "community.post", {"user": "slack:U0ANN"}, "2026-10-17T11:58:20.000200Z"),
        ("slack", payloads.SLACK_REACTION, {}, "social.like", {"user": "slack:U0BEA"}, "2026-10-17T11:58:30.000100Z"),
        ("slack", payloads.SLACK_JOIN, {}, "community.join", {"user": "slack:U0CLEO", "email": "cleo@example.com"}, "2026-10-17T11:58:20Z"),
        ("trustpilot", payloads.TRUSTPILOT_REVIEW, {}, "social.review", {"user": "trustpilot:53bffc3900006400017e5db8"}, "2026-10-17T11:34:44Z"),
        ("freshdesk", payloads.FRESHDESK_TICKET, {}, "support.ticket", {"email": EMAIL, "phone": PHONE}, "2026-10-17T12:00:00Z"),
        ("freshdesk", payloads.FRESHDESK_CSAT, {}, "support.csat", {"email": EMAIL, "phone": PHONE}, "2026-10-17T12:00:00Z"),
        ("typeform", typeform(NPS), {}, "web.nps", {"user": "u-104"}, "2026-10-17T11:52:10Z"),
        ("typeform", typeform(STARS), {}, "support.csat", {"user": "u-104"}, "2026-10-17T11:52:10Z"),
    ],
)  # fmt: skip
def test_a_delivery_is_the_event_that_it_tells_of(name, body, headers, kind, handles, time):
    event = only(name, body, headers)
    assert (event["type"], event["data"]["handles"], event["time"]) == (kind, handles, time)
    said = json.dumps(event["data"] | {"handles": {}})
    assert "zelda" not in said
    assert "Ann" not in said


@pytest.mark.parametrize(
    ("currency", "minor", "amount"),
    [("eur", 2300, 23.0), ("jpy", 2300, 2300.0), ("kwd", 2300, 2.3), ("isk", 500, 5.0), ("ugx", 500, 5.0), ("mga", 500, 500.0), ("huf", 500, 5.0)],
)  # fmt: skip
def test_minor_units_are_those_of_stripe(currency, minor, amount):
    data = only("stripe", stripe("charge.succeeded", currency=currency, amount=minor, amount_captured=minor))[
        "data"
    ]
    assert (data["amount"], data["currency"]) == (pytest.approx(amount), currency.upper())
    back = only(
        "stripe", stripe("charge.refunded", {"amount_refunded": 0}, currency=currency, amount_refunded=minor)
    )["data"]
    assert back["amount"] == pytest.approx(amount)


def test_each_refund_of_a_charge_has_its_own_amount_and_the_same_id_however_often_it_comes():
    first = only("stripe", stripe("charge.refunded", {"amount_refunded": 0}, amount_refunded=500))
    second = only("stripe", payloads.STRIPE_REFUND)
    assert (first["data"]["amount"], second["data"]["amount"]) == (5.0, 7.5)
    assert first["id"] != second["id"]
    assert only("stripe", payloads.STRIPE_REFUND | {"id": "evt_again"}) == second


def test_a_charge_that_is_captured_later_is_one_purchase_of_what_was_captured():
    held = stripe("charge.succeeded", captured=False, amount_captured=0)
    taken = only("stripe", stripe("charge.captured", {"amount_captured": 0}, amount_captured=2000))
    assert told("stripe", held) == ["pending"]
    assert (taken["type"], taken["data"]["amount"]) == ("web.purchase", 20.0)
    assert taken["id"] == only("stripe", payloads.STRIPE_CHARGE)["id"]


NOBODY = {"customer": None, "billing_details": {"email": None}}


@pytest.mark.parametrize(
    ("name", "body", "headers", "why"),
    [
        ("stripe", payloads.STRIPE_CHARGE | {"livemode": False}, {}, "test"), ("stripe", stripe("charge.succeeded", **NOBODY), {}, "anonymous"),
        ("stripe", stripe("payment_intent.succeeded"), {}, "no_event"), ("stripe", stripe("checkout.session.completed"), {}, "no_event"),
        ("stripe", stripe("charge.refunded", amount_refunded=0), {}, "no_money"), ("stripe", stripe("charge.failed"), {}, "no_event"),
        ("woocommerce", payloads.WOOCOMMERCE_ORDER | {"date_paid_gmt": None}, ORDER, "pending"),
        ("woocommerce", payloads.WOOCOMMERCE_ORDER | {"status": "cancelled"}, ORDER, "pending"),
        ("woocommerce", payloads.WOOCOMMERCE_ORDER | {"customer_id": 0, "billing": {"email": ""}}, ORDER, "anonymous"),
        ("woocommerce", payloads.WOOCOMMERCE_ORDER, {"x-wc-webhook-topic": "product.updated"}, "no_event"),
        ("discourse", {"post": payloads.DISCOURSE_POST["post"] | {"staff": True}}, happened("post_created"), "own"),
        ("discourse", {"post": payloads.DISCOURSE_POST["post"] | {"user_id": -1}}, happened("post_created"), "own"),
        ("discourse", {"post": payloads.DISCOURSE_POST["post"] | {"topic_archetype": "private_message"}}, happened("post_created"), "private"),
        ("discourse", {"post": payloads.DISCOURSE_POST["post"] | {"post_type": 3}}, happened("post_created"), "system"),
        ("discourse", payloads.DISCOURSE_POST, happened("post_edited"), "edit"), ("discourse", payloads.DISCOURSE_POST, happened("post_recovered"), "edit"),
        ("discourse", {"ping": "OK"}, happened("ping", "ping"), "no_event"), ("discourse", payloads.DISCOURSE_USER, happened("user_logged_in", "user"), "no_event"),
        ("slack", slack(type="message", user="U", ts="1792238300.1", channel="D", channel_type="im"), {}, "private"),
        ("slack", slack(type="message", bot_id="B", ts="1792238300.1", channel="C"), {}, "own"),
        ("slack", slack(type="message", subtype="message_changed", ts="1792238300.1", channel="C"), {}, "edit"),
        ("slack", slack(type="message", subtype="channel_join", user="U", ts="1792238300.1", channel="C"), {}, "system"),
        ("slack", slack(type="app_mention", user="U", ts="1792238300.1", channel="C"), {}, "no_event"), ("slack", {"type": "app_rate_limited"}, {}, "no_event"),
        ("trustpilot", trustpilot("service-review-updated", id="1", stars=1), {}, "edit"), ("trustpilot", trustpilot("service-review-created", id="1"), {}, "anonymous"),
        ("trustpilot", {"events": []}, {}, "no_event"), ("typeform", typeform(), {}, "no_event"), ("typeform", typeform(NPS, hidden={}), {}, "anonymous"),
        ("typeform", typeform(STARS, steps=10), {}, "scale"), ("freshdesk", {"journey": "ticket", "ticket": "1", "email": ""}, {}, "anonymous"),
    ],
)  # fmt: skip
def test_what_is_no_event_of_a_customer_is_passed_over_for_a_reason(name, body, headers, why):
    assert told(name, body, headers) == [why]


def test_an_order_is_a_purchase_a_coupon_and_its_refunds_however_often_it_is_updated():
    purchase, coupon = events(translated("woocommerce", payloads.WOOCOMMERCE_ORDER, ORDER))
    data = purchase["data"]
    assert (data["amount"], data["currency"], data["product"], data["campaign"]) == (
        29.35,
        "EUR",
        "poster-aurora",
        "film-week",
    )
    assert (coupon["type"], coupon["data"]["campaign"]) == ("web.coupon_redeemed", "autumn")
    again, *refunds = events(translated("woocommerce", payloads.WOOCOMMERCE_REFUNDED, ORDER))
    assert again == purchase
    assert [(one["id"], one["type"], one["data"]["amount"]) for one in refunds] == [
        ("woocommerce:refund-726", "web.refund", 10.0), ("woocommerce:refund-724", "web.refund", 9.35),
    ]  # fmt: skip


def test_a_till_has_refunds_in_the_store():
    body = payloads.WOOCOMMERCE_REFUNDED | {"created_via": "pos-rest-api"}
    assert told("woocommerce", body, ORDER) == ["store.purchase", "store.refund", "store.refund"]


def test_of_mail_each_event_is_told_of_and_opens_by_machines_are_none():
    assert told("sendgrid", payloads.SENDGRID_EVENTS) == [
        "transport", "campaign.delivered", "campaign.opened", "machine", "web.click", "transport", "web.unsubscribe", "web.unsubscribe",
        "web.unsubscribe", "web.subscribe", "transport", "transport", "no_event",
    ]  # fmt: skip
    delivered, _, click, complaint, *_ = events(translated("sendgrid", payloads.SENDGRID_EVENTS))
    assert (delivered["data"]["campaign"], delivered["data"]["handles"]) == ("film-week", {"email": EMAIL})
    assert click["data"]["properties"]["page"] == "shop.example/poster"
    assert complaint["data"]["properties"] == {"complaint": True}
    assert told("mandrill", payloads.MANDRILL_EVENTS) == [
        "campaign.sent", "campaign.delivered", "campaign.opened", "campaign.opened", "web.click", "transport", "web.unsubscribe", "web.unsubscribe",
        "no_event",
    ]  # fmt: skip
    made = events(translated("mandrill", payloads.MANDRILL_EVENTS))
    assert len({event["id"] for event in made}) == len(made)


def test_a_batch_is_taken_whole_or_refused_whole():
    """What is beyond a limit is sent again in smaller batches: nothing of it may be answered as taken."""
    assert (
        told("sendgrid", [mail("delivered", number) for number in range(1_500)])
        == ["campaign.delivered"] * 1_500
    )
    with pytest.raises(Malformed, match="smaller batches"):
        translated("sendgrid", [{}] * 5_001)
    with pytest.raises(Malformed, match="smaller batches"):
        translated("woocommerce", payloads.WOOCOMMERCE_ORDER | {"refunds": [{}] * 5_001}, ORDER)


def test_contacts_of_a_crm():
    assert told("hubspot", payloads.HUBSPOT_EVENTS) == [
        "web.sign_up", "import", "identity.link", "identity.link", "web.unsubscribe", "no_event", "no_event",
    ]  # fmt: skip
    _, email, phone, _ = events(translated("hubspot", payloads.HUBSPOT_EVENTS))
    assert email["data"]["handles"] == {"user": "hubspot:746", "email": EMAIL}
    assert phone["data"]["handles"] == {"user": "hubspot:746", "phone": PHONE}
    assert told(
        "hubspot", [hubspot("contact.creation", changeSource="FORM")], query={"accounts": "1:nova"}
    ) == ["other_account"]


def test_a_survey_is_a_promoter_or_a_satisfied_customer_and_its_words_are_nobodys():
    nps, stars = events(translated("typeform", payloads.TYPEFORM_ANSWERS))
    assert (nps["type"], nps["data"]["rating"], stars["type"], stars["data"]["rating"]) == (
        "web.nps",
        9,
        "support.csat",
        4,
    )
    assert nps["data"]["handles"] == {"user": "u-104", "email": EMAIL}


@pytest.mark.parametrize(
    ("ref", "kinds"),
    [
        ("NPS-1", ["web.nps"]),
        ("nps", ["web.nps"]),
        ("how", ["no_event"]),
        (7, ["no_event"]),
        (None, ["no_event"]),
    ],
)
def test_an_opinion_scale_is_a_score_of_promoters_where_its_reference_says_so(ref, kinds):
    asked = NPS | {"field": {"id": "f1", "type": "opinion_scale", "ref": ref}}
    assert told("typeform", typeform(asked)) == kinds


@pytest.mark.parametrize(
    ("name", "made", "removed"),
    [
        ("discourse", (payloads.DISCOURSE_POST, happened("post_created")), (payloads.DISCOURSE_POST, happened("post_destroyed"))),
        ("discourse", (payloads.DISCOURSE_SOLVED, happened("accepted_solution")), (payloads.DISCOURSE_SOLVED, happened("unaccepted_solution"))),
        ("slack", (payloads.SLACK_MESSAGE, {}), (payloads.SLACK_DELETED, {})),
        ("slack", (payloads.SLACK_REACTION, {}), (slack_reaction("reaction_removed", "1792238330.000100"), {})),
        ("trustpilot", (payloads.TRUSTPILOT_REVIEW, {}), (trustpilot("service-review-deleted", id="53bffd360000640002975387"), {})),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_first", [True, False])
def test_a_removal_takes_back_exactly(name, made, removed, is_first):
    adapter = Webhooks(MAPPINGS, {})
    found = [
        event
        for body, headers in ((made, removed) if is_first else (removed, made))
        for event in events(translated(name, body, headers, adapter=adapter))
    ]
    done, undo = sorted(found, key=lambda event: event["id"].endswith(":undo"))
    assert (undo["time"], undo["data"]["cause"], undo["data"]["handles"]) == (
        done["time"],
        done["id"],
        done["data"]["handles"],
    )
    assert undo["id"] == f"{done['id']}:undo"
    evidence = weigh(touches(done, undo), default_model())
    assert not np.isnan(evidence).all()
    assert np.nansum(evidence, axis=0) == pytest.approx(np.zeros(5), abs=0)


@pytest.mark.parametrize("name", ["shopify", "sendgrid", "typeform"])
def test_accounts_are_named_only_where_deliveries_say_theirs(name):
    body = payloads.SENDGRID_EVENTS if name == "sendgrid" else typeform(NPS)
    with pytest.raises(Malformed, match="do not say of which account"):
        translated(name, body, query={"accounts": "1:nova"})
