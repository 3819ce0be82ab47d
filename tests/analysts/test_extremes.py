"""What is accepted is answered rightly everywhere: every view, command and page view is asked about the extremes.

Times from 1900 to a day ahead, the smallest and largest threshold, weight and half-life, odd names of brands, amounts.
"""

import json
import math
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from journey.stage import STAGES, Stage
from schemas.apath import parse_model
from schemas.event import MAX_AMOUNT
from streams.analysis import cookbook
from streams.analysis.brands import brands
from streams.analysis.explain import explain
from streams.analysis.verify import verify
from streams.apath.what_if import what_if
from streams.clock import exact, from_us, to_us
from streams.embedded import change_model
from streams.embedded.embedded import Embedded
from streams.page import render
from streams.page.answer import answer
from streams.page.scope import read
from streams.page.views import VIEWS
from streams.settings import Settings
from streams.store import migrations
from tests.cli.conftest import event

DAY = timedelta(days=1)
FIRST = datetime(1900, 1, 1, tzinfo=UTC)
# Stage: half-life in days, threshold, and types with their weights.
EXTREMES = {
    "attention": (7, 1e-6, {"web.page_view": 1000.0, "web.leave": -1000.0}),
    "attraction": (3650, 1e-6, {"web.page_view": 1e-6, "web.purchase": 1000.0}),
    "affinity": (7, 1e6, {"web.purchase": 1000.0}),
    "audience": (3650, 1e6, {"web.page_view": 1000.0}),
    "advocacy": (30, 1.0, {"social.share": 1.0}),
}
BRANDS = (
    "acme",
    "'; DROP TABLE interactions; --",
    "-b",
    "{brand:String}",
    "ŻÓŁĆ \U0001f9e6 %s \\n",
    "b" * 64,
)
ARGUED = {
    "standing_under": "model = (SELECT model FROM model_in_force), at = {at:DateTime64(6, 'UTC')}",
    "stage_history_under": "model = (SELECT model FROM model_in_force), at = {at:DateTime64(6, 'UTC')}",
    "stage_steps": "model = (SELECT model FROM model_in_force), until = {at:DateTime64(6, 'UTC')}, now = {at:DateTime64(6, 'UTC')}",
    "stage_steps_of": "model = (SELECT model FROM model_in_force), until = {at:DateTime64(6, 'UTC')}, now = {at:DateTime64(6, 'UTC')}, stale = 1, slices = 1, slice = 0",
    "touch_evidence": "model = (SELECT model FROM model_in_force)",
    "evidence_recomputed": "model = (SELECT model FROM model_in_force)",
    "unhappy_customers": "at = {at:DateTime64(6, 'UTC')}",
    "journeys_at": "at = {at:DateTime64(6, 'UTC')}",
    "showrooming": "window_days = 4000000000",
    "webrooming": "window_days = 4000000000",
    "looked_then_bought": "window_days = 4000000000",
    "zombies": "days = 40000",
    "advocacy_touches": "model = (SELECT model FROM model_in_force), since = '1900-01-01', until = {at:DateTime64(6, 'UTC')}",
    "advocates_by_minute": "model = (SELECT model FROM model_in_force), since = '1900-01-01', until = {at:DateTime64(6, 'UTC')}",
}


def model_text() -> str:
    lines = ["version = 1", 'name = "extremes"', "[channels]", 'web = "web"', 'social = "social"', 'store = "store"',
        "[revenue]", 'add = ["*.purchase"]', 'subtract = ["*.refund"]']  # fmt: skip
    for stage, (days, threshold, weights) in EXTREMES.items():
        rules = ", ".join(f'{{ type = "{type_}", weight = {weight!r} }}' for type_, weight in weights.items())
        lines += [
            f"[stages.{stage}]",
            f"half_life_days = {days}",
            f"threshold = {threshold!r}",
            f"evidence = [{rules}]",
        ]
    return "\n".join(lines)


def histories(now: datetime) -> dict[str, list[tuple[str, datetime]]]:
    """Return touches by customer."""
    ahead = now + DAY - timedelta(minutes=5)
    return {
        "first": [("web.page_view", FIRST)],
        "faded": [("social.share", datetime(2003, 2, 1, tzinfo=UTC)), ("web.page_view", datetime(2003, 2, 1, tzinfo=UTC))],
        "all": [("web.page_view", FIRST + DAY * n * 900) for n in range(51)] + [("social.share", now - DAY), ("web.leave", now - DAY * 2)],
        "ahead": [("social.share", ahead)],
        "both": [("web.purchase", now - DAY), ("social.share", ahead), ("web.leave", ahead)],
        "money": [("web.purchase", now - DAY * 3), ("web.refund", now - DAY * 2)],
    }  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    data = tmp_path_factory.mktemp("extremes") / "data"
    text = model_text()
    with Embedded(Settings(data)) as embedded:
        change_model.apply(embedded, parse_model(text), text)
        now = from_us(embedded.clock()).replace(microsecond=0)
        events = [
            event(
                f"{name}-{number}", type_, at.isoformat(), handles={"user": name},
                **({"amount": MAX_AMOUNT, "currency": "EUR", "product": "p"} if type_ in {"web.purchase", "web.refund"} else {}),
            )
            for name, touches in histories(now).items()
            for number, (type_, at) in enumerate(touches)
        ]  # fmt: skip
        events += [event(f"b-{brand}", "web.page_view", FIRST.isoformat(), brand=brand, handles={"cookie": "x"}) for brand in BRANDS[1:]]  # fmt: skip
        events += [
            event(
                "free", "web.purchase", now.isoformat(), amount=0, currency="USD", handles={"user": "money"}
            )
        ]
        lines = [json.dumps(each).encode() for each in events]
        done = embedded.load([embedded.edge().pack(lines, topic="t", now_us=embedded.clock())])
        assert done.stored == len(events), done
        again = embedded.load([embedded.edge().pack(lines, topic="t", now_us=embedded.clock())])
        assert (again.duplicates, again.conflicts) == (len(events), 0), again
        ids = {}
        rows = embedded.store.rows(
            "SELECT handle, splitByChar('-', substring(id, 3))[1] AS name FROM interactions WHERE brand = 'acme'"
        )
        ids = {row["name"]: row["handle"] for row in rows if row["name"] in histories(now)}
        yield embedded, now, ids


def expected(touches: list[tuple[str, datetime]], at: datetime) -> str | None:
    """Return the stage at an instant by the words of the rule; None for who has no touch by then."""
    past = [(type_, to_us(time)) for type_, time in touches if time <= at]
    if not past:
        return None
    held = "none"
    for stage, (days, threshold, weights) in EXTREMES.items():
        counted = [
            weights[type_] * 2.0 ** ((time - to_us(at)) / (days * 86_400_000_000))
            for type_, time in past
            if type_ in weights
        ]
        if counted and math.fsum(counted) >= threshold * (1 - 1e-9):
            held = stage
    return held


INSTANTS = {
    "the first instant": lambda _: FIRST,
    "the day after": lambda _: FIRST + DAY,
    "2003": lambda _: datetime(2003, 2, 1, tzinfo=UTC),
    "2003, a little later": lambda _: datetime(2003, 2, 9, tzinfo=UTC),
    "yesterday": lambda now: now - DAY,
    "now": lambda now: now,
    "a day ahead": lambda now: now + DAY,
    "the last instant": lambda _: datetime(2299, 12, 31, tzinfo=UTC),
}


@pytest.mark.parametrize("name", INSTANTS)
def test_every_answer_about_an_instant_names_the_same_stage(name, world):
    embedded, now, ids = world
    at = INSTANTS[name](now)
    meant = {ids[who]: expected(touches, at) for who, touches in histories(now).items()}
    there = {customer: stage for customer, stage in meant.items() if stage is not None}
    store, given = embedded.store, {"at": exact(at)}
    own = " WHERE brand = 'acme'"
    for view in ("journeys_at", "standing_under"):
        rows = store.rows(
            f"SELECT customer, toString(stage) AS stage, lapses_at FROM {view}({ARGUED[view]}){own}", given
        )
        assert {row["customer"]: row["stage"] for row in rows} == there, view
        assert all((row["lapses_at"] is None) == (row["stage"] == "none") for row in rows)
    paths = defaultdict(lambda: "none")
    for row in store.rows(
        f"SELECT customer, toString(to_stage) AS stage FROM stage_history_under({ARGUED['stage_history_under']}){own} ORDER BY at, reason = 'lapse'",
        given,
    ):
        paths[row["customer"]] = row["stage"]
    assert {customer: paths[customer] for customer in there} == there
    for customer, stage in meant.items():
        found = explain(store, embedded.model, "acme", customer, at)
        assert found.stage == (stage or "none")
    tried = what_if(store, embedded.model, embedded.model, "acme", at)
    count = defaultdict(int)
    for row in tried.population:
        count[row["stage"]] += row["now"]
    assert dict(count) == {stage: list(there.values()).count(stage) for stage in set(there.values())}
    assert tried.moves == []


def test_what_is_asked_about_now_is_one_answer(world):
    embedded, now, ids = world
    store = embedded.store
    meant = {ids[who]: stage for who, touches in histories(now).items() if (stage := expected(touches, now))}
    for view in ("journeys", "standings"):
        rows = store.rows(
            f"SELECT customer, toString(stage) AS stage, revenue FROM {view} WHERE brand = 'acme'"
        )
        assert {row["customer"]: row["stage"] for row in rows} == meant
        revenue = {
            row["customer"]: {key: int(value) for key, value in row["revenue"].items()} for row in rows
        }
        assert revenue[ids["money"]] == {}
        assert revenue[ids["both"]] == {"EUR": MAX_AMOUNT}
    population = store.rows(
        "SELECT toString(stage) AS stage, customers FROM stage_population WHERE brand = 'acme'"
    )
    assert {row["stage"]: row["customers"] for row in population} == {
        stage.label: list(meant.values()).count(stage.label) for stage in (Stage.NONE, *STAGES)
    }
    last = store.rows(
        "SELECT customer, argMax(toString(to_stage), (at, reason = 'lapse')) AS stage FROM stage_history WHERE brand = 'acme' GROUP BY customer"
    )
    assert {row["customer"]: row["stage"] for row in last} == {
        customer: stage for customer, stage in meant.items() if customer in {row["customer"] for row in last}
    }
    assert [check.name for check in verify(embedded) if check.drift] == []


def test_every_view_has_an_answer(world):
    embedded, now, _ = world
    for view in sorted(migrations.made(views=True)):
        of = f"{view}({ARGUED[view]})" if view in ARGUED else view
        for at in (FIRST, now, now + DAY):
            rows = embedded.store.rows(f"SELECT * FROM {of}", {"at": exact(at)})
            assert all(
                math.isfinite(value) for row in rows for value in row.values() if isinstance(value, float)
            ), view
            if view not in ARGUED:
                break


@pytest.mark.parametrize("brand", BRANDS[:4])
def test_every_view_of_the_page_and_every_recipe_has_an_answer_for_every_brand(brand, world):
    embedded, now, ids = world
    there = brands(embedded.store)
    assert {one.name for one in there} == set(BRANDS)
    chosen = {"journey": [{"customer": f"{handle:016x}"} for handle in ids.values()]}
    for view in VIEWS:
        for own in [{}, *(chosen.get(view.name, []) if brand == "acme" else [])]:
            scope = read({"brand": brand} | own, there, view.fields, now)
            for panel in view.panels(scope):
                drawn = str(render.panel(view, panel, scope, answer(embedded.store, panel, scope)))
                assert "nan" not in re.findall(r"\bnan\b|\binf\b", drawn)
    for recipe in cookbook.recipes() if brand in BRANDS[:2] else ():
        given = {
            key: value for key, value in {"brand": brand, "at": exact(now)}.items() if key in recipe.defaults
        }
        embedded.store.rows(recipe.sql, cookbook.parameters(recipe, given))
