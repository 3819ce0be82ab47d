"""ActivityStreams: examples of the vocabulary, Undo that leaves no trace in any score, and any JSON there is."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.evidence import Touches, weigh
from schemas.apath import default_model
from schemas.reversals import REVERSED
from streams.collector.adapters import Malformed
from streams.collector.adapters.activities import TYPES, Activities
from tests.collector.adapters.edge import events, reason, request
from tests.collector.adapters.values import objects

ADAPTER = Activities()
ANN = "https://social.example/users/ann"
NOTE = "https://social.example/users/bob/notes/1"
PUBLISHED = "2026-10-01T09:30:00Z"


def activity(kind, target=NOTE, **fields):
    return {
        "@context": "https://www.w3.org/ns/activitystreams", "type": kind, "id": f"https://social.example/{kind}/1",
        "actor": ANN, "object": target, "published": PUBLISHED, **fields,
    }  # fmt: skip


REPLY = {
    "type": "Note",
    "id": "https://social.example/users/ann/notes/2",
    "inReplyTo": NOTE,
    "content": "lovely",
}
POST = {"type": "Image", "id": "https://social.example/users/ann/notes/3", "name": "the poster"}
PLACE = {"type": "Place", "id": "https://lumiere.example/stores/7", "name": "Lumière"}


def review(stars):
    return {
        "type": "Review", "id": "https://social.example/reviews/1", "inReplyTo": NOTE,
        "reviewRating": {"ratingValue": stars},
    }  # fmt: skip


DOINGS = {
    "like": (activity("Like"), "social.like"),
    "share": (activity("Announce"), "social.share"),
    "comment": (activity("Create", REPLY), "social.comment"),
    "content": (activity("Create", POST), "social.user_content"),
    "good review": (activity("Create", review(5)), "social.review"),
    "middling review": (activity("Create", review(3)), "social.review"),
    "bad review": (activity("Create", review("1")), "social.review"),
    "follow": (activity("Follow", "https://social.example/users/lumiere"), "social.follow"),
    "join": (activity("Join", {"type": "Group", "id": "https://social.example/groups/1"}), "community.join"),
    "arrive": (activity("Arrive", None, location=PLACE), "store.check_in"),
    "view": (activity("View"), "social.impression"),
}


def one(body):
    (event,) = events(ADAPTER.translate(request("/v1/activities", body)))
    return event


@pytest.mark.parametrize("doing", DOINGS)
def test_an_activity_is_what_people_do(doing):
    body, kind = DOINGS[doing]
    event = one(body)
    assert (event["id"], event["type"], event["time"]) == (body["id"], kind, PUBLISHED)
    assert event["data"]["handles"] == {"social": ANN}
    assert event["data"].get("place") == (PLACE["id"] if doing == "arrive" else None)


@pytest.mark.parametrize(
    ("actor", "handles"),
    [
        ({"type": "Person", "id": ANN, "name": "Ann"}, {"social": ANN}), ("acct:ann@social.example", {"social": "ann@social.example"}),
        ("mailto:ann@example.com", {"email": "ann@example.com"}), ([ANN, "x"], {"social": ANN}), ("TEL:+33612345678", {"phone": "+33612345678"}),
        ("mailto:ann%2Bshop@b%C3%BCcher.example?subject=hi", {"email": "ann+shop@bücher.example"}), ("tel:%2B33612345678", {"phone": "+33612345678"}),
    ],
)  # fmt: skip
def test_an_actor_is_a_handle(actor, handles):
    assert one(activity("Like", actor=actor))["data"]["handles"] == handles


def test_what_is_commented_on_is_the_content():
    assert one(activity("Create", REPLY))["data"]["content"] == NOTE


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("3 Curie home of 0612849735", "3 Curie home of #"),
        ("06 12 84 97 35", "#"),
        ("0612849735", "#"),
        ("Hall 7, Bastille", "Hall 7, Bastille"),
    ],
)
def test_the_name_of_a_place_or_product_is_text(name, kept):
    event = one(activity("Arrive", None, location={"type": "Place", "name": name}))
    assert event["data"]["place"] == kept
    event = one(activity("Like", {"type": "Product", "name": name}))
    assert event["data"]["content"] == kept


def test_a_type_that_nobody_knows_is_kept_under_its_name():
    assert one(activity("SuperLike"))["type"] == "social.super_like"


@pytest.mark.parametrize("field", ["items", "orderedItems"])
def test_a_collection_is_its_activities_and_a_bad_one_keeps_the_good(field):
    body = {
        "type": "OrderedCollection",
        field: [activity("Like"), 7, activity("Undo", "https://x.example/1")],
    }
    items = ADAPTER.translate(request("/v1/activities", body))
    assert [item.pointer for item in items] == [f"/{field}/0", f"/{field}/1", f"/{field}/2/object"]
    assert [reason(item) for item in items] == ["", "not_json", "bad_value"]


def touches(*found):
    times = [int(datetime.fromisoformat(event["time"]).timestamp() * 1e6) for event in found]
    nan = np.full(len(found), np.nan)
    ratings = np.array([event["data"].get("rating", np.nan) for event in found], np.float64)
    return Touches(
        np.array(times), np.arange(len(found), dtype=np.int32), tuple(event["type"] for event in found), ratings, nan, nan
    )  # fmt: skip


@pytest.mark.parametrize("doing", DOINGS)
def test_an_undo_leaves_every_score_as_if_nothing_had_happened(doing):
    body, _ = DOINGS[doing]
    done = one(body)
    undone = one(activity("Undo", body, published="2026-11-30T00:00:00Z"))
    assert (undone["time"], undone["data"]["cause"]) == (done["time"], done["id"])
    assert undone["data"]["handles"] == done["data"]["handles"]
    evidence = weigh(touches(done, undone), default_model())
    assert (np.isnan(evidence[0]) == np.isnan(evidence[1])).all()
    assert np.nansum(evidence, axis=0) == pytest.approx(np.zeros(5), abs=0)
    assert np.isnan(evidence).all() == (doing == "middling review")


MINUTES = st.integers(0, 60 * 24 * 600)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(DOINGS)), MINUTES, st.integers(0, 2)), max_size=8), st.randoms()
)
def test_whatever_is_undone_in_whatever_order_scores_are_those_of_what_was_not(doings, random):
    sent, stays = [], []
    for number, (name, minutes, undos) in enumerate(doings):
        body, _ = DOINGS[name]
        at = (datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)).isoformat()
        made = body["object"]
        if isinstance(made, dict):
            made = made | {"id": f"https://social.example/made/{number}"}
        body = body | {"id": f"https://social.example/{number}", "object": made, "published": at}
        sent += [body] + [
            activity("Undo", body, id=f"https://social.example/undo/{number}/{i}") for i in range(undos)
        ]
        stays += [] if undos else [body]
    random.shuffle(sent)
    once = {event["id"]: event for event in map(one, sent)}  # as the engine has them
    found, expected = (
        weigh(touches(*events), default_model()) for events in (once.values(), map(one, stays))
    )
    assert np.nansum(found, axis=0) == pytest.approx(np.nansum(expected, axis=0), rel=1e-9, abs=1e-9)


def test_every_reversing_type_has_the_weights_of_what_it_reverses_with_the_sign_turned():
    model = default_model()
    for done, undone in REVERSED.items():
        rules = {(rule.stage, rule.weight, rule.rating, rule.mood) for rule in model.rules_for(done)}
        assert rules
        assert {(r.stage, -r.weight, r.rating, r.mood) for r in model.rules_for(undone)} == rules


def test_the_default_model_knows_every_type_of_the_vocabulary():
    model = default_model()
    types = {*TYPES.values(), *REVERSED, *REVERSED.values()}
    assert "other" not in {model.channel(kind) for kind in types}
    assert not [kind for kind in types if not model.rules_for(kind) and kind not in model.neutral]


@pytest.mark.parametrize("doing", ["comment", "content", "good review"])
def test_a_delete_of_what_was_made_and_an_undo_of_making_it_are_the_same_event(doing):
    body, _ = DOINGS[doing]
    body = body | {"object": body["object"] | {"published": PUBLISHED}}
    deleted, undone = (
        one(activity("Delete", body["object"], published="2026-11-30T00:00:00Z")),
        one(activity("Undo", body, id="https://social.example/u")),
    )
    assert (deleted["id"], deleted["type"]) == (undone["id"], undone["type"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (activity("Undo"), "/object"), (activity("Delete", {"type": "Tombstone", "id": NOTE}), "/object"),
        (activity("Undo", activity("Like", actor="https://social.example/users/eve")), "/actor"),
        (activity("Delete", {**REPLY, "attributedTo": "https://social.example/users/eve"}), "/actor"),
        (activity("Undo", activity("Undo", activity("Like"))), "/object/type"), (activity("Undo", activity("Like", id=None)), "/object/id"),
        ({"actor": ANN}, "/type"), (activity("Undo", activity("Like", published=None)), "/object/published"),
        (activity("Undo", activity("Like", published="")), "/object/published"), (activity("Delete", REPLY), "/object/published"),
        ([activity("Collection", None)], "/0/type"),
    ],
)  # fmt: skip
def test_an_undo_that_cannot_be_exact_is_rejected(body, pointer):
    (item,) = ADAPTER.translate(request("/v1/activities", body))
    assert (item.line, item.reason, item.pointer) == (None, "bad_value", pointer)
    assert "example" not in item.detail


@pytest.mark.parametrize(
    "actor",
    [
        {"type": "Person", "name": "Sally"}, {"type": "Person", "id": None, "name": "Sally"}, {"type": "Person", "id": "_:b0"}, "Sally",
        [{"name": "Sally"}], {}, None, {"id": ""}, "_:b0",
    ],
)  # fmt: skip
def test_an_actor_without_an_id_is_nobody(actor):
    (item,) = ADAPTER.translate(request("/v1/activities", activity("Like", actor=actor)))
    assert reason(item) == "no_handle"


LIKES = [activity("Like", id=f"https://social.example/likes/{n}") for n in range(3)]
PAGE = {
    "type": "OrderedCollectionPage",
    "orderedItems": LIKES[1:2],
    "next": {"type": "OrderedCollectionPage", "items": LIKES[2]},
}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"type": "OrderedCollection", "totalItems": 2, "first": PAGE}, ["/first/orderedItems/0", "/first/next/items/0"]),
        ({"type": "Collection", "items": LIKES[:1], "first": PAGE}, ["/items/0", "/first/orderedItems/0", "/first/next/items/0"]),
        ({"type": "Collection", "totalItems": 0}, []), ({"type": "Collection", "items": []}, []),
    ],
)  # fmt: skip
def test_a_collection_is_the_activities_of_the_pages_that_it_embeds(body, pointers):
    items = ADAPTER.translate(request("/v1/activities", body))
    assert [item.pointer for item in items] == pointers
    assert [event["id"] for event in events(items)] == [LIKES[n]["id"] for n in range(3 - len(pointers), 3)]


@pytest.mark.parametrize("where", ["prev", "last", "current"])
def test_no_embedded_page_is_left_out(where):
    body = {
        "type": "OrderedCollection",
        "first": PAGE | {where: {"type": "OrderedCollectionPage", "items": LIKES[:1]}},
    }
    items = ADAPTER.translate(request("/v1/activities", body))
    assert sorted(event["id"] for event in events(items)) == sorted(like["id"] for like in LIKES)
    body = {
        "type": "OrderedCollection",
        "first": "https://social.example/page/1",
        where: {"type": "CollectionPage", "items": LIKES},
    }
    assert len(events(ADAPTER.translate(request("/v1/activities", body)))) == 3


def test_what_a_group_announces_of_its_members_is_theirs():
    like = activity("Like", id="https://social.example/likes/7")
    (event,) = events(
        ADAPTER.translate(
            request("/v1/activities", activity("Announce", like, actor="https://social.example/c/main"))
        )
    )
    (own,) = events(ADAPTER.translate(request("/v1/activities", like)))
    assert event == own
    untimed = {name: value for name, value in like.items() if name != "published"}
    undo = activity("Undo", untimed)
    (item,) = ADAPTER.translate(
        request("/v1/activities", activity("Announce", undo, actor="https://social.example/c/main"))
    )
    assert (item.line, item.reason) == (None, "bad_value")
    (event,) = events(
        ADAPTER.translate(
            request(
                "/v1/activities",
                activity("Announce", {"type": "Note", "id": "https://n.example/1", "actor": ANN}),
            )
        )
    )
    assert event["type"] == "social.share"


def test_a_group_takes_back_nothing_of_its_members():
    like = activity("Like", id="https://social.example/likes/7")
    group = "https://social.example/c/main"
    announce = activity("Announce", like, actor=group, id="https://social.example/announce/1")
    (item,) = ADAPTER.translate(request("/v1/activities", activity("Undo", announce, actor=group)))
    assert (item.line, item.reason) == (None, "bad_value")
    (event,) = events(ADAPTER.translate(request("/v1/activities", activity("Undo", announce))))
    (own,) = events(ADAPTER.translate(request("/v1/activities", activity("Undo", like))))
    assert event == own, "of the member, it is that of the like"


@pytest.mark.parametrize("kind", ["as:Person", "https://www.w3.org/ns/activitystreams#Person", "Person"])
def test_a_type_may_be_written_in_full(kind):
    (event,) = events(
        ADAPTER.translate(
            request(
                "/v1/activities",
                activity("as:Like", {"type": kind, "id": "https://x.example/u/jeanne", "name": "Jeanne"}),
            )
        )
    )
    assert event["type"] == "social.like"
    assert "jeanne" not in json.dumps(event["data"]).lower()


def test_a_page_that_is_both_the_first_and_the_last_is_read_once():
    page = {"type": "OrderedCollectionPage", "id": "https://social.example/page/1", "orderedItems": LIKES}
    items = ADAPTER.translate(
        request("/v1/activities", {"type": "OrderedCollection", "first": page, "last": page})
    )
    assert [item.pointer for item in items] == [f"/first/orderedItems/{n}" for n in range(3)]


@pytest.mark.parametrize(
    "actor",
    [
        "as:Public",
        "https://www.w3.org/ns/activitystreams#Public",
        {"id": "as:public"},
        "urn:uuid:00000000-0000-0000-0000-000000000000",
    ],
)
def test_those_to_whom_something_is_said_do_nothing(actor):
    (item,) = ADAPTER.translate(request("/v1/activities", activity("Like", actor=actor)))
    assert reason(item) == "no_handle"


def test_a_bad_item_of_an_embedded_page_harms_no_other():
    text = json.dumps(
        {"type": "Collection", "first": PAGE | {"orderedItems": [LIKES[0], "<<odd>>", LIKES[1]]}}
    )
    for odd in ("NaN", "{'a'}", "[" * 70 + "]" * 70):
        items = ADAPTER.translate(request("/v1/activities", text.replace('"<<odd>>"', odd).encode()))
        reasons = [reason(item) for item in items]
        assert reasons.pop(1) in {"bad_value", "not_json"}
        assert reasons == [""] * 3


@pytest.mark.parametrize(
    "body",
    [
        b"7", b"", {"type": "Collection", "items": [{}] * 2501}, {"type": "Collection", "totalItems": 5},
        {"type": "OrderedCollection", "first": "https://social.example/outbox?page=1"},
        {"@type": "OrderedCollection", "as:items": {"@list": [{"type": "Like"}]}},
    ],
)  # fmt: skip
def test_a_body_that_is_no_activity_is_malformed(body):
    with pytest.raises(Malformed):
        ADAPTER.translate(request("/v1/activities", body))


KINDS = st.sampled_from(
    ["Like", "Announce", "Create", "Follow", "Join", "Arrive", "Undo", "Delete", "Note", "Collection"]
)
ACTIVITY = st.recursive(
    objects(
        type=KINDS,
        actor=st.sampled_from([ANN, "mailto:x"]),
        id=st.text(max_size=400),
        published=st.just(PUBLISHED),
    ),
    lambda inner: objects(
        type=KINDS, object=inner, actor=inner, location=inner, items=st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(ACTIVITY)
def test_any_json_becomes_items_that_the_edge_takes_or_refuses(body):
    with suppress(Malformed):
        items = ADAPTER.translate(request("/v1/activities", body))
        assert all(isinstance(reason(item), str) for item in items)
