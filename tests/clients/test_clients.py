"""SDKs of other makers, unmodified, pointed at a collector: what they send is in ClickHouse."""

import json

import pytest

from journey.identity.handle import normalise
from journey.identity.handle_key import HandleKey
from tests.collector.server import KEY


def hashed(kind, value, brand):
    return str(HandleKey(KEY, separate=True).id(kind, normalise(kind, value), brand))


def handles(row):
    return {(kind, str(value)) for kind, value in zip(row["kinds"], row["handles"], strict=True)}


def ann(brand):
    return {
        ("user", hashed("user", "u-104", brand)),
        ("email", hashed("email", "ann.lee@example.com", brand)),
    }


def test_segment_analytics_python(sent):
    rows = {row["type"]: row for row in sent.of("segment_python") if row["id"]}
    assert set(rows) == {"identity.link", "web.purchase", "web.page_view"}
    assert len(sent.of("segment_python")) == 4, "and an alias"
    purchase = rows["web.purchase"]
    assert (float(purchase["amount"]), purchase["currency"], purchase["product"]) == (
        39.95,
        "EUR",
        "poster-aurora",
    )
    assert json.loads(purchase["properties"])["library"] == "analytics-python"
    links = [handles(row) for row in sent.of("segment_python") if row["type"] == "identity.link"]
    assert ann("segment_python") | {("cookie", hashed("cookie", "a-1", "segment_python"))} in links
    assert {
        ("user", hashed("user", "u-104", "segment_python")),
        ("user", hashed("user", "a-0", "segment_python")),
        ("cookie", hashed("cookie", "a-0", "segment_python")),
    } in links


def test_rudder_sdk_python(sent):
    rows = {row["type"]: row for row in sent.of("rudder_python")}
    assert set(rows) == {"identity.link", "web.product_view", "web.page_view"}
    assert handles(rows["identity.link"]) == ann("rudder_python") | {
        ("cookie", hashed("cookie", "a-1", "rudder_python"))
    }
    assert rows["web.product_view"]["product"] == "poster-aurora"
    assert {row["source"] for row in rows.values()} == {"rudder_python-source"}


def test_segment_analytics_node(sent):
    rows = {row["type"]: row for row in sent.of("segment_node")}
    assert set(rows) == {"identity.link", "web.purchase"}
    assert handles(rows["identity.link"]) == ann("segment_node") | {
        ("cookie", hashed("cookie", "a-1", "segment_node"))
    }
    assert float(rows["web.purchase"]["amount"]) == 39.95


def test_the_sdk_of_cloudevents(sent):
    rows = sent.of("cloudevents")
    assert {(row["id"], row["type"]) for row in rows} == {
        ("binary", "web.click"),
        ("structured", "web.click"),
    }


def test_curl(sent):
    rows = {row["type"]: row for row in sent.of("curl")}
    assert set(rows) == {"web.sign_up", "social.like", "social.unlike", "store.purchase"}
    assert rows["social.unlike"]["time"] == rows["social.like"]["time"]
    assert (rows["store.purchase"]["place"], float(rows["store.purchase"]["amount"])) == ("655441491", 388)


def test_an_anonymous_session_that_identifies_later_and_comes_to_the_store_with_the_card_is_one_customer(
    sent,
):
    rows = sent.of("story")
    assert sorted(row["type"] for row in rows) == [
        "identity.link", "identity.link", "store.check_in", "web.page_view", "web.page_view", "web.product_view",
    ]  # fmt: skip
    by_type = {row["type"]: row for row in rows}
    assert by_type["web.product_view"]["kinds"] == ["cookie"], "nobody knew her then"
    assert by_type["store.check_in"]["kinds"] == ["loyalty"]
    touches = [touch for touch in sent.touches if touch["brand"] == "story"]
    assert {touch["channel"] for touch in touches} == {"web", "store"}
    assert len({touch["customer"] for touch in touches}) == 1


def test_a_page_whose_key_has_no_identity_identifies_nobody_and_is_told_so(sent):
    rows = sent.of("page")
    assert sorted(row["type"] for row in rows) == [
        "identity.link", "web.page_view", "web.page_view", "web.product_view",
    ]  # fmt: skip
    assert all(len(row["handles"]) == 1 for row in rows)
    by_type = {row["type"]: row for row in rows}
    assert handles(by_type["identity.link"]) == {("user", hashed("user", "u-104", "page"))}
    assert by_type["web.product_view"]["kinds"] == ["cookie"]
    touches = {touch["type"]: touch["customer"] for touch in sent.touches if touch["brand"] == "page"}
    assert touches["web.page_view"] == touches["web.product_view"], "the visitor is who they were"
    (identified,) = sent.told["page"]
    assert (identified["success"], identified["items"][0]["status"]) == (True, "accepted")
    assert identified["items"][0]["linked"] is False
    assert "no grant identity" in identified["items"][0]["detail"]


@pytest.mark.parametrize(
    "word", ["ann.lee", "Ann.Lee", "Ann Lee", "970012345678", "9700 1234 5678", "jon@example.com"]
)
def test_no_value_of_a_person_is_kept_anywhere(sent, word):
    for path in sent.collector.folder.rglob("*"):
        if path.is_file():
            assert word.encode() not in path.read_bytes(), path
