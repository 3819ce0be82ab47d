"""CloudEvents' JSON format and HTTP binding, and ActivityStreams 2.0, case by case: as specified, or not for a stated reason.

Cases are in the shape of the specifications' examples, with data of our contract. How many are as specified is in the guide.
"""

import base64
import json
from pathlib import Path

import pytest

from streams.collector import cloudevents_http
from streams.collector.adapters import Malformed
from streams.collector.adapters.activities import Activities
from streams.collector.grants import with_brand
from streams.http.problems import Problem
from tests.collector.adapters.edge import BRAND, EDGE, RECEIVED_US, request

GUIDE = Path(__file__).parents[2] / "deploy" / "docs" / "guide"
DATA = {"brand": "lumiere", "handles": {"cookie": "c-1"}, "content": "film"}
ATTRIBUTES = {
    "specversion": "1.0",
    "type": "web.page_view",
    "source": "/mycontext",
    "id": "A-1",
    "time": "2026-04-05T17:31:00Z",
}
EVENT = ATTRIBUTES | {"comexampleextension1": "value", "comexampleothervalue": 5, "data": DATA}
BINARY = {f"ce-{name}": value for name, value in ATTRIBUTES.items()} | {"ce-comexampleextension1": "value"}
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
ENCODED = base64.b64encode(json.dumps(DATA).encode()).decode()
OTHER_DATA = "the contract's data is one JSON object"  # why a case is not taken
OTHER_TYPE = "the contract's data is JSON"


def without(name, **more):
    return {key: value for key, value in EVENT.items() if key != name} | more


def structured(event, kind=STRUCTURED):
    return {"content-type": kind}, event


def binary(body=DATA, kind="application/json", **attributes):
    given = BINARY | {f"ce-{name}": value for name, value in attributes.items()}
    return {name: value for name, value in given.items() if value is not None} | (
        {"content-type": kind} if kind else {}
    ), body


# Section and what is tried: headers and body, and why it is not taken, "" where it is.
CLOUDEVENTS = {
    "json 2.2 an optional attribute is null": (structured(EVENT | {"subject": None}), ""),
    "json 2.2 dataschema is null": (structured(EVENT | {"dataschema": None}), ""),
    "json 2.2 datacontenttype is null": (structured(EVENT | {"datacontenttype": None}), ""),
    "json 2.2 an extension is null": (structured(EVENT | {"unsetextension": None}), ""),
    "json 2.2 a required attribute is null": (structured(EVENT | {"id": None}), "/id: Input should be a valid string"),
    "json 2.3 an attribute of another type": (structured(EVENT | {"source": 5}), "/source: Input should be a valid string"),
    "json 2.4 attributes of any case of extension": (structured(EVENT | {"ext1": True, "ext2": -1, "ext3": "https://x.example"}), ""),
    "json 3.1.1 no datacontenttype": (structured(EVENT), ""),
    "json 3.1.1 application/json": (structured(EVENT | {"datacontenttype": "application/json"}), ""),
    "json 3.1.1 parameters": (structured(EVENT | {"datacontenttype": "application/json; charset=utf-8"}), ""),
    "json 3.1.1 letter case": (structured(EVENT | {"datacontenttype": "Application/JSON"}), ""),
    "json 3.1.1 text/json": (structured(EVENT | {"datacontenttype": "text/json"}), ""),
    "json 3.1.1 a suffix +json": (structured(EVENT | {"datacontenttype": "application/x+json"}), ""),
    "json 3.1.1 data is an object": (structured(EVENT | {"subject": None, "datacontenttype": "application/json"}), ""),
    "json 3.1.1 data is a number": (structured(EVENT | {"data": 1.5}), OTHER_DATA),
    "json 3.1.1 data is a text": (structured(EVENT | {"data": "I'm just a string"}), OTHER_DATA),
    "json 3.1.1 data is XML": (structured(EVENT | {"datacontenttype": "application/xml", "data": "<much wow/>"}), OTHER_TYPE),
    "json 3.1.2 data_base64": (structured(without("data", data_base64=ENCODED)), ""),
    "json 3.1.2 data_base64 of a declared type": (structured(without("data", data_base64=ENCODED, datacontenttype="text/json")), ""),
    "json 3.1.2 data_base64 of another type": (
        structured(without("data", data_base64=ENCODED, datacontenttype="application/vnd.apache.thrift.binary")), OTHER_TYPE
    ),
    "json 3.1.2 data and data_base64": (structured(EVENT | {"data_base64": ENCODED}), "/data_base64: an event has data or data_base64"),
    "json 3.1 no data": (structured(without("data")), "/data: Field required"),
    "json 4.2 a batch": (structured([EVENT, without("data", data_base64=ENCODED)], BATCH), ""),
    "json 4.3 an empty batch": (structured([], BATCH), ""),
    "core 3.1 another specversion": (structured(EVENT | {"specversion": "0.3"}), "/specversion: "),
    "core 3.1 no id": (structured(without("id")), "/id: Field required"),
    "core 3.1 a time is RFC 3339": (structured(EVENT | {"time": "2016-12-31T23:59:60+00:00"}), ""),
    "core 3.1 no time": (structured(without("time")), "/time: Field required"),
    "core 3.1 a type of another form": (structured(EVENT | {"type": "com.example.someevent"}), "/type: String should match pattern"),
    "http 3.1.1 binary": (binary(), ""),
    "http 3.1.1 binary without a content type": (binary(kind=""), ""),
    "http 3.1.1 binary with parameters": (binary(kind="application/json; charset=utf-8"), ""),
    "http 3.1.1 binary of a suffix +json": (binary(kind="application/vnd.acme+JSON"), ""),
    "http 3.1.1 binary of text/json": (binary(kind="text/json; charset=utf8"), ""),
    "http 3.1.1 binary of XML": (binary("<much wow/>", "application/xml"), OTHER_TYPE),
    "http 3.1.2 binary data is a number": (binary(1.5), OTHER_DATA),
    "http 3.1.3 an unset attribute has no header": (binary(subject=None), ""),
    "http 3.1.3 a required attribute has no header": (binary(id=None), "/id: Field required"),
    "http 3.1.3.2 percent-encoded": (binary(id="Euro%20%E2%82%AC%20%F0%9F%98%80"), ""),
    "http 3.1.3.2 in quotes": (binary(type='"web.page\\_view"'), ""),
    "http 3.1.3.2 encoded as no UTF-8": (binary(source="%C3%28"), "/source: Input should be a valid string"),
    "http 3.2.1 a charset in capitals": (structured(EVENT, "application/cloudevents+json; charset=UTF-8"), ""),
    "http 3.2.1 letter case": (structured(EVENT, "Application/CloudEvents+JSON"), ""),
    "http 3.2.3 attributes in headers too": (({**BINARY, "content-type": STRUCTURED, "ce-id": "other"}, EVENT), ""),
    "http 3.2 another event format": (structured("<xml/>", "application/cloudevents+xml"), OTHER_TYPE),
    "http 3.3 a batch with a charset": (structured([EVENT], BATCH + "; charset=utf-8"), ""),
    "http 3.3 a batch that is one event": (structured(EVENT, BATCH), "the batch is no JSON array"),
}  # fmt: skip
BY_CONTRACT = {OTHER_DATA: ("wrong_type", "not_json"), OTHER_TYPE: ("bad_value", "media_type")}
# Why what the specifications allow is not taken; all other reasons are theirs.
OURS = {
    OTHER_DATA,
    OTHER_TYPE,
    "/data: Field required",
    "/time: Field required",
    "/type: String should match pattern",
}
OURS |= {"no_handle", "malformed", "not_json", "bad_value"}


def told(read, headers, body):
    """Return reason and detail of what is not taken in a body, two empty texts where all of it is."""
    try:
        items = read(request("/v1/events", body.encode() if isinstance(body, str) else body, headers=headers))
    except Malformed as error:
        return "malformed", error.detail
    except Problem as problem:
        return problem.code, str(problem)
    refused = [(item.reason, item.detail) for item in items if item.line is None]
    frame = EDGE.pack(
        [with_brand(item.line, BRAND) for item in items if item.line is not None],
        topic="t",
        now_us=RECEIVED_US,
    )
    refused += [(letter["reason"], letter["detail"]) for letter in frame.letters.to_pylist()]
    return refused[0] if refused else ("", "")


@pytest.mark.parametrize("case", CLOUDEVENTS)
def test_cloudevents_are_taken_as_their_specification_says_or_not_for_a_stated_reason(case):
    (headers, body), why = CLOUDEVENTS[case]
    reason, detail = told(cloudevents_http.items, headers, body)
    if why in BY_CONTRACT:
        assert reason in BY_CONTRACT[why]
    else:
        assert (detail.startswith(why), bool(reason)) == (True, bool(why)), (reason, detail)


SALLY, NOTE = (
    "https://sally.example",
    {"type": "Note", "id": "https://notes.example/1", "name": "A note", "content": "x"},
)
NO_ID, EMBED = "no_handle", "bad_value"


def act(kind, target=NOTE, **more):
    return {
        "@context": "https://www.w3.org/ns/activitystreams",
        "type": kind,
        "actor": SALLY,
        "object": target,
        **more,
    }


# What is sent, and the reason why it is not taken; "" where it is.
ACTIVITYSTREAMS = {
    "core an activity by address": (act("Like", NOTE["id"]), ""),
    "core an activity with an actor in full": (act("Create", actor={"type": "Person", "id": SALLY, "name": "Sally"}), ""),
    "core an actor with a name alone": (act("Create", actor={"type": "Person", "name": "Sally"}), NO_ID),
    "core an actor by a link": (act("Like", actor={"type": "Link", "href": SALLY}), ""),
    "core several actors": (act("Offer", actor=[SALLY, {"type": "Person", "id": "https://joe.example"}]), ""),
    "core several types": (act(["Like", "https://schema.org/LikeAction"]), ""),
    "core a type of another vocabulary": (act("https://verbs.example/Check"), ""),
    "core an activity without an object": (act("Arrive", None, location={"type": "Place", "name": "Work"}), ""),
    "core a target": (act("Add", target={"type": "Collection", "id": "https://sally.example/photos"}), ""),
    "core an instrument and a result": (act("Listen", instrument="https://service.example", result="https://r.example"), ""),
    "core names in several languages": (act("Create", {"type": "Note", "id": "x:1", "nameMap": {"en": "A", "fr": "Un"}}), ""),
    "core an extension": (act("Like", **{"dir:label": "x"}), ""),
    "core a published time without seconds' fraction": (act("Like", published="2026-02-10T15:04:55Z"), ""),
    "core a time that is none": (act("Like", published="yesterday"), "bad_time"),
    "core a collection": ({"type": "Collection", "totalItems": 1, "items": [act("Like")]}, ""),
    "core a collection of one, no list": ({"type": "Collection", "items": act("Like")}, ""),
    "core an ordered collection": ({"type": "OrderedCollection", "orderedItems": [act("Like"), act("Create")]}, ""),
    "core a page": ({"type": "CollectionPage", "partOf": "https://x.example", "items": [act("Like")]}, ""),
    "core a collection with its first page": ({"type": "Collection", "first": {"type": "CollectionPage", "items": [act("Like")]}}, ""),
    "core a collection with linked pages": ({"type": "Collection", "totalItems": 9, "first": "https://x.example/1"}, "malformed"),
    "core a collection of addresses": ({"type": "Collection", "items": ["https://x.example/1"]}, "not_json"),
    "core an empty collection": ({"type": "Collection", "totalItems": 0, "items": []}, ""),
    "core an object that is no activity": (NOTE, NO_ID),
    "core a link": ({"type": "Link", "href": "https://x.example"}, NO_ID),
    "core an anonymous object": ({"content": "x"}, EMBED),
    "vocabulary Undo of an embedded activity": (act("Undo", act("Like", id="x:1", published="2026-01-01T00:00:00Z")), ""),
    "vocabulary Undo without a time": (act("Undo", act("Like", id="x:1")), EMBED),
    "vocabulary Undo by address": (act("Undo", "https://sally.example/likes/1"), EMBED),
    "vocabulary Delete by address": (act("Delete", "https://notes.example/1"), EMBED),
    "vocabulary Delete of a Tombstone": (act("Delete", {"type": "Tombstone", "id": "x:1"}), EMBED),
    "vocabulary Delete of an embedded object": (act("Delete", NOTE | {"published": "2026-01-01T00:00:00Z"}), ""),
    **{
        f"vocabulary {kind}": (act(kind), "")
        for kind in (
            "Accept", "TentativeAccept", "Add", "Announce", "Block", "Create", "Dislike", "Flag", "Follow", "Ignore", "Invite", "Join",
            "Leave", "Like", "Listen", "Move", "Offer", "Question", "Reject", "TentativeReject", "Read", "Remove", "Travel", "Update", "View",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("case", ACTIVITYSTREAMS)
def test_activities_are_taken_as_their_vocabulary_says_or_not_for_a_stated_reason(case):
    body, why = ACTIVITYSTREAMS[case]
    assert told(Activities().translate, {}, body)[0] == why


@pytest.mark.parametrize(("cases", "page"), [(CLOUDEVENTS, "collector.md"), (ACTIVITYSTREAMS, "adapters.md")])
def test_the_guide_says_how_many_cases_are_as_specified(cases, page):
    good = sum(why not in OURS for _, why in cases.values())
    assert f"{good} of {len(cases)} cases" in (GUIDE / page).read_text(encoding="utf-8")
