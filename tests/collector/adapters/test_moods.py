"""What people write through other protocols gives a mood, which goes with what takes it back; the text itself goes nowhere."""

import json
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from journey.evidence import Touches, weigh
from schemas.apath import default_model
from schemas.segment import default_mapping, parse_mapping
from schemas.webhook import bundled, parse_webhook
from streams.collector.adapters.activities import Activities
from streams.collector.adapters.segment import Segment
from streams.collector.adapters.webhook import Webhooks
from streams.collector.adapters.written import plain
from streams.mood.moods import NO_MOODS, Moods
from tests.collector.adapters import payloads
from tests.collector.adapters.edge import events, request
from tests.collector.adapters.payloads_social import (
    comment,
    facebook,
    ig_comment,
    instagram,
    post,
    rating,
)
from tests.collector.adapters.test_activities import touches

MOODS = Moods({"": ("en",), "quiet": ()})
MAPPINGS = bundled()
ANGRY, HAPPY = "Zzplanted, I <b>hate</b> this horrible service &amp; you", "Zzplanted: love it!"


def delivered(name, body, moods=MOODS, adapter=None, **options):
    adapter = adapter or Webhooks(MAPPINGS, {}, moods)
    headers = {"x-discourse-event": "post_created"} if name == "discourse" else {}
    found = events(adapter.translate(request(f"/v1/webhooks/{name}", body, headers=headers, **options)))
    assert "zzplanted" not in json.dumps(found).lower()
    return found


def said(value, text):
    """Return a payload with a text in the place of the one that payloads have."""
    return json.loads(json.dumps(value).replace(json.dumps(payloads.TEXT)[1:-1], json.dumps(text)[1:-1]))


SAYING = {
    "facebook": (facebook(comment()), facebook(post()), facebook(post(item="share")), payloads.FACEBOOK_MESSAGES),
    "instagram": (instagram(ig_comment()), payloads.INSTAGRAM_MESSAGES),
    "whatsapp": (payloads.WHATSAPP_MESSAGE,),
    "discourse": (payloads.DISCOURSE_POST,),
    "slack": (payloads.SLACK_MESSAGE,),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, bodies in SAYING.items() for number in range(len(bodies))]
)
def test_what_is_written_to_a_provider_has_a_mood(name, number):
    body = said(SAYING[name][number], ANGRY)
    event = delivered(name, body)[0]
    assert event["data"]["sentiment"] < -0.3
    assert event["data"]["properties"]["sentiment_by"].startswith("vaderSentiment ")
    assert delivered(name, said(SAYING[name][number], HAPPY))[0]["data"]["sentiment"] > 0.3
    silent = delivered(name, body, NO_MOODS)[0]
    assert "sentiment" not in silent["data"]
    assert silent == delivered(name, body, Moods({"another": ("en",)}))[0], "of another brand"
    assert {name: value for name, value in event.items() if name != "data"} == {
        name: value for name, value in silent.items() if name != "data"
    }


@pytest.mark.parametrize(
    ("name", "body"),
    [("facebook", facebook(rating(), field="ratings")), ("trustpilot", payloads.TRUSTPILOT_REVIEW)],
    ids=["facebook", "trustpilot"],
)
def test_stars_say_by_themselves_how_somebody_felt(name, body):
    event = delivered(name, said(body, ANGRY))[0]
    assert event["data"]["rating"]
    assert "sentiment" not in event["data"]


def test_an_angry_comment_that_is_deleted_leaves_every_score_as_if_nothing_had_happened():
    """In whichever order both come: the removal says nothing of what was written."""
    for text in (ANGRY, HAPPY):
        changes = said(facebook(comment(), comment("remove", 1792238390, message=None)), text)["entry"][0][
            "changes"
        ]
        for order in permutations(changes):
            adapter, made = Webhooks(MAPPINGS, {}, MOODS), []
            for change in order:
                body = facebook()
                body["entry"][0]["changes"] = [change]
                made += delivered("facebook", body, adapter=adapter)
            done, undo = made
            assert undo["type"] == "social.uncomment"
            assert undo["data"]["sentiment"] == done["data"]["sentiment"]
            assert undo["data"]["properties"]["sentiment_by"] == done["data"]["properties"]["sentiment_by"]
            assert "zzplanted" not in str(adapter._originals._originals).lower()
            assert_nothing_happened(done, undo)


def assert_nothing_happened(*found):
    plain_touches = touches(*found)
    moods = np.array([event["data"].get("sentiment", np.nan) for event in found], np.float64)
    felt = Touches(
        plain_touches.time_us,
        plain_touches.type,
        plain_touches.types,
        plain_touches.rating,
        moods,
        plain_touches.amount,
    )
    evidence = weigh(felt, default_model())
    assert not np.isnan(evidence).all()
    assert np.nansum(evidence, axis=0) == pytest.approx(np.zeros(5), abs=0)


def test_the_brand_is_that_of_the_write_key_or_of_the_account():
    body = said(facebook(comment()), ANGRY)
    adapter = Webhooks(MAPPINGS, {}, MOODS)
    for brand, feels in (("lumiere", True), ("quiet", False)):
        asked = request("/v1/webhooks/facebook", body)
        asked = replace(asked, grant_brand=brand)
        (event,) = events(adapter.translate(asked))
        assert ("sentiment" in event["data"]) == feels
    account = body["entry"][0]["id"]
    for brand, feels in (("lumiere", True), ("quiet", False)):
        (event,) = delivered("facebook", body, query={"accounts": f"{account}:{brand}"})
        assert ("sentiment" in event["data"]) == feels


OWN = """
version = 1
[signature]
scheme = "none"
[[event]]
type = "web.review"
when = "body.id"
id = "body.id"
time = "body.at"
handles = { user = "body.who" }
[event.data]
text = "join(' ', [body.title, body.text])"
language = "body.language"
sentiment = "body.mood"
"""


def test_a_mapping_of_ones_own_says_where_a_text_is():
    adapter = Webhooks({"own": parse_webhook(OWN, name="own")}, {}, MOODS)
    body = {"id": "1", "at": "2026-10-17T10:00:00Z", "who": "u-1", "title": "Zzplanted", "text": "terrible"}
    for more, feels in (({}, True), ({"language": "fr"}, False), ({"language": "no language"}, True), ({"title": None}, False), ({"text": 5}, False), ({"text": "terrible \ud83d"}, True)):  # fmt: skip
        (event,) = delivered("own", body | more, adapter=adapter)
        assert ("sentiment" in event["data"]) == feels, more
    (event,) = delivered("own", body | {"mood": 0.5}, adapter=adapter)
    assert (event["data"]["sentiment"], "properties" in event["data"]) == (0.5, False)


TRACK = {"type": "track", "event": "Product Reviewed", "userId": "u-1", "messageId": "m-1", "timestamp": "2026-10-17T10:00:00Z"}  # fmt: skip


def called(call, mapping=None, moods=MOODS):
    adapter = Segment(mapping or default_mapping(), moods)
    (event,) = events(adapter.translate(request("/v1/track", call)))
    assert "zzplanted" not in json.dumps(event).lower()
    return event


def test_a_review_of_segment_has_a_mood_and_its_body_is_no_property():
    call = TRACK | {"properties": {"review_body": ANGRY, "colour": "red", "deep": {"reviewBody": ANGRY}}}
    event = called(call)
    assert event["type"] == "web.review"
    assert event["data"]["sentiment"] < -0.3
    assert event["data"]["properties"]["colour"] == "red"
    silent = called(call, moods=NO_MOODS)
    assert "sentiment" not in silent["data"]
    rated = called(TRACK | {"properties": {"review_body": ANGRY, "rating": 5}})
    assert rated["data"]["rating"] == 5
    assert "sentiment" not in rated["data"]
    assert (
        called(TRACK | {"properties": {"review_body": ANGRY, "language": "fr"}})["data"].get("sentiment")
        is None
    )


def test_a_mapping_of_segment_names_other_texts():
    mapping = parse_mapping('version = 1\n[calls]\npage = "web.page_view"\nscreen = "web.page_view"\ngroup = "web.group"\n[areas]\nweb = "web"\n[fields]\ntext = ["properties.said.here"]')  # fmt: skip
    event = called(TRACK | {"properties": {"said": {"here": ANGRY, "there": "kept"}}}, mapping)
    assert event["data"]["sentiment"] < -0.3
    assert event["data"]["properties"]["said"] == {"there": "kept"}


def act(kind, made, **more):
    return {"@context": "https://www.w3.org/ns/activitystreams", "id": "https://a.example/1", "type": kind, "actor": "https://a.example/ann",
            "published": "2026-10-17T10:00:00Z", "object": made} | more  # fmt: skip


NOTE = {"id": "https://a.example/n/1", "type": "Note", "inReplyTo": "https://lumiere.example/p/1", "content": f"<p>{ANGRY}</p>", "published": "2026-10-17T10:00:00Z"}  # fmt: skip


def noted(activity, moods=MOODS):
    (event,) = events(Activities(moods).translate(request("/v1/activities", activity)))
    assert "zzplanted" not in json.dumps(event).lower()
    return event


def test_what_an_activity_makes_has_a_mood_and_what_it_shares_has_none():
    done = noted(act("Create", NOTE))
    assert done["data"]["sentiment"] < -0.3
    for undo in (
        act("Undo", act("Create", NOTE)),
        act("Delete", NOTE | {"attributedTo": "https://a.example/ann"}),
    ):
        assert_nothing_happened(done, noted(undo | {"id": "https://a.example/2"}))
    for kind in ("Announce", "Like", "Dislike", "View"):
        assert "sentiment" not in noted(act(kind, NOTE))["data"]
    assert "sentiment" not in noted(act("Create", NOTE), NO_MOODS)["data"]


@pytest.mark.parametrize(
    ("more", "feels"),
    [
        ({"contentMap": {"en": f"<p>{ANGRY}</p>"}}, True),
        ({"contentMap": {"fr": f"<p>{ANGRY}</p>"}}, False),
        ({"contentMap": {"fr": "autre", "en": f"<p>{ANGRY}</p>"}}, True),
        ({"content": None, "contentMap": {"en-GB": ANGRY}}, True),
        ({"content": None, "contentMap": {"a": 1, "b": 2}}, False),
        ({"content": ["zzplanted"]}, False),
        ({"contentMap": "zzplanted"}, True),
        ({"content": {"zzplanted": 1}}, False),
        ({"content": "\ud83d horrible"}, True),
    ],
)
def test_an_activity_names_the_language(more, feels):
    assert ("sentiment" in noted(act("Create", NOTE | more))["data"]) == feels


@pytest.mark.parametrize(
    "text",
    ["<" * 30_000, "<a" * 20_000, "&" * 30_000, "&#x1F" * 9_000, "\0" * 30_000, "<a " + "x" * 1_000_000],
)
def test_html_that_is_odd_is_read_within_bounds(text):
    assert len(plain(text)) <= 20_000
    noted(act("Create", NOTE | {"content": text}))


def test_tags_are_no_words():
    assert plain("<p>not <b>bad</b> &amp; cheap<br>I <3 it</p>") == "not  bad  & cheap I <3 it"
