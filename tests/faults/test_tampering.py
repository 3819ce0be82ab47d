"""verify finds every kind of tampering: a table of what is changed in the tables, and the check that tells.

One directory is prepared, and a copy of each table kept in it; a case changes some rows, looks, and puts them back.
"""

import json
import re
from collections.abc import Iterator

import pytest

from schemas.apath import default_model_text, parse_model
from streams.analysis.verify import mended_by, verify
from streams.embedded import change_model
from streams.embedded.embedded import Embedded
from streams.recovery.rebuild import Order
from tests.cli.conftest import event
from tests.faults.child import NOW_US
from tests.faults.lost import opened

TABLES = (
    "interactions", "evidence", "minute_counts", "identity_links", "identity_map", "stage_changes", "deliveries",
    "dead_letters", "conflicts", "models", "model_stages", "model_weights", "audience_changes",
)  # fmt: skip
ANN, BEN = {"cookie": "ann", "email": "ann@example.com"}, {"cookie": "ben", "email": "ben@example.com"}


def batches() -> list[list[dict]]:
    """Return events of two customers who were parted and joined again, of one who was merged, one angry, and no event."""
    day = "2026-05-2{}T10:00:00Z".format
    return [
        [
            event(1, "social.share", day(1), handles=ANN, content="c1"),
            event(2, "web.purchase", day(2), handles=ANN, amount=20, currency="EUR"),
            event(3, "social.comment", day(3), handles=BEN, cause="e-1"),
            event(4, "store.check_in", day(3), handles={"loyalty": "x"}, place="p", brand="apex"),
            event(5, "no type at all", day(3)),
        ],
        [event(6, "identity.unlink", day(4), handles=ANN), event(7, "web.sign_up", day(5), handles=BEN)],
        [event(8, "identity.link", day(6), handles=ANN), event(9, "web.purchase", day(6), handles=BEN, amount=5, currency="USD")],
        [event(10, "web.page_view", day(7), handles={"cookie": "late"}, cause="e-3"), event(9, "web.purchase", day(6), handles=BEN)],
    ]  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Iterator[Embedded]:
    with opened(tmp_path_factory.mktemp("tampered") / "data") as embedded:
        text = re.sub("(?m)^threshold = .*", "threshold = 0.1", default_model_text())  # so that stages last
        change_model.apply(embedded, parse_model(text), text)
        for number, events in enumerate(batches()):
            lines = [json.dumps(each).encode() for each in events]
            embedded.load([embedded.edge().pack(lines, topic=f"t{number}", now_us=NOW_US)])
        text = text.replace("threshold = 0.1", "threshold = 0.2")
        change_model.apply(embedded, parse_model(text), text)
        entered = (
            "SELECT brand, 'a', row_number() OVER (ORDER BY customer), customer, 'entered' FROM standings"
        )
        embedded.store.client.command(
            f"INSERT INTO audience_changes (brand, audience, number, customer, change) {entered}"
        )
        assert not drifting(embedded)
        for table in TABLES:
            embedded.store.client.command(f"CREATE TABLE kept_{table} AS {table}")
            embedded.store.client.command(f"ALTER TABLE kept_{table} ATTACH PARTITION ID 'all' FROM {table}")
        yield embedded


def drifting(embedded: Embedded) -> set[str]:
    return {check.name for check in verify(embedded) if check.drift}


def put_back(embedded: Embedded, table: str) -> None:
    embedded.store.client.command(f"ALTER TABLE {table} REPLACE PARTITION ID 'all' FROM kept_{table}")


UPDATE, DELETE = "ALTER TABLE {} UPDATE {} WHERE {} SETTINGS mutations_sync = 2", "ALTER TABLE {} DELETE WHERE {} SETTINGS mutations_sync = 2"  # fmt: skip


def changed(table: str, what: str, where: str = "1") -> tuple[str, str]:
    return table, UPDATE.format(table, what, where)


def deleted(table: str, where: str) -> tuple[str, str]:
    return table, DELETE.format(table, where)


# What is changed; the check that tells.
CASES: dict[str, tuple[tuple[str, str], str]] = {
    "the restoration of a link is gone": (changed("identity_links", "restored_at = NULL"), "links"),
    "a withdrawal is gone": (changed("identity_links", "withdrawn_at = NULL"), "links"),
    "a link is withdrawn": (changed("identity_links", "withdrawn_at = toDateTime64('2026-05-29', 6)", "withdrawn_at IS NULL"), "links"),
    "a link is first seen earlier": (changed("identity_links", "first_seen = first_seen - 1"), "links"),
    "a link is last seen later": (changed("identity_links", "last_seen = last_seen + 1"), "links"),
    "a link is said more often": (changed("identity_links", "said = said + 1"), "links"),
    "a link is gone": (deleted("identity_links", "said > 0"), "links"),
    "a link that nobody said": (("identity_links", "INSERT INTO identity_links (left_handle, right_handle, source, left_kind, right_kind, said) VALUES (1, 2, 'x', 'cookie', 'email', 1)"), "links"),
    "a handle has another customer": (changed("identity_map", "customer = 7"), "customers"),
    "a handle has another kind": (changed("identity_map", "kind = 'device'", "kind = 'loyalty'"), "customers"),
    "a handle that no event names": (("identity_map", "INSERT INTO identity_map (handle, kind, customer, version) VALUES (7, 'cookie', 7, 1)"), "customers"),
    "a handle is gone from the map": (deleted("identity_map", "kind = 'loyalty'"), "customers"),
    "evidence is raised": (changed("evidence", "advocacy = advocacy * 1.0001"), "evidence"),
    "evidence is none": (changed("evidence", "affinity = NULL"), "evidence"),
    "evidence out of nothing": (changed("evidence", "audience = 0", "audience IS NULL"), "evidence"),
    "a touch more on a channel": (changed("evidence", "touches_web = touches_web + 1"), "touches"),
    "revenue is raised": (changed("evidence", "revenue = map('EUR', toDecimal128(1, 4))", "notEmpty(revenue)"), "touches"),
    "first seen earlier": (changed("evidence", "first_seen = first_seen - 1"), "touches"),
    "last seen later": (changed("evidence", "last_seen = last_seen + 1"), "touches"),
    "evidence is gone": (deleted("evidence", "attention IS NOT NULL"), "evidence"),
    "a minute has a touch more": (changed("minute_counts", "touches = touches + 1"), "minutes"),
    "a minute is gone": (deleted("minute_counts", "type = 'store.check_in'"), "minutes"),
    "a change of stage at another time": (changed("stage_changes", "at = at + 1", "to_stage = 'advocacy'"), "announcements"),
    "a change of stage for another reason": (changed("stage_changes", "reason = 'lapse'", "reason = 'evidence'"), "announcements"),
    "a change of stage by another model": (changed("stage_changes", "model = 'x'"), "announcements"),
    "a change of stage announced at another time": (changed("stage_changes", "announced_at = announced_at - 1"), "announcements"),
    "a change to another stage": (changed("stage_changes", "to_stage = 'affinity'", "to_stage = 'advocacy'"), "announcements"),
    "a change from another stage": (changed("stage_changes", "from_stage = 'affinity'", "from_stage = 'none'"), "announcements"),
    "a change of somebody else": (deleted("stage_changes", "to_stage = 'advocacy'"), "announced"),
    "a change of stage at no interaction": (("stage_changes", "INSERT INTO stage_changes (brand, customer, from_stage, to_stage, at, reason, announced_at, sequence) SELECT 'acme', 5, 'none', 'advocacy', '2024-01-01', 'evidence', '2025-01-01', 99"), "announcements"),
    "a neutral type has a weight": (changed("model_weights", "weight = 5", "stage = 'none'"), "model"),
    "a weight is another": (changed("model_weights", "weight = weight + 1e-9", "weight > 1"), "model"),
    "a rule has no condition": (changed("model_weights", "rating_min = NULL"), "model"),
    "a rule is gone": (deleted("model_weights", "type = 'web.page_view'"), "model"),
    "a threshold is another": (changed("model_stages", "threshold = threshold * 2"), "model"),
    "a channel is another": (changed("models", "channels = map('web', 'store')"), "model"),
    "revenue is counted the other way round": (changed("models", "revenue = map('*.purchase', toInt8(-1))"), "model"),
    "the file of a model is another": (changed("models", "toml = replace(toml, 'half_life_days = ', 'half_life_days = 1')"), "model"),
    "the file of a model is none": (changed("models", "toml = 'x'"), "model"),
    "an event is gone": (deleted("interactions", "id = 'e-2'"), "books"),
    "an event twice": (("interactions", "INSERT INTO interactions SELECT * FROM interactions WHERE id = 'e-2'"), "unique"),
    "an event at another time": (changed("interactions", "rating = 1, type = 'social.like'", "id = 'e-1'"), "evidence"),
    "an amount is another": (changed("interactions", "amount = 21", "id = 'e-2'"), "touches"),
    "a dead letter is gone": (deleted("dead_letters", "1"), "books"),
    "a delivery is gone": (deleted("deliveries", "topic = 't1'"), "books"),
    "a conflict is not counted": (changed("deliveries", "conflicts = 0", "conflicts > 0"), "conflicts"),
    "a conflict that nothing counted": (("conflicts", "INSERT INTO conflicts SELECT * REPLACE (_offset + 1 AS _offset) FROM conflicts"), "conflicts"),
    "conflicts are gone": (deleted("conflicts", "1"), "conflicts"),
    "a conflict says that something else is stored": (changed("conflicts", "kept = 'GBP'", "field = 'currency'"), "conflicts"),
    "who never entered an audience leaves it": (("audience_changes", "INSERT INTO audience_changes (brand, audience, number, customer, change) VALUES ('acme', 'a', 70, 5, 'left')"), "audiences"),
    "two enter an audience by one number": (("audience_changes", "INSERT INTO audience_changes (brand, audience, number, customer, change) VALUES ('acme', 'a', 70, 5, 'entered'), ('acme', 'a', 70, 6, 'entered')"), "audiences"),
    "a repeat is not counted": (changed("deliveries", "duplicates = 0", "duplicates > 0"), "books"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_verify_tells_what_was_changed(case, prepared):
    (table, statement), told = CASES[case]
    before = prepared.store.rows(
        f"SELECT sum(cityHash64(toString(tuple(*)))) AS n, count() AS rows FROM {table}"
    )
    prepared.store.client.command(statement)
    try:
        assert (
            prepared.store.rows(
                f"SELECT sum(cityHash64(toString(tuple(*)))) AS n, count() AS rows FROM {table}"
            )
            != before
        )
        assert [check.name for check in verify(prepared, only=[told]) if check.drift] == [told]
    finally:
        put_back(prepared, table)


def test_conflicts_that_are_lost_with_a_file_are_written_off(prepared):
    prepared.store.client.command(CASES["conflicts are gone"][0][1])
    try:
        assert drifting(prepared) == {"conflicts"}
        prepared.write_off()
        assert not drifting(prepared)
    finally:
        put_back(prepared, "conflicts")
        put_back(prepared, "deliveries")


def test_what_was_put_back_is_clean_and_slices_say_the_same(prepared, monkeypatch):
    seen = []
    assert not any(check.drift for check in verify(prepared, tell=lambda *told: seen.append(told)))
    whole = [(check.name, check.drift) for check in verify(prepared)]
    assert [name for name, done, count in seen if done == 0] == [
        "unique", "books", "evidence", "touches", "minutes", "links", "conflicts", "announcements", "audiences",
        "paths", "model", "keys", "customers", "cascades", "announced", "stages",
    ]  # fmt: skip
    monkeypatch.setattr("streams.store.slices.SLICE_ROWS", 3)
    seen.clear()
    assert [
        (check.name, check.drift) for check in verify(prepared, tell=lambda *told: seen.append(told))
    ] == whole
    assert ("evidence", 2, 4) in seen
    prepared.store.client.command(CASES["evidence is raised"][0][1])
    try:
        (check,) = [check for check in verify(prepared) if check.name == "evidence"]
        rows = prepared.store.rows(
            "SELECT uniqExact(brand, handle) AS n FROM evidence WHERE advocacy IS NOT NULL AND model = {m:String}",
            {"m": prepared.model.hash},
        )
        assert check.drift == rows[0]["n"]
    finally:
        put_back(prepared, "evidence")


def test_what_follows_from_interactions_is_made_anew_after_it_was_changed(prepared):
    for name in (
        "the restoration of a link is gone",
        "a handle that no event names",
        "a change of stage at another time",
    ):
        prepared.store.client.command(CASES[name][0][1])
    names = mended_by(prepared, verify(prepared))
    assert {"identity_links", "identity_map", "stage_changes"} <= set(names)
    prepared.rebuild(Order(names, NOW_US))
    try:
        assert not drifting(prepared)
    finally:
        for table in names:
            put_back(prepared, table)
