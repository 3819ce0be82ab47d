"""journey sql, stages, explain, verify: on the bundled evening."""

import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from streams.embedded.embedded import Embedded
from streams.handles.links import links_of
from streams.handles.named_handles import named
from streams.settings import Settings
from tests.cli.conftest import NIGHT, event

PEOPLE = json.loads(Path("schemas/examples/evening_people.json").read_text())

# The bundled evening at midnight: customers by brand and stage, from the highest.
STAGES = {
    "lumiere": {"advocacy": 9, "audience": 3, "affinity": 4, "attraction": 1, "attention": 0, "none": 0},
    "trattoria-sole": {
        "advocacy": 4,
        "audience": 0,
        "affinity": 2,
        "attraction": 4,
        "attention": 0,
        "none": 0,
    },
    "chez-nous": {"advocacy": 2, "audience": 0, "affinity": 2, "attraction": 5, "attention": 0, "none": 0},
}


@pytest.fixture
def evening(journey, monkeypatch):
    """The evening of a street whose three brands have their customers in common."""
    monkeypatch.setenv("JOURNEY_BRANDS", "shared")
    journey.evening(JOURNEY_BRANDS="shared")
    return journey


def test_the_evening_ends_with_the_stages_one_expects(evening):
    for brand, expected in STAGES.items():
        rows = evening.json("stages", "--brand", brand, "--at", NIGHT)["stages"]
        assert {row["stage"]: row["customers"] for row in rows} == expected


def test_the_seventeen_are_seventeen_customers_with_all_their_handles(evening):
    found = {}
    with Embedded(Settings.read(evening.data)) as shell:
        for name, handles in PEOPLE.items():
            kind = next(iter(handles))
            (one,) = named(f"{kind}:{handles[kind][0]}", shell, None)
            found[name] = links_of(shell.store, one.id)
            assert len(found[name].handles) == sum(map(len, handles.values())), name
    assert len({links.customer for links in found.values()}) == len(PEOPLE) == 17
    shown = evening.json("identity", "show", f"{kind}:{handles[kind][0]}")
    assert (shown["customer"], len(shown["handles"])) == (found[name].customer, len(found[name].handles))


def test_revenue_and_visits_of_the_evening_are_counted_once(evening):
    revenue = evening.rows("SELECT brand, sum(revenue) AS eur FROM touchpoints GROUP BY brand ORDER BY brand")
    assert revenue == [
        {"brand": "chez-nous", "eur": 216},
        {"brand": "lumiere", "eur": 248.5},
        {"brand": "trattoria-sole", "eur": 234.9},
    ]
    visits = "SELECT place, uniq(customer) AS people FROM touchpoints WHERE type = 'store.check_in' GROUP BY place ORDER BY place"
    assert evening.rows(visits) == [
        {"place": "chez-nous", "people": 8},
        {"place": "lumiere-bastille", "people": 17},
        {"place": "trattoria-sole", "people": 9},
    ]


def test_explain_adds_up_to_the_score_that_the_view_has(evening):
    ann = evening.json("explain", "social:instagram:ann.l", "--brand", "lumiere", "--at", NIGHT)
    assert ann["stage"] == "advocacy"
    query = f"SELECT * FROM journeys_at(at = '2026-10-17 21:59:00') WHERE brand = 'lumiere' AND customer = {ann['customer']}"
    (row,) = evening.rows(query)
    for stage in ann["stages"]:
        counted = sum(c["counts"] for c in stage["contributions"])
        assert stage["score"] == (pytest.approx(counted, rel=1e-9) if stage["contributions"] else None)
        assert row[stage["stage"]] == (pytest.approx(stage["score"], rel=1e-9) if stage["score"] else None)
    assert row["stage"] == "advocacy"


def test_explain_gives_the_same_last_instant_of_a_stage_as_the_views(journey, write):
    acts = [
        event(i, "social.share", f"2026-10-{20 + i}T10:00:00.00000{i}Z", handles={"cookie": f"c{i}"})
        for i in range(9)
    ]
    journey("load", str(write(*acts)))
    query = (
        "SELECT lapses_at FROM journeys_at(at = '2026-11-01') WHERE stage = 'advocacy' ORDER BY first_seen"
    )
    told = [
        journey.json("explain", f"cookie:c{i}", "--brand", "acme", "--at", "2026-11-01")["lapses_at"]
        for i in range(9)
    ]
    kept = [datetime.fromisoformat(at) for at in told]
    assert [f"{at:%Y-%m-%d %H:%M:%S.%f}" for at in kept] == [row["lapses_at"] for row in journey.rows(query)]


def test_explain_finds_a_customer_by_any_handle_and_by_its_hash(evening):
    by_name = evening.json("explain", "phone:+33 6 39 98 01 01", "--brand", "lumiere", "--at", NIGHT)
    handle = by_name["handles"][0]
    by_hash = evening.json(
        "explain", f"{handle['kind']}:#{handle['handle']:016x}", "--brand", "lumiere", "--at", NIGHT
    )
    assert by_name == by_hash


def test_explain_says_what_would_lift_a_customer_and_it_does(journey, write):
    journey("load", str(write(event(1, "social.like", handles={"social": "x:ann"}))))
    words = ("explain", "social:x:ann", "--brand", "acme", "--at", "2026-11-02T00:00:00Z")
    found = journey.json(*words)
    affinity = next(stage for stage in found["stages"] if stage["stage"] == "affinity")
    lift = affinity["lifts"][0]
    assert (lift["type"], lift["times"]) == ("*.purchase", 1)
    assert lift["holds_days"] == pytest.approx(60 * math.log2((1.5 + affinity["score"]) / 0.75))
    assert f"1 × *.purchase, held for {lift['holds_days']:.0f} days" in " ".join(journey(*words).split())
    bought = [
        event(f"b{i}", "store.purchase", "2026-11-02T00:00:00Z", handles={"social": "x:ann"})
        for i in range(lift["times"])
    ]
    journey("load", str(write(*bought)))
    lifted = journey.json(*words)
    held = datetime.fromisoformat(lifted["lapses_at"]) - datetime.fromisoformat(lifted["at"])
    assert lifted["stage"] == "affinity"
    assert held / timedelta(days=1) == pytest.approx(lift["holds_days"], abs=1e-4)


@pytest.mark.parametrize(
    "words",
    [
        ("explain", "social:instagram:ann.l"),
        ("identity", "show", "email:nobody@example.com"),
        ("cascades", "list"),
        ("cascades", "show", "ann-share"),
        ("alerts", "list"),
        ("stages",),
        ("stages", "--json"),
        ("stages", "--at", "2026-10-17T23:59:00+02:00"),
    ],
    ids=" ".join,
)
def test_a_brand_that_is_mistyped_is_told_with_those_there_are(evening, words):
    evening(*words, "--brand", "lumière", code=2)
    assert all(told in evening.errors for told in ("lumière", "there is no such brand", "lumiere"))


def test_a_handle_that_nobody_knows_is_told(evening):
    evening("explain", "email:nobody@example.com", "--brand", "lumiere", code=2)
    assert "nothing is known" in evening.errors
    evening("explain", "ann", "--brand", "lumiere", code=2)
    assert "KIND:VALUE" in evening.errors
    evening("stages", "--brand", "lumiere", "--at", "yesterday", code=2)
    assert "--at" in evening.errors


def test_sql_prints_any_format_and_tells_errors(evening):
    assert evening("sql", "SELECT 1 AS a", "--format", "CSVWithNames") == '"a"\n1\n'
    assert evening("sql", "SELECT 1 AS a;", "--format", "JSONEachRow") == '{"a":1}\n'
    evening("sql", "SELECT oops", code=2)
    assert "oops" in evening.errors
    assert "Traceback" not in evening.errors


def test_verify_passes_and_counts_every_check(evening):
    found = evening.json("verify")
    assert found["ok"]
    assert {check["name"] for check in found["checks"]} >= {
        "unique",
        "books",
        "evidence",
        "links",
        "customers",
        "stages",
    }


TAMPERING = {
    "unique": "INSERT INTO interactions SELECT * FROM interactions LIMIT 1",
    "keys": "ALTER TABLE interactions UPDATE id = 'another' WHERE event IN (SELECT min(event) FROM interactions) SETTINGS mutations_sync = 2",
    "books": "INSERT INTO deliveries (received, stored) VALUES (5, 4)",
    "evidence": "INSERT INTO evidence (model, brand, handle, attention) SELECT model, brand, handle, 1 FROM evidence LIMIT 1",
    "touches": "INSERT INTO evidence (model, brand, handle, touches_store, first_seen, last_seen)"
    " SELECT model, brand, handle, 1, first_seen, last_seen FROM evidence LIMIT 1",
    "minutes": "INSERT INTO minute_counts (brand, minute, type, touches) VALUES ('x', now(), 'web.click', 1)",
    "links": "INSERT INTO identity_links (left_handle, right_handle, left_kind, right_kind, said) VALUES (1, 2, 'cookie', 'user', 1)",
    "customers": "INSERT INTO identity_map SELECT handle, kind, handle + 1, customer, version + 1, 0, 0 FROM identity_map LIMIT 1",
    "cascades": "CREATE OR REPLACE VIEW cascade_spine AS SELECT brand, event, event AS root, toUInt32(0) AS generation, CAST([], 'Array(UInt128)') AS brought FROM interactions",
    "announced": "ALTER TABLE stage_changes DELETE WHERE to_stage = 'advocacy' SETTINGS mutations_sync = 2",
    "announcements": "INSERT INTO stage_changes (brand, customer, from_stage, to_stage, sequence) VALUES ('x', 1, 'audience', 'none', 99)",
    "audiences": "INSERT INTO audience_changes (brand, audience, number, customer, change) VALUES ('x', 'a', 1, 1, 'left')",
}

# The others are asked of `verify` itself in tests/faults/test_tampering.py, and of the command in `make soak`.
SHOWN = {"books", "cascades", "keys"}


@pytest.mark.parametrize(
    "check", [pytest.param(name, marks=() if name in SHOWN else pytest.mark.soak) for name in TAMPERING]
)
def test_verify_shows_rows_and_exits_1_on_drift(evening, check):
    evening("sql", TAMPERING[check])
    drifting = evening("verify", "--json", code=1)
    found = {result["name"]: result for result in json.loads(drifting)["checks"]}
    assert found[check]["drift"] > 0
    assert found[check]["rows"]
    if check == "books":  # as people read it; the others are told alike
        assert "drift" in evening("verify", code=1)
