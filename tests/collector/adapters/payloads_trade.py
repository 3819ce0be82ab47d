"""Deliveries of payments, shops and mail in the shape that the providers' documentation has; people, ids and texts are made up."""


def stripe(kind, previous=None, **thing):
    """Return an event of a kind about a charge, with what it is changed by."""
    charge = {
        "id": "ch_3NirD82eZvKYlo2C", "object": "charge", "amount": 2300, "amount_captured": 2300, "amount_refunded": 0, "captured": True,
        "created": 1792238300, "currency": "eur", "customer": "cus_9s6XKzkNRiz8i3", "invoice": None, "metadata": {},
        "payment_intent": "pi_3NirD82eZvKYlo2C", "paid": True, "receipt_email": None, "refunded": False, "status": "succeeded",
        "billing_details": {"address": {"city": "Paris"}, "email": "ann.lee@example.com", "name": "Ann Lee", "phone": None},
        "payment_method_details": {"card": {"brand": "visa", "last4": "4242"}, "type": "card"},
    } | thing  # fmt: skip
    changed = {"previous_attributes": previous} if previous else {}
    return {
        "id": f"evt_{kind.replace('.', '_')}", "object": "event", "api_version": "2026-08-27", "created": 1792238310, "livemode": True,
        "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": kind, "data": {"object": charge} | changed,
    }  # fmt: skip


STRIPE_CHARGE = stripe("charge.succeeded")
STRIPE_TERMINAL = stripe(
    "charge.succeeded",
    payment_method_details={"type": "card_present"},
    metadata={"place": "lumiere-bastille"},
)
STRIPE_REFUND = stripe("charge.refunded", {"amount_refunded": 500}, amount_refunded=1250)
STRIPE_CUSTOMER = stripe("customer.created") | {"data": {"object": {
    "id": "cus_9s6XKzkNRiz8i3", "object": "customer", "email": "ann.lee@example.com", "name": "Ann Lee", "phone": "+33639987750"}}}  # fmt: skip

WOOCOMMERCE_ORDER = {
    "id": 727, "number": "727", "order_key": "wc_order_58d2d042d1d", "created_via": "checkout", "status": "processing", "currency": "EUR",
    "date_created_gmt": "2026-10-17T11:28:02", "date_modified_gmt": "2026-10-17T11:40:08", "date_paid_gmt": "2026-10-17T11:28:08",
    "discount_total": "2.00", "total": "29.35", "total_tax": "1.35", "customer_id": 25, "customer_note": "", "payment_method": "bacs",
    "billing": {"first_name": "Ann", "last_name": "Lee", "address_1": "5 rue X", "email": "ann.lee@example.com", "phone": "+33639987750"},
    "line_items": [{"id": 315, "name": "Poster", "product_id": 93, "sku": "poster-aurora", "quantity": 2, "price": 14.0}],
    "coupon_lines": [{"id": 61, "code": "autumn", "discount": "2.00"}],
    "refunds": [], "meta_data": [{"id": 1, "key": "_wc_order_attribution_utm_campaign", "value": "film-week"}],
}  # fmt: skip
WOOCOMMERCE_REFUNDED = WOOCOMMERCE_ORDER | {
    "refunds": [{"id": 726, "reason": "", "total": "-10.00"}, {"id": 724, "reason": "", "total": "-9.35"}], "coupon_lines": [],
}  # fmt: skip
WOOCOMMERCE_TILL = WOOCOMMERCE_ORDER | {"id": 728, "created_via": "pos-rest-api", "coupon_lines": []}
WOOCOMMERCE_CUSTOMER = {
    "id": 25, "date_created_gmt": "2026-10-17T11:20:00", "email": "ann.lee@example.com", "first_name": "Ann", "role": "customer",
    "username": "ann.lee", "billing": {"phone": "+33639987750"},
}  # fmt: skip


def mail(event, number=1, **more):
    return {"email": "ann.lee@example.com", "timestamp": 1792238300 + number, "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>", "event": event,
            "category": ["film-week", "autumn"], "sg_event_id": f"ZGVsaXZlcmVkLTAtMTA5OTQ5MTk{number}", "sg_message_id": f"14c5d75ce93.dfd.{number}",
            } | more  # fmt: skip


SENDGRID_EVENTS = [
    mail("processed", 1), mail("delivered", 2, response="250 OK"), mail("open", 3, sg_machine_open=False, ip="255.255.255.255", useragent="Mozilla/4.0"),
    mail("open", 4, sg_machine_open=True), mail("click", 5, url="https://shop.example/poster?u=ann.lee@example.com"),
    mail("bounce", 6, reason="500 unknown recipient"), mail("spamreport", 7), mail("unsubscribe", 8), mail("group_unsubscribe", 9, asm_group_id=10),
    mail("group_resubscribe", 10, asm_group_id=10), mail("deferred", 11), mail("dropped", 12), mail("something_new", 13),
]  # fmt: skip


def transactional(event, at=1792238300, **more):
    return {"event": event, "_id": "7761629d7a7e4a5db4d8a1", "ts": at, "msg": {
        "_id": "7761629d7a7e4a5db4d8a1", "ts": 1792238200, "subject": "Film week", "email": "ann.lee@example.com", "sender": "shop@lumiere.example",
        "tags": ["film-week"], "state": "sent", "template": "invitation", "metadata": {"user_id": 111}}} | more  # fmt: skip


MANDRILL_EVENTS = [
    transactional("send"), transactional("delivered", 1792238301), transactional("open", 1792238310, ip="127.0.0.1", user_agent="x"),
    transactional("open", 1792238320), transactional("click", 1792238330, url="https://shop.example/poster"), transactional("hard_bounce"),
    transactional("spam"), transactional("unsub"), {"type": "blacklist", "action": "add", "ts": 1792238300},
]  # fmt: skip


def hubspot(kind, at=1792238300123, **more):
    return {"eventId": 100, "subscriptionId": 138, "portalId": 62515, "appId": 54321, "occurredAt": at, "subscriptionType": kind,
            "attemptNumber": 0, "objectId": 746, "changeSource": "CRM"} | more  # fmt: skip


HUBSPOT_EVENTS = [
    hubspot("contact.creation", changeSource="FORM"), hubspot("contact.creation", objectId=747, changeSource="IMPORT"),
    hubspot("contact.propertyChange", propertyName="email", propertyValue="ann.lee@example.com"),
    hubspot("contact.propertyChange", propertyName="mobilephone", propertyValue="+33639987750"),
    hubspot("contact.propertyChange", propertyName="hs_email_optout", propertyValue="true"),
    hubspot("contact.propertyChange", propertyName="firstname", propertyValue="Ann"), hubspot("deal.creation"),
]  # fmt: skip


def freshdesk(journey, **more):
    return {
        "journey": journey,
        "ticket": "5158",
        "email": "ann.lee@example.com",
        "phone": "+33639987750",
    } | more


FRESHDESK_TICKET = freshdesk("ticket")
FRESHDESK_CSAT = freshdesk("csat", rating="5")
