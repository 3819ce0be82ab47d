"""On a phone, figures are whole or say that there is more to the side; labels say what a number is of."""

import html
import json
import re
from datetime import UTC, datetime

import pytest

from streams.inputs.simulate import simulate
from tests.page.world import evening

PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("phone")) as made:
        month = simulate(customers=100, days=40, seed=3, start=datetime(2026, 9, 1, tzinfo=UTC))
        made.load([json.dumps(event).encode() for event in month])
        yield made


def shown(world, path):
    return html.unescape(world.ask(path).body.decode())


def test_channels_are_whole_with_every_name(opened, world):
    page = opened("/view/channels?brand=lumiere&since=2026-09-01", viewport=PHONE)
    for figure in ("next", "places"):
        wide, seen = page.eval_on_selector(f"#panel-{figure} .drawing", "e => [e.scrollWidth, e.clientWidth]")
        assert wide <= seen, figure
    boxes = [each.bounding_box() for each in page.query_selector_all("#panel-places svg text.label")]
    assert boxes
    for box in boxes:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        assert box["height"] >= 11, "it can be read"


@pytest.mark.parametrize(
    ("path", "panel"), [("spikes", "series"), ("flow", "moves"), ("word-of-mouth", "growth")]
)
def test_a_figure_that_is_wider_says_so(opened, world, path, panel):
    for viewport, says in ((PHONE, True), ({"width": 1280, "height": 800}, False)):
        page = opened(f"/view/{path}?brand=lumiere", viewport=viewport)
        said = page.evaluate(
            f"getComputedStyle(document.querySelector('#panel-{panel} .drawing'), '::before').content"
        )
        assert ("Pull the figure sideways" in said) == says
        wide, seen = page.eval_on_selector(f"#panel-{panel} .drawing", "e => [e.scrollWidth, e.clientWidth]")
        assert (wide > seen) == says


def test_numbers_say_what_they_are_of(world):
    body = shown(world, "/view/content?brand=lumiere&since=2026-09-01")
    assert re.search(r">\d+ of \d+ engaged · [\d.]+ %<", body)
    assert ">17 Oct 2026<" in shown(world, "/view/flow?brand=lumiere&since=2026-10-17&until=2026-10-17"), (
        "one day is one day"
    )
    (row,) = world.rows(
        "SELECT customer FROM standings WHERE brand = 'lumiere' ORDER BY position DESC, touches DESC LIMIT 1"
    )
    assert re.search(
        r">\d+\.\d{3}, needs [\d.]+<",
        shown(world, f"/view/journey?brand=lumiere&customer={row['customer']:016x}"),
    )
    assert re.search(
        r">Revenue, EUR<.*?>[\d,]+\.\d\d<",
        shown(world, "/view/compare?brand=lumiere&since=2026-09-01"),
        re.DOTALL,
    )
