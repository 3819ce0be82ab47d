"""Targets that are set on the page: by form, changed by setting them again, refused in words where they cannot be."""

import re

import pytest

from tests.page.test_http import page
from tests.page.world import evening

GOOD = {
    "brand": "lumiere", "stage": "advocacy", "channel": "", "due": "2140-01-31", "customers": "120", "note": "why <b>not</b>",
    "back": "brand=lumiere",
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("targets")) as made:
        yield made


def posted(world, **changed):
    return world.post("/view/targets/set", GOOD | changed)


def target(world, note):
    """Set a target elsewhere than on the page."""
    world.embedded.store.raw(
        f"INSERT INTO targets (brand, stage, channel, due, customers, note) VALUES ('lumiere', 'audience', '', '2140-03-03', 9, '{note}')",
        "Null",
    )


def targets(world):
    return world.rows(
        "SELECT stage, channel, toString(due) AS due, customers, note FROM targets FINAL ORDER BY due, stage, channel"
    )


def test_a_target_is_set_shown_and_changed_by_setting_it_again(world):
    before = len(targets(world))
    answer = posted(world)
    assert answer.status == 303
    shown = page(world, answer.headers["location"])
    assert "Set: 120 customers at advocacy or above by 2140-01-31." in shown
    assert "why &lt;b&gt;not&lt;/b&gt;" in shown
    assert posted(world, customers="1,500", note="").status == 303
    assert posted(world, channel="store", due="2140-02-01").status == 303
    assert targets(world)[before:] == [
        {"stage": "advocacy", "channel": "", "due": "2140-01-31", "customers": 1500, "note": ""},
        {
            "stage": "advocacy",
            "channel": "store",
            "due": "2140-02-01",
            "customers": 120,
            "note": "why <b>not</b>",
        },
    ]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"brand": "nope"}, "brand: unknown"),
        ({"stage": "none"}, "stage: must be one of attention"),
        ({"stage": "advocacy' OR 1"}, "stage: must be one of"),
        ({"channel": "fax"}, "channel: must be one of"),
        ({"due": "soon"}, "by: must be a day"),
        ({"due": "2020-01-01"}, "by: must be a day from tomorrow"),
        ({"due": "2149-06-07"}, "by: must be a day from tomorrow"),
        ({"customers": "0"}, "customers: must be a whole number"),
        ({"customers": "-5"}, "customers: must be a whole number"),
        ({"customers": "1.5"}, "customers: must be a whole number"),
        ({"customers": "\u0665"}, "customers: must be a whole number"),
        ({"customers": "9" * 500}, "customers: must be a whole number"),
        ({"note": "x" * 201}, "why: at most 200"),
    ],
)
def test_a_target_that_cannot_be_is_refused_in_words_and_nothing_is_set(world, changed, says):
    before = targets(world)
    answer = posted(world, **changed)
    assert answer.status == 400
    assert says in answer.body.decode()
    assert targets(world) == before


def test_a_target_from_elsewhere_is_refused(world):
    before = targets(world)
    assert world.post("/view/targets/set", GOOD, origin="https://evil.example").status == 403
    assert targets(world) == before


def test_in_a_browser_the_form_says_how_many_are_there_now(opened, world):
    shown = opened("/view/targets?brand=lumiere")
    shown.select_option("#target-stage", "affinity")
    (row,) = world.rows(
        "SELECT sum(customers) AS n FROM stage_population WHERE brand = 'lumiere' AND position >= 3"
    )
    assert shown.text_content("#target-stage option[value=affinity]") == f"Affinity ({row['n']} now)"
    shown.fill("#target-customers", "77")
    target(world, "while the form is filled in")
    shown.wait_for_selector("text=while the form is filled in", state="attached")
    assert shown.input_value("#target-customers") == "77"
    shown.click("text=Set target")
    shown.wait_for_selector(".said")
    assert re.search(
        r"Set: 77 customers at affinity or above by \d{4}-\d\d-\d\d\.", shown.text_content(".said")
    )
    assert any(row["stage"] == "affinity" and row["customers"] == 77 for row in targets(world))


def test_a_target_is_ended_and_what_it_was_stays(world):
    key = {"stage": "affinity", "channel": "store", "due": "2141-05-05"}
    answer = posted(world, **key, customers="7", note="the shops")
    shown = page(world, answer.headers["location"])
    name = "affinity/store/2141-05-05"
    assert f'value="{name}"' in shown
    answer = world.post("/view/targets/end", {"brand": "lumiere", "target": name, "back": "brand=lumiere"})
    assert answer.status == 303
    shown = page(world, answer.headers["location"])
    assert "Ended: 7 customers at affinity or above met on store by 2141-05-05." in shown
    assert f'value="{name}"' not in shown
    mine = "FROM {} WHERE brand = 'lumiere' AND stage = 'affinity' AND due = '2141-05-05'"
    assert world.rows("SELECT * " + mine.format("target_progress")) == []
    assert world.rows("SELECT customers, note " + mine.format("targets FINAL")) == [
        {"customers": 0, "note": "the shops"}
    ]
    assert posted(world, **key, customers="8", note="").status == 303, "and it is set again"
    assert [row["target"] for row in world.rows("SELECT target " + mine.format("target_progress"))] == [8]


@pytest.mark.parametrize(
    "wrong",
    [{"target": "affinity/store/2001-01-01"}, {"target": ""}, {"brand": "nope"}, {"target": "' OR 1"}],
)
def test_a_target_that_is_not_there_is_not_ended(world, wrong):
    posted(world, due="2140-01-31")
    before = targets(world)
    good = {"brand": "lumiere", "target": "advocacy//2140-01-31", "back": "brand=lumiere"}
    answer = world.post("/view/targets/end", good | wrong)
    assert answer.status == 400
    assert "there is no such target" in answer.body.decode()
    assert targets(world) == before
    assert world.post("/view/targets/end", good, origin="https://evil.example").status == 403
    assert targets(world) == before


def test_in_a_browser_a_target_is_chosen_and_ended(opened, world):
    posted(world, stage="audience", due="2140-09-09", customers="33", note="to be ended")
    shown = opened("/view/targets?brand=lumiere")
    shown.select_option("#target-ended", "audience//2140-09-09")
    shown.click("text=End target")
    shown.wait_for_selector(".said")
    assert "Ended: 33 customers at audience or above by 2140-09-09." in shown.text_content(".said")
