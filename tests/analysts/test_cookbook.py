"""The cookbook: thirty-six questions, each part of a strategy among them, and the page says what the queries say."""

import csv
import io
import json
import re
from decimal import Decimal

import pytest

from streams.analysis import cookbook
from tests.analysts.document import FILE, document
from tests.on_server.conftest import KEY, Command

BY_NAME = {one.name: one for one in cookbook.recipes()}
AT = "2026-11-17"


@pytest.fixture(scope="module")
def ask(store):
    def asked(name, **given):
        return [
            json.loads(line)
            for line in b"".join(cookbook.answer(store, BY_NAME[name], given, "JSONEachRow")).splitlines()
        ]

    return asked


def test_thirty_six_questions_answer_all_twelve_parts_of_a_strategy():
    assert len(BY_NAME) == 36
    assert len(cookbook.PARTS) == 12
    assert {part for one in BY_NAME.values() for part in one.parts} == set(cookbook.PARTS)
    assert all(one.question.endswith("?") for one in BY_NAME.values())


@pytest.mark.parametrize("one", BY_NAME.values(), ids=BY_NAME)
def test_a_recipe_names_the_parameters_that_its_query_has(one):
    assert set(re.findall(r"\{(\w+):", one.sql)) == set(one.defaults)


def test_the_page_has_the_answers_of_the_queries_and_no_question_is_without_one(store):
    page = FILE.read_text(encoding="utf-8")
    assert page == document(store), "python -m tests.analysts.document"
    assert [part[:40] for part in page.split("\n## ")[1:] if part.count("\n|") < 3] == []


def test_answers_agree_with_the_views_and_with_each_other(store, ask):
    funnel = [int(row["came_so_far"]) for row in ask("funnel_with_skips")]
    assert funnel == sorted(funnel, reverse=True)
    standing = {row["stage"]: int(row["customers"]) for row in ask("revenue_by_stage")}
    moves = ask("moves_of_the_week")
    assert standing == {stage: sum(int(row[stage]) for row in moves) for stage in standing}
    everybody = sum(standing.values())
    for name in ("segments_by_behaviour", "who_is_known", "loyalty_members", "cascade_uplift"):
        assert sum(int(row["customers"]) for row in ask(name)) == everybody, name
    earned = sum(
        (Decimal(str(row["revenue_by_currency"].get("EUR", 0))) for row in ask("revenue_by_stage")),
        Decimal(0),
    )
    (row,) = store.query(
        "SELECT sum(revenue) FROM touchpoints WHERE brand = 'lumiere' AND currency = 'EUR' AND time <= {at:DateTime64(6, 'UTC')}",
        {"at": AT},
    )
    assert earned == row[0]


def test_the_funnel_is_that_of_a_slow_reading_of_every_path(store, ask):
    paths = {}
    for customer, stage in store.query(
        "SELECT customer, CAST(to_stage, 'Int8') FROM stage_history"
        " WHERE brand = 'lumiere' AND at <= {at:DateTime64(6, 'UTC')} ORDER BY at",
        {"at": AT},
    ):
        paths.setdefault(customer, []).append(stage)
    first = [[next((s for s in path if s >= height), 0) for path in paths.values()] for height in range(1, 6)]
    assert [(int(row["came_so_far"]), int(row["went_past"])) for row in ask("funnel_with_skips")] == [
        (sum(s > 0 for s in firsts), sum(s > height for s in firsts))
        for height, firsts in enumerate(first, 1)
    ]


def test_an_earlier_moment_and_another_brand_have_answers_of_their_own(ask):
    now, then = ask("funnel_with_skips"), ask("funnel_with_skips", at="2026-10-25")
    assert int(then[0]["came_so_far"]) < int(now[0]["came_so_far"])
    assert ask("products_that_keep_their_promise", brand="trattoria-sole") != ask(
        "products_that_keep_their_promise"
    )
    injected = ask("media_mix", brand="x' OR 1 = 1 --")
    assert injected == []


def test_the_commands_list_show_and_run_a_recipe(loaded):
    journey = Command({"JOURNEY_STORE": f"chdb://{loaded}", "JOURNEY_HANDLE_KEY": KEY})
    assert [row["name"] for row in journey.json("cookbook", "list")] == list(BY_NAME)
    assert BY_NAME["ropo_share"].sql in journey("cookbook", "show", "ropo_share")
    printed = journey(
        "cookbook", "run", "loyalty_members", "--format", "CSVWithNames", "--param", "brand=maison"
    )
    assert {row["who"] for row in csv.DictReader(io.StringIO(printed))} == {"member", "no member"}
    journey("cookbook", "run", "loyalty_members", "--param", "colour=red", code=2)
    assert "loyalty_members has no colour; it has brand, at" in journey.errors
    journey("cookbook", "show", "nothing", code=2)
    assert "no recipe 'nothing'" in journey.errors
