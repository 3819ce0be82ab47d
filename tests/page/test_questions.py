"""The cookbook on the page: every question is listed, and answered as its query answers it."""

import csv
import io
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from streams.analysis.cookbook import PARTS, recipes
from tests.page.test_http import page
from tests.page.world import evening

DAY = {"brand": "lumiere", "since": "2026-10-17", "until": "2026-10-17"}
AT = datetime.now(UTC)  # the period reaches the end of the data


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("questions")) as made:
        yield made


def test_every_question_is_listed_under_each_of_its_parts_and_leads_to_its_answer(world):
    listed = world.ask(f"/view/questions/list.csv?{urlencode(DAY)}").body.decode()
    rows = list(csv.DictReader(io.StringIO(listed)))
    expected = [(one.question, part.capitalize()) for part in PARTS for one in recipes() if part in one.parts]
    assert [(row["question"], row["part"]) for row in rows] == expected
    shown = page(world, f"/view/questions?{urlencode(DAY)}")
    for one in recipes():
        assert f"/view/question-{one.name}?" in shown


def test_every_question_is_answered_as_its_query_answers_it(world):
    answered = 0
    for one in recipes():
        there = f"/view/question-{one.name}"
        shown = page(world, f"{there}?{urlencode(DAY)}")
        assert 'class="failed"' not in shown, one.name
        given = {"brand": "lumiere", "at": AT}
        asked = {name: given.get(name, value) for name, value in one.defaults.items()}
        rows = world.rows(one.sql, **asked)
        told = world.ask(f"{there}/answer.csv?{urlencode(DAY)}").body.decode()
        assert len(list(csv.reader(io.StringIO(told)))) == len(rows) + 1, one.name
        if rows:
            answered += 1
            assert next(csv.reader(io.StringIO(told))) == list(rows[0]), one.name
    assert answered > 15


def test_a_number_of_days_is_asked_with_and_refused_where_it_cannot_be(world):
    one = next(one for one in recipes() if "days" in one.defaults)
    there = f"/view/question-{one.name}?{urlencode(DAY)}"
    assert 'id="field-days"' in page(world, there)
    assert 'class="failed"' not in page(world, f"{there}&days=30")
    for wrong in ("0", "-1", "x", "99999"):
        assert world.ask(f"{there}&days={wrong}").status == 400


def test_questions_are_not_in_the_navigation_themselves(world):
    shown = page(world, f"/view/questions?{urlencode(DAY)}")
    nav = shown[shown.index("<nav") : shown.index("</nav>")]
    assert "question-" not in nav
    assert "/view/questions?" in nav
