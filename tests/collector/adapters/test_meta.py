"""Facebook, Instagram, Messenger and WhatsApp: what becomes an event, what is passed over, and what is taken back, exactly."""

import json
from datetime import timedelta
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.evidence import weigh
from schemas.apath import default_model
from schemas.webhook import bundled
from streams.collector.adapters.originals import Originals
from streams.collector.adapters.webhook import Webhooks
from tests.collector.adapters import payloads
from tests.collector.adapters.edge import RECEIVED, events, reason, request
from tests.collector.adapters.payloads_social import (
    ANN,
    PAGE,
    comment,
    facebook,
    ig_comment,
    instagram,
    post,
    rating,
    reaction,
)
from tests.collector.adapters.test_activities import touches

MAPPINGS = bundled()
FACEBOOK = f"facebook:{ANN['id']}"


def translated(name, body, query=None, adapter=None):
    return (adapter or Webhooks(MAPPINGS, {})).translate(request(f"/v1/webhooks/{name}", body, query=query))


def told(name, body, **options):
    """Return what becomes of each item: the type of the event, or why it is none."""
    return [
        json.loads(item.line)["type"] if item.line and not reason(item) else reason(item)
        for item in translated(name, body, **options)
    ]


def only(name, body):
    (event,) = events(translated(name, body))
    return event


@pytest.mark.parametrize(
    ("name", "body", "kind", "handles", "time"),
    [
        ("facebook", payloads.FACEBOOK_REACTION, "social.like", {"user": FACEBOOK}, "2026-10-17T11:58:20Z"),
        ("facebook", payloads.FACEBOOK_COMMENT, "social.comment", {"user": FACEBOOK}, "2026-10-17T11:58:30Z"),
        ("facebook", payloads.FACEBOOK_POST, "social.user_content", {"user": FACEBOOK}, "2026-10-17T11:58:40Z"),
        ("facebook", payloads.FACEBOOK_RATING, "social.review", {"user": FACEBOOK}, "2026-10-17T11:58:50Z"),
        ("facebook", payloads.FACEBOOK_MENTION, "social.user_content", {"user": FACEBOOK}, "2026-10-17T11:59:00Z"),
        ("facebook", facebook(post(item="share")), "social.share", {"user": FACEBOOK}, "2026-10-17T11:58:40Z"),
        ("facebook", facebook({"item": "like", "verb": "add", "user_id": 77}), "social.follow", {"user": "facebook:77"}, "2026-10-17T11:59:59Z"),
        ("instagram", payloads.INSTAGRAM_COMMENT, "social.comment", {"user": "instagram:99001000000001", "social": "instagram:Ann.L"}, "2026-10-17T11:59:59Z"),
        ("instagram", payloads.INSTAGRAM_LIVE, "social.comment", {"user": "instagram:99001000000001", "social": "instagram:Ann.L"}, "2026-10-17T11:59:59Z"),
        ("instagram", payloads.INSTAGRAM_LOGIN, "social.comment", {"user": "instagram:99001000000001", "social": "instagram:Ann.L"}, "2026-10-17T11:59:59Z"),
        ("whatsapp", payloads.WHATSAPP_MESSAGE, "support.message", {"phone": "+33639987750"}, "2026-10-17T11:59:50Z"),
    ],
)  # fmt: skip
def test_a_change_is_the_event_that_it_tells_of(name, body, kind, handles, time):
    event = only(name, body)
    assert (event["type"], event["data"]["handles"], event["time"]) == (kind, handles, time)


def test_of_texts_names_and_ids_of_people_nothing_is_in_an_event_but_its_handles():
    for name, body in vars(payloads).items():
        provider = name.partition("_")[0].lower()
        if name.isupper() and provider in {"facebook", "instagram", "whatsapp"}:
            for event in events(translated(provider, body)):
                event["data"].pop("handles")
                said = json.dumps(event)
                assert not [
                    word
                    for word in ("zelda", "Ann", ANN["id"], "99001000000001", "33639987750", "HBgLMzM2")
                    if word in said
                ]


def test_each_item_of_a_batch_is_told_of():
    assert told("facebook", payloads.FACEBOOK_MESSAGES) == [
        "support.message",
        "support.message",
        "own",
        "receipt",
    ]
    said = ["support.message", "social.share", "deleted", "reaction", "edit"]
    assert told("instagram", payloads.INSTAGRAM_MESSAGES) == said
    assert told("whatsapp", payloads.WHATSAPP_MESSAGE) == ["support.message", "receipt", "no_event"]
    both = {
        "object": "page",
        "entry": payloads.FACEBOOK_COMMENT["entry"] + payloads.FACEBOOK_POST["entry"] + [{"id": PAGE}],
    }
    assert told("facebook", both) == ["social.comment", "social.user_content", "no_event"]


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("facebook", facebook(comment(who={"id": PAGE})), "own"), ("facebook", facebook(comment(who=None)), "anonymous"),
        ("facebook", facebook(comment("edit")), "edit"), ("facebook", facebook(comment("edited")), "edit"), ("facebook", facebook(comment("hide")), "moderation"),
        ("facebook", facebook(reaction("edit", kind="love")), "edit"), ("facebook", facebook(reaction(kind="angry")), "reaction"),
        ("facebook", facebook(reaction(kind="SAD")), "reaction"), ("facebook", facebook(rating("edit"), field="ratings"), "edit"),
        ("facebook", facebook({"item": "event", "verb": "add", "from": ANN}), "no_event"), ("facebook", facebook({}, field="leadgen"), "no_event"),
        ("facebook", {"object": "user", "entry": []}, "no_event"), ("facebook", {"object": "page", "entry": []}, "no_event"),
        ("facebook", {"object": "page"}, "no_event"), ("facebook", {"object": "page", "entry": 7}, "no_event"),
        ("facebook", {"object": "page", "entry": [7, None]}, "no_event"), ("facebook", [], "no_event"),
        ("instagram", payloads.INSTAGRAM_MENTION, "anonymous"), ("instagram", instagram({"field": "story_insights", "value": {"media_id": "1"}}), "no_event"),
        ("instagram", instagram(ig_comment(**{"from": {"id": "17841405309211844", "username": "lumiere"}})), "own"),
    ],
)  # fmt: skip
def test_what_is_no_act_of_a_customer_is_passed_over_for_a_reason(name, body, why):
    assert set(told(name, body)) == {why}


@pytest.mark.parametrize(("kind", "stars"), [("positive", 5), ("POSITIVE", 5), ("negative", 1), (None, None)])
def test_a_recommendation_is_a_review_at_either_end(kind, stars):
    assert only("facebook", facebook(rating(kind=kind), field="ratings"))["data"].get("rating") == stars


@pytest.mark.parametrize(
    ("body", "back"),
    [
        (facebook(reaction(), reaction("remove", 1792238390)), "social.unlike"),
        (facebook(reaction(), reaction("edit", 1792238390, "angry")), "social.unlike"),
        (facebook(comment(), comment("remove", 1792238390, who=None, message=None)), "social.uncomment"),
        (facebook(post(), post("remove", 1792238390)), "social.withdrawn_content"),
        (facebook(post(item="share"), post("remove", 1792238390, item="share")), "social.unshare"),
        (facebook({"item": "like", "verb": "add", "user_id": 7, "created_time": 1792238300}, {"item": "like", "verb": "remove", "user_id": 7}), "social.unfollow"),
        (facebook(rating(), rating("remove", 1792238390, None), field="ratings"), "social.unreview"),
        (facebook(rating(kind="negative"), rating("remove", 1792238390, None), field="ratings"), "social.unreview"),
    ],
)  # fmt: skip
def test_a_removal_takes_back_exactly_in_whichever_order_both_come(body, back):
    found = []
    for changes in permutations(body["entry"][0]["changes"]):
        adapter, made = Webhooks(MAPPINGS, {}), []
        for change in changes:
            entry = body["entry"][0] | {"changes": [change]}
            made += events(translated("facebook", {"object": "page", "entry": [entry]}, adapter=adapter))
        found.append(made)
        done, undo = made
        assert (undo["type"], undo["time"], undo["data"]["cause"]) == (back, done["time"], done["id"])
        assert undo["data"]["handles"] == done["data"]["handles"]
        evidence = weigh(touches(done, undo), default_model())
        assert not np.isnan(evidence).all()
        assert np.nansum(evidence, axis=0) == pytest.approx(np.zeros(5), abs=0)
    assert found[0] == found[1]


def test_what_is_not_remembered_is_not_taken_back_and_counted():
    assert told("facebook", facebook(reaction("remove"))) == ["unknown_original"]
    bea = {"id": "24601000000002"}
    mixed = facebook(
        reaction(), reaction("remove", 1792238390, who=bea), comment(), comment("remove", number=2)
    )
    assert told("facebook", mixed) == [
        "social.like",
        "unknown_original",
        "social.comment",
        "unknown_original",
    ]


def test_what_one_key_sent_another_does_not_take_back():
    """Two brands have the same page, each with a key of its own: one's removal is none of the other's."""
    adapter = Webhooks(MAPPINGS, {})
    assert told("facebook", facebook(reaction()), query={"writeKey": "lumiere"}, adapter=adapter) == [
        "social.like"
    ]
    removal = facebook(reaction("remove", 1792238390))
    assert told("facebook", removal, query={"writeKey": "nova"}, adapter=adapter) == ["unknown_original"]
    brands = {"writeKey": "lumiere", "accounts": f"{PAGE}:nova"}
    assert told("facebook", removal, query=brands, adapter=adapter) == ["unknown_original"]
    assert told("facebook", removal, query={"writeKey": "lumiere"}, adapter=adapter) == ["social.unlike"]


def test_liked_again_after_a_removal_is_a_like_of_its_own():
    again = reaction(at=1792238395)
    body = facebook(reaction(), reaction("remove", 1792238390), again, reaction("remove", 1792238390))
    first, undo, second = events(translated("facebook", body))
    assert [event["type"] for event in (first, undo, second)] == [
        "social.like",
        "social.unlike",
        "social.like",
    ]
    assert first["id"] != second["id"]
    assert told("facebook", body)[3] == "unknown_original", (
        "a removal that comes again late takes nothing else back"
    )


def test_a_removal_that_comes_again_is_the_same_event():
    first, again = (
        events(translated("facebook", facebook(reaction(), *[reaction("remove", 1792238390)] * 2)))[at]
        for at in (1, 2)
    )
    assert first == again


ACTS = st.lists(
    st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 20), st.integers(0, 2)), max_size=10
)


@settings(max_examples=80)
@given(ACTS, st.integers(1, 3))
def test_no_removal_ever_takes_back_more_than_there_was(acts, cuts):
    """Whatever comes in whatever order, each undo belongs to one like that came, at its time, once."""
    adapter, made = Webhooks(MAPPINGS, {}), {}
    for start in range(0, len(acts), cuts):
        values = [
            reaction(verb, 1792238300 + at, who={"id": f"2460{who}"})
            for verb, at, who in acts[start : start + cuts]
        ]
        for event in events(translated("facebook", facebook(*values), adapter=adapter)) if values else ():
            key = (event["id"], event["data"]["handles"]["user"])
            assert made.setdefault(key, event) == event
    for (own, who), event in made.items():
        if own.endswith(":undo"):
            assert made[own.removesuffix(":undo"), who]["time"] == event["time"]


def test_an_item_without_an_account_is_of_none_that_is_named():
    body = facebook(comment())
    del body["entry"][0]["id"]
    assert told("facebook", body, query={"accounts": f":nova,{PAGE}"}) == ["other_account"]


def test_originals_are_bounded_and_the_oldest_are_forgotten():
    originals = Originals(remembered=2)
    for number in range(3):
        assert not originals.made(b"%d" % number, RECEIVED, b"undo %d" % number)
    later = RECEIVED + timedelta(seconds=1)
    assert [originals.removed(b"%d" % number, later) for number in (1, 2, 0)] == [b"undo 1", b"undo 2", None]


def test_what_the_log_does_not_have_is_not_taken_back():
    adapter = Webhooks(MAPPINGS, {})
    (item,) = translated("facebook", facebook(reaction()), adapter=adapter)
    item.dropped()
    assert told("facebook", facebook(reaction("remove", 1792238390)), adapter=adapter) == ["unknown_original"]
    again = translated("facebook", facebook(reaction()), adapter=adapter)
    assert [json.loads(one.line)["type"] for one in again] == ["social.like", "social.unlike"], (
        "it is sent again"
    )
    newer = translated("facebook", facebook(reaction(at=1792238395)), adapter=adapter)
    again[0].dropped()
    assert [one.passed_over for one in newer] == [""]
    assert told("facebook", facebook(reaction("remove", 1792238396)), adapter=adapter) == ["social.unlike"]


@pytest.mark.parametrize(
    ("accounts", "said", "brand"),
    [
        (PAGE, "social.comment", None), (f"{PAGE}:nova", "social.comment", "nova"), (f" 5:lumiere , {PAGE}:nova", "social.comment", "nova"),
        ("5:lumiere", "other_account", None), (":nova", "other_account", None), (f"{PAGE}0", "other_account", None), (",", "other_account", None),
    ],
)  # fmt: skip
def test_the_address_may_name_pages_and_their_brands(accounts, said, brand):
    (item,) = translated("facebook", payloads.FACEBOOK_COMMENT, {"accounts": accounts})
    event = json.loads(item.line) if item.line else None
    assert (event["type"] if event else item.passed_over) == said
    assert (event or {"data": {}})["data"].get("brand") == brand
