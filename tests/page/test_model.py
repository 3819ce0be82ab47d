"""A model is changed on the page with its present values, tried and activated; its file keeps every comment."""

import re
import tomllib

import pytest

from schemas.apath import default_model_text, parse_model
from streams.apath.in_force import in_force
from streams.page.model_file import EditError, ModelChange, edited
from tests.page.world import evening


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("model")) as made:
        yield made


def models(world):
    return world.lines("/view/model/models.csv?brand=lumiere")


def test_a_changed_file_differs_in_what_was_changed_and_keeps_its_comments():
    text = default_model_text()
    change = ModelChange(
        {"advocacy": 0.9, "attention": 2.0}, {"audience": 20.5}, {"*.share": 0.5, "web.page_view": 3}
    )
    found = edited(text, change, "autumn", "Changed on the page by Ada")
    before, after = tomllib.loads(text), tomllib.loads(found)
    assert after["name"] == "autumn"
    assert (after["stages"]["advocacy"]["threshold"], after["stages"]["audience"]["half_life_days"]) == (
        0.9,
        20.5,
    )
    for stage, table in before["stages"].items():
        for old, new in zip(table["evidence"], after["stages"][stage]["evidence"], strict=True):
            assert new == old | {"weight": old["weight"] * change.factors.get(old["type"], 1)}
    comments = [re.sub("^[^#]*", "", line) for line in text.splitlines() if "#" in line]
    assert [re.sub("^[^#]*", "", line) for line in found.splitlines() if "#" in line][1:] == comments
    parse_model(found)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        (default_model_text(), ModelChange(factors={"*.nothing": 2})),
        (
            default_model_text().replace("threshold = 0.4", '"threshold" = 0.4'),
            ModelChange({"attention": 2.0}),
        ),
    ],
)
def test_a_file_in_which_only_this_cannot_be_changed_is_left_as_it_is(text, change):
    with pytest.raises(EditError):
        edited(text, change, "other", "changed")


def test_what_cannot_be_activated_is_refused_in_words_and_the_model_stays(world):
    before = in_force(world.embedded.store.client)
    good = {
        "threshold_advocacy": "0.9",
        "base": before.hash,
        "name": "autumn",
        "by": "Ada",
        "back": "brand=lumiere",
    }
    for wrong, says in (
        ({"base": "other"}, "another model came into force meanwhile"), ({"name": ""}, "name: 1 to 64"),
        ({"by": " "}, "your name: 1 to 64"), ({"name": 'a" # b'}, "name: 1 to 64"), ({"by": "Ada\nname = 1"}, "your name: 1 to 64"),
        ({"threshold_advocacy": "x"}, "must be numbers"), ({"threshold_advocacy": "-1"}, "threshold"), ({"threshold_advocacy": "nan"}, ""),
        ({"half_life_audience": "1"}, "half_life_days"), ({"weights": "*.nothing=2"}, "the model has no"),
    ):  # fmt: skip
        answer = world.post("/view/model/activate", good | wrong)
        assert (answer.status, says in answer.body.decode()) == (400, True), (wrong, answer.body)
    assert world.post("/view/model/activate", good, origin="https://evil.example").status == 403
    assert in_force(world.embedded.store.client) == before


def test_in_a_browser_a_value_is_changed_tried_and_activated_by_keyboard(opened, world):
    page = opened("/view/model?brand=lumiere", viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.fill("#field-threshold_advocacy", "1.5")
    page.press("#field-threshold_advocacy", "Enter")
    page.wait_for_selector("#panel-activate")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert "Advocacy: threshold 0.5 becomes 1.5" in page.inner_text("#panel-activate")
    page.fill("#model-name", "bolder")
    page.fill("#by-model", "Ada")
    page.press("#by-model", "Enter")
    page.wait_for_selector("text=In force: model bolder.")
    assert page.input_value("#field-threshold_advocacy") == "1.5"
    latest, first = models(world)
    assert (latest["name"], first["name"]) == ("bolder", "default")
    assert latest["about"].startswith("Changed on the page by Ada, ")
    assert parse_model(in_force(world.embedded.store.client).toml).stages[4].threshold == 1.5
    (row,) = world.rows(
        "SELECT count() AS n FROM standings WHERE brand = 'lumiere' AND position = 5 AND scores[5] < 1.5"
    )
    assert row["n"] == 0, "everybody is weighed by it"


def test_charts_over_time_mark_where_the_model_changed(opened, world):
    store = world.embedded.store
    store.raw(
        "INSERT INTO models (model, name, toml, channels, revenue, activated_at, sequence) SELECT model, 'marked', toml, channels, revenue,"
        " '2026-10-17 12:00:00', sequence + 1 FROM models ORDER BY sequence DESC LIMIT 1", "Null",
    )  # fmt: skip
    for view, panel in (("flow", "moves"), ("spikes", "series")):
        shown = opened(f"/view/{view}?brand=lumiere&since=2026-10-17&until=2026-10-17")
        mark = shown.wait_for_selector(f"#panel-{panel} .model-change", state="attached")
        said = (
            "Model marked came into force on 17 Oct 2026 12:00 UTC; all figures are by the model in force now"
        )
        assert mark.get_attribute("aria-label") == said
        line = mark.query_selector("line").bounding_box()
        figure = shown.query_selector(f"#panel-{panel} svg.figure").bounding_box()
        assert figure["x"] < line["x"] < figure["x"] + figure["width"]
