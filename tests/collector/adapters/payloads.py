"""Deliveries as the providers' documentation shows them, shortened; people's names and addresses are made up."""

from tests.collector.adapters.payloads_social import *  # noqa: F403 - one name for all
from tests.collector.adapters.payloads_trade import *  # noqa: F403

ZENDESK_TICKET = {
    "type": "zen:event-type:ticket.created", "account_id": 22129848, "id": "cbe4028c-7239-495d-b020-f22348516046",
    "time": "2026-10-17T11:59:58.000Z", "zendesk_event_version": "2022-11-06", "subject": "zen:ticket:5158",
    "detail": {
        "actor_id": "8447388090494", "assignee_id": "8447388090494", "brand_id": "8447346621310", "created_at": "2026-10-17T11:59:57Z",
        "custom_status": "8447320465790", "description": "ticket_desc", "external_id": None, "form_id": "8646151517822",
        "group_id": "8447320466430", "id": "5158", "is_public": True, "organization_id": "8447346622462", "priority": "LOW",
        "requester_id": "8447388090494", "status": "OPEN", "subject": "ticket_subject", "submitter_id": "8447388090494",
        "tags": ["ticket_tag"], "type": "TASK", "updated_at": "2026-10-17T11:59:57Z", "via": {"channel": "web_service"},
    },
    "event": {"meta": {"sequence": {"id": "x", "position": 1, "total": 1}}},
}  # fmt: skip
ZENDESK_SOLVED = ZENDESK_TICKET | {
    "type": "zen:event-type:ticket.status_changed", "id": "e-2", "event": {"current": "SOLVED", "previous": "OPEN"},
}  # fmt: skip
ZENDESK_COMMENT = ZENDESK_TICKET | {
    "type": "zen:event-type:ticket.comment_added", "id": "e-3",
    "event": {"comment": {"author": {"id": "8447388090494", "is_staff": False, "name": "Ann"}, "body": "3", "id": "8", "is_public": True}},
}  # fmt: skip
ZENDESK_USER = {
    "type": "zen:event-type:user.created", "account_id": 12514403, "id": "2b24ef10-19d4-4740-93cf-8f98ec4776c0",
    "time": "2026-10-17T11:33:18Z", "zendesk_event_version": "2022-06-20", "subject": "zen:user:6596848315901",
    "detail": {
        "created_at": "2026-10-17T11:27:58Z", "email": "ann.lee@example.com", "external_id": "u-104", "default_group_id": "0",
        "id": "8447388090494", "organization_id": "0", "role": "end-user", "updated_at": "2026-10-17T11:33:18Z",
    },
    "event": {},
}  # fmt: skip
ZENDESK_CSAT = {
    "journey": "csat", "ticket": "5158", "rating": "Good", "requester": "8447388090494", "email": "ann.lee@example.com",
    "time": "2026-10-17T11:59:59Z",
}  # fmt: skip

_CONVERSATION = {
    "type": "conversation", "id": "1295", "created_at": 1792238330, "updated_at": 1792238330,
    "source": {
        "type": "conversation", "id": "403918320", "subject": "", "body": "<p>Where is my poster?</p>",
        "author": {"type": "user", "id": "6762f2341bb69f9f2193bc17", "name": "Ann", "email": "ann.lee@example.com"},
    },
    "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "6762f2341bb69f9f2193bc17", "external_id": "u-104"}]},
    "state": "open", "conversation_rating": None,
}  # fmt: skip


def intercom(topic, **item):
    return {
        "type": "notification_event", "app_id": "a86dr8yl", "id": f"notif_{topic}", "topic": topic,
        "data": {"type": "notification_event_data", "item": _CONVERSATION | item},
        "delivery_status": "pending", "delivery_attempts": 1, "delivered_at": 0, "first_sent_at": 1792238360,
        "created_at": 1792238350, "links": {}, "self": None,
    }  # fmt: skip


INTERCOM_RATING = intercom(
    "conversation.rating.added",
    conversation_rating={"rating": 5, "remark": "", "created_at": 1792238345,
                         "contact": {"type": "contact", "id": "6762f2341bb69f9f2193bc17", "external_id": "u-104"}},
)  # fmt: skip
INTERCOM_CONTACT = {
    "type": "notification_event", "id": "notif_78c122d0-23ba-11e4-9464-79b01267cc2e", "topic": "contact.user.created",
    "app_id": "a86dr8yl", "created_at": 1792238350,
    "data": {"type": "notification_event_data", "item": {
        "type": "contact", "id": "530370b477ad7120001d", "external_id": "25", "email": "hoban@example.com", "phone": "+33612345678",
        "name": "Hoban", "unsubscribed_from_emails": False, "custom_attributes": {}}},
}  # fmt: skip

SHOPIFY_ORDER = {
    "id": 820982911946154508, "admin_graphql_api_id": "gid://shopify/Order/820982911946154508", "currency": "USD",
    "created_at": "2026-10-17T07:30:00-04:00", "processed_at": "2026-10-17T07:31:00-04:00", "email": "jon@example.com",
    "financial_status": "paid", "name": "#9999", "phone": None, "source_name": "web", "test": False, "total_price": "388.00",
    "customer": {"id": 115310627314723954, "email": "jon@example.com", "first_name": "Jon", "phone": "+33612345678"},
    "discount_codes": [{"code": "FAKE30", "amount": "30.00", "type": "fixed_amount"}], "location_id": None,
    "line_items": [
        {"id": 866550311766439020, "product_id": 788032119674292922, "sku": "poster-aurora", "quantity": 1, "price": "199.00"},
        {"id": 141249953214522974, "product_id": 788032119674292923, "sku": "frame", "quantity": 1, "price": "199.00"},
    ],
    "note_attributes": [{"name": "utm_campaign", "value": "autumn"}], "refunds": [],
}  # fmt: skip
SHOPIFY_TILL = SHOPIFY_ORDER | {
    "id": 2, "source_name": "pos", "location_id": 655441491, "discount_codes": [], "line_items": SHOPIFY_ORDER["line_items"][:1],
}  # fmt: skip
SHOPIFY_REFUNDED = SHOPIFY_ORDER | {
    "financial_status": "partially_refunded",
    "refunds": [{
        "id": 890088186047892319, "order_id": 820982911946154508, "created_at": "2026-10-17T07:45:00-04:00",
        "processed_at": "2026-10-17T07:45:00-04:00", "note": "Things were damaged",
        "transactions": [
            {"id": 245135271310201194, "amount": "10.00", "kind": "refund", "status": "success"},
            {"id": 245135271310201195, "amount": "5.50", "kind": "refund", "status": "success"},
            {"id": 245135271310201196, "amount": "99.00", "kind": "refund", "status": "failure"},
        ],
    }],
}  # fmt: skip


def shopify_refund(*transactions):
    """Return an order with a refund of these transactions: kind, status, amount."""
    made = [
        {"id": n, "kind": kind, "status": status, "amount": amount}
        for n, (kind, status, amount) in enumerate(transactions)
    ]
    return SHOPIFY_REFUNDED | {"refunds": [SHOPIFY_REFUNDED["refunds"][0] | {"transactions": made}]}


SQUARE_PAYMENT = {
    "merchant_id": "ML82H4QPKMGXY", "type": "payment.updated", "event_id": "6a8f5f28-54a1-4eb0-a98a-3111513fd4fc",
    "created_at": "2026-10-17T11:25:28.000Z",
    "data": {"type": "payment", "id": "KkAkhdMsgzn59SM8A89WgKwekxLZY", "object": {"payment": {
        "id": "KkAkhdMsgzn59SM8A89WgKwekxLZY", "created_at": "2026-10-17T11:25:27.000Z", "updated_at": "2026-10-17T11:25:28.000Z",
        "amount_money": {"amount": 200, "currency": "USD"}, "status": "COMPLETED", "source_type": "CARD",
        "location_id": "L88917AVBK2S5", "order_id": "CAISENgvhpdP05f1DWG9H8yMn4kZY", "customer_id": "W92WH6P11H4Z77CTET0RNTGFW8",
        "buyer_email_address": "ann.lee@example.com", "total_money": {"amount": 230, "currency": "USD"},
    }}},
}  # fmt: skip


def square(**payment):
    found = SQUARE_PAYMENT["data"]["object"]["payment"] | payment
    return SQUARE_PAYMENT | {"data": SQUARE_PAYMENT["data"] | {"object": {"payment": found}}}


SQUARE_LOYALTY = {
    "merchant_id": "ML82H4QPKMGXY", "type": "loyalty.account.created", "event_id": "b8ae2d5b-5c69-4ac0-b6d4-6c1d1c1f4a9f",
    "created_at": "2026-10-17T11:25:28Z",
    "data": {"type": "loyalty.account", "id": "7f5a1e0e", "object": {"loyalty_account": {
        "id": "79b807d2-d786-46a9-933b-918028d7a8c5", "program_id": "d619f755", "balance": 0, "customer_id": "W92WH6P11H4Z77CTET0RNTGFW8",
        "created_at": "2026-10-17T11:25:27Z", "mapping": {"id": "66aaab3f", "phone_number": "+14155551234"},
    }}},
}  # fmt: skip

LIGHTSPEED_SALE = {
    "id": "a1ba4d33-8a3b-9b4f-11e8-f1e1a1f8d6a4", "source": "USER", "register_id": "b1e5c2f0", "outlet_id": "o-1", "user_id": "u-9",
    "customer_id": "02dcd191-ae2b-11e6-f485-8eceed6eeafb", "invoice_number": "64", "sale_date": "2026-10-17T11:10:16Z",
    "status": "CLOSED", "totals": {"total_price": "20.00", "total_tax": "3.00", "total_payment": "23.00"},
    "customer": {"id": "02dcd191-ae2b-11e6-f485-8eceed6eeafb", "customer_code": "ANN-7X9Q", "email": "ann.lee@example.com", "mobile": ""},
    "register_sale_products": [{"id": "l-1", "product_id": "poster-aurora", "quantity": 1, "price": "20.00", "tax": "3.00"}],
}  # fmt: skip
