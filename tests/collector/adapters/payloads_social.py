"""Deliveries of networks, communities and surveys in the shape that their documentation has; people, ids and texts are made up."""

PAGE, ANN, TEXT = (
    "1067280970047460",
    {"id": "24601000000001", "name": "Ann Lee"},
    "call me: zelda lives at 5 rue X",
)


def facebook(*values, field="feed", page=PAGE):
    """Return a delivery with a change for each value."""
    return {
        "object": "page",
        "entry": [
            {"id": page, "time": 1792238399, "changes": [{"field": field, "value": one} for one in values]}
        ],
    }


def reaction(verb="add", at=1792238300, kind="like", who=ANN, **more):
    return {"item": "reaction", "verb": verb, "reaction_type": kind, "post_id": f"{PAGE}_77", "parent_id": f"{PAGE}_77",
            "from": who, "created_time": at} | more  # fmt: skip


def comment(verb="add", at=1792238310, number=1, who=ANN, **more):
    return {"item": "comment", "verb": verb, "comment_id": f"77_{number}", "post_id": f"{PAGE}_77", "parent_id": f"{PAGE}_77",
            "from": who, "created_time": at, "message": TEXT,
            "post": {"status_type": "added_photos", "is_published": True, "id": f"{PAGE}_77"}} | more  # fmt: skip


def post(verb="add", at=1792238320, who=ANN, item="post", **more):
    return {
        "item": item,
        "verb": verb,
        "post_id": f"{PAGE}_88",
        "from": who,
        "created_time": at,
        "published": 1,
        "message": TEXT,
    } | more


def rating(verb="add", at=1792238330, kind="positive", **more):
    return {"item": "rating", "verb": verb, "open_graph_story_id": "990", "reviewer_id": ANN["id"], "reviewer_name": ANN["name"],
            "review_text": TEXT, "recommendation_type": kind, "created_time": at} | more  # fmt: skip


FACEBOOK_REACTION = facebook(reaction())
FACEBOOK_COMMENT = facebook(comment())
FACEBOOK_POST = facebook(post())
FACEBOOK_MENTION = facebook(
    {"item": "post", "verb": "add", "post_id": f"{ANN['id']}_5", "sender_id": ANN["id"], "sender_name": ANN["name"],
     "created_time": 1792238340, "message": TEXT}, field="mention",
)  # fmt: skip
FACEBOOK_RATING = facebook(rating(), field="ratings")
FACEBOOK_MESSAGES = {"object": "page", "entry": [{"id": PAGE, "time": 1792238399123, "messaging": [
    {"sender": {"id": ANN["id"]}, "recipient": {"id": PAGE}, "timestamp": 1792238390123, "message": {"mid": "m_AG5Hz2U", "text": TEXT}},
    {"sender": {"id": ANN["id"]}, "recipient": {"id": PAGE}, "timestamp": 1792238391123,
     "postback": {"mid": "m_AG5Hz2V", "title": "Where is my order", "payload": "ORDER"}},
    {"sender": {"id": PAGE}, "recipient": {"id": ANN["id"]}, "timestamp": 1792238392123, "message": {"mid": "m_AG5Hz2W", "is_echo": True, "text": TEXT}},
    {"sender": {"id": ANN["id"]}, "recipient": {"id": PAGE}, "timestamp": 1792238393123, "read": {"watermark": 1792238392123}},
]}]}  # fmt: skip

_IG = "17841405309211844"


def instagram(*changes):
    return {"object": "instagram", "entry": [{"id": _IG, "time": 1792238399, "changes": list(changes)}]}


def ig_comment(field="comments", **value):
    said = {"id": "17900000000000001", "text": TEXT, "from": {"id": "99001000000001", "username": "Ann.L"},
            "media": {"id": "17800000000000001", "media_product_type": "FEED"}} | value  # fmt: skip
    return {"field": field, "value": said}


INSTAGRAM_COMMENT = instagram(ig_comment())
INSTAGRAM_LIVE = instagram(ig_comment("live_comments"))
INSTAGRAM_MENTION = instagram(
    {"field": "mentions", "value": {"media_id": "17800000000000002", "comment_id": "17900000000000002"}}
)
INSTAGRAM_LOGIN = {"object": "instagram", "entry": [{"id": _IG, "time": 1792238399} | ig_comment()]}
INSTAGRAM_MESSAGES = {"object": "instagram", "entry": [{"id": _IG, "time": 1792238399123, "messaging": [
    {"sender": {"id": "99001000000001"}, "recipient": {"id": _IG}, "timestamp": 1792238390123, "message": {"mid": "aWdfZAG1", "text": TEXT}},
    {"sender": {"id": "99001000000001"}, "recipient": {"id": _IG}, "timestamp": 1792238391123,
     "message": {"mid": "aWdfZAG2", "attachments": [{"type": "story_mention", "payload": {"url": "https://cdn.example/s"}}]}},
    {"sender": {"id": "99001000000001"}, "recipient": {"id": _IG}, "timestamp": 1792238392123, "message": {"mid": "aWdfZAG1", "is_deleted": True}},
    {"sender": {"id": "99001000000001"}, "recipient": {"id": _IG}, "timestamp": 1792238393123, "reaction": {"mid": "aWdfZAG1", "action": "react"}},
    {"sender": {"id": "99001000000001"}, "recipient": {"id": _IG}, "timestamp": 1792238394123, "message_edit": {"mid": "aWdfZAG1", "num_edit": 1}},
]}]}  # fmt: skip

WHATSAPP_MESSAGE = {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [
    {"field": "messages", "value": {
        "messaging_product": "whatsapp", "metadata": {"display_phone_number": "33900000000", "phone_number_id": "106540352242922"},
        "contacts": [{"profile": {"name": "Ann Lee"}, "wa_id": "33639987750"}],
        "messages": [{"from": "33639987750", "id": "wamid.HBgLMzM2Mzk5ODc3NTAVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=",
                      "timestamp": "1792238390", "text": {"body": TEXT}, "type": "text"}]}},
    {"field": "messages", "value": {
        "messaging_product": "whatsapp", "metadata": {"display_phone_number": "33900000000", "phone_number_id": "106540352242922"},
        "statuses": [{"id": "wamid.HBgLMzM2", "status": "read", "timestamp": "1792238391", "recipient_id": "33639987750"}]}},
    {"field": "account_update", "value": {"event": "VERIFIED_ACCOUNT"}},
]}]}  # fmt: skip

_POST = {
    "id": 5011, "name": "Ann Lee", "username": "ann", "created_at": "2026-10-17T11:58:20.000Z", "cooked": f"<p>{TEXT}</p>", "raw": TEXT,
    "post_number": 3, "post_type": 1, "topic_id": 410, "topic_slug": "aurora", "topic_title": "Aurora", "topic_archetype": "regular",
    "category_id": 4, "user_id": 77, "moderator": False, "admin": False, "staff": False, "reply_to_post_number": 2, "updated_at": "2026-10-17T11:58:20.000Z",
}  # fmt: skip
DISCOURSE_POST = {"post": _POST}
DISCOURSE_LIKE = {
    "like": {
        "post": _POST,
        "user": {"id": 78, "username": "bea", "name": "Bea", "admin": False, "moderator": False},
    }
}
DISCOURSE_SOLVED = {"solved": _POST}
DISCOURSE_USER = {"user": {
    "id": 79, "username": "cleo", "name": "Cleo", "email": "cleo@example.com", "admin": False, "moderator": False, "trust_level": 0,
    "created_at": "2026-10-17T11:58:30.000Z", "external_id": "u-79",
}}  # fmt: skip


def slack(number=1, **event):
    return {
        "token": "xyz", "team_id": "T061EG9R6", "api_app_id": "A1", "type": "event_callback", "event_id": f"Ev0{number}",
        "event_time": 1792238300, "authorizations": [{"team_id": "T061EG9R6", "user_id": "U0BOT", "is_bot": True}], "event": event,
    }  # fmt: skip


_SAID = {
    "user": "U0ANN",
    "text": TEXT,
    "ts": "1792238300.000200",
    "channel": "C024BE91L",
    "channel_type": "channel",
    "event_ts": "1792238300.000200",
}
SLACK_MESSAGE = slack(type="message", **_SAID)
SLACK_DELETED = slack(2, type="message", subtype="message_deleted", hidden=True, channel="C024BE91L", channel_type="channel",
                      ts="1792238350.000300", deleted_ts="1792238300.000200", event_ts="1792238350.000300",
                      previous_message={"type": "message", "user": "U0ANN", "text": TEXT, "ts": "1792238300.000200"})  # fmt: skip


def slack_reaction(kind, at):
    return slack(int(float(at)), type=kind, user="U0BEA", reaction="heart", item_user="U0ANN", event_ts=at,
                 item={"type": "message", "channel": "C024BE91L", "ts": "1792238300.000200"})  # fmt: skip


SLACK_REACTION = slack_reaction("reaction_added", "1792238310.000100")
SLACK_JOIN = slack(
    9,
    type="team_join",
    user={"id": "U0CLEO", "name": "cleo", "is_bot": False, "profile": {"email": "cleo@example.com"}},
)


def trustpilot(name, **data):
    return {"events": [{"eventName": name, "version": "1", "eventData": data}]}


TRUSTPILOT_REVIEW = trustpilot(
    "service-review-created", id="53bffd360000640002975387", language="en", title="Great", text=TEXT, referenceId="LUM-9999", stars=5,
    createdAt="2026-10-17T11:34:44.000Z", isVerified=True, locationId="lumiere-bastille", link="https://api.trustpilot.example/1",
    consumer={"id": "53bffc3900006400017e5db8", "name": "Ann Lee", "link": "https://api.trustpilot.example/2"},
)  # fmt: skip


def typeform(*answers, steps=5, hidden=None):
    return {
        "event_id": "01HXYZ", "event_type": "form_response", "form_response": {
            "form_id": "lT4Z3j", "token": "a3a12ec67a1365927098a606107fac15", "landed_at": "2026-10-17T11:50:00Z",
            "submitted_at": "2026-10-17T11:52:10Z", "hidden": {"user_id": "u-104"} if hidden is None else hidden,
            "definition": {"id": "lT4Z3j", "title": "How was it", "fields": [
                {"id": "f1", "ref": "recommend", "type": "nps", "title": "Would you?"},
                {"id": "f2", "ref": "stars", "type": "rating", "properties": {"steps": steps}}]},
            "answers": list(answers)}}  # fmt: skip


NPS = {"type": "number", "number": 9, "field": {"id": "f1", "type": "nps", "ref": "recommend"}}
STARS = {"type": "number", "number": 4, "field": {"id": "f2", "type": "rating", "ref": "stars"}}
SAID = {"type": "text", "text": TEXT, "field": {"id": "f3", "type": "long_text", "ref": "why"}}
TYPEFORM_ANSWERS = typeform(
    NPS,
    STARS,
    SAID,
    {"type": "email", "email": "ann.lee@example.com", "field": {"id": "f4", "type": "email", "ref": "e"}},
)
