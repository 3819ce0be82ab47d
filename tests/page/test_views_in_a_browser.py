"""The slider of a cascade, alerts that are taken on, and the matrix, in Chromium."""

import json
import re
from datetime import UTC, datetime

import pytest

from journey.alerts import Scope
from streams.alerts.ledger import Ledger
from streams.clock import to_us
from tests.alerts.examples import told
from tests.page.test_browser import contrast
from tests.page.world import evening

SPAN = "brand=lumiere&since=2026-10-17&until=2026-10-17"
MARKS = "#panel-growth .branch.who:not(.later)"
MADE = 30
# The colour of a cell, mixed of its ground and the tint upon it, and that of its text.
CELLS = """() => [...document.querySelectorAll("#panel-next .cell")].map(cell => {
  const [ground, tint] = ["cell-ground", "cell-tint"].map(name => cell.querySelector(`.${name}`));
  const style = tint ? getComputedStyle(tint) : null;
  return [getComputedStyle(ground).fill, style?.fill ?? "rgb(0, 0, 0)", Number(style?.fillOpacity ?? 0),
    ...[...cell.querySelectorAll("text")].map(text => getComputedStyle(text).fill)];
})"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("views")) as made:
        yield made


def pull(page, presses):
    """Pull the slider by keyboard; return what it says, and how many are seen."""
    for key in presses:
        page.press("#growth-at", key)
    return page.inner_text("#panel-growth output"), len(page.query_selector_all(MARKS))


def test_a_cascade_grows_under_the_slider_and_the_address_holds_the_moment(opened, world):
    page = opened(f"/view/word-of-mouth?{SPAN}")
    [cascade] = world.rows(
        "SELECT customers FROM cascades WHERE brand = 'lumiere' ORDER BY customers DESC LIMIT 1"
    )
    everybody = len(page.query_selector_all(MARKS))
    assert everybody == cascade["customers"] + 1
    said, seen = pull(page, ["Home"])
    assert (seen, "0 reached" in said) == (1, True)
    grown = [pull(page, ["PageUp"]) for _ in range(6)]
    seen = [count for _, count in grown]
    assert seen == sorted(seen)
    assert 1 < seen[-1] < everybody
    for said, count in grown:
        assert int(re.search(r"(\d+) reached", said)[1]) == count - 1
    assert page.get_attribute("#growth-at", "aria-valuetext") == grown[-1][0]
    again = opened(page.url.removeprefix(world.url))
    assert len(again.query_selector_all(MARKS)) == seen[-1]
    assert again.inner_text("#panel-growth output") == grown[-1][0]
    assert pull(page, ["End"])[1] == everybody
    assert "at=" not in page.url


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_cascade_plays_on_from_where_the_slider_stands_to_its_end(opened, motion):
    page = opened(f"/view/word-of-mouth?{SPAN}", reduced_motion=motion)
    everybody = len(page.query_selector_all(MARKS))
    assert pull(page, ["End", "PageDown", "PageDown"])[1] < everybody
    page.click("#panel-growth .play")
    assert page.inner_text("#panel-growth .play") == "Pause"
    page.wait_for_selector("#panel-growth .play >> text=Play")
    assert len(page.query_selector_all(MARKS)) == everybody


def test_an_alert_is_seen_and_taken_on(opened, world):
    rage = [rating(n) for n in range(MADE)]
    world.load(rage)
    since = to_us(datetime(2026, 10, 17, 18, tzinfo=UTC))
    ledger = Ledger(world.embedded.store, world.embedded.store.insert)
    ledger.add(told(1, at_us=since + 1_800_000_000, brand="lumiere", direction="against", scope=Scope("product", "popcorn"),
                    since_us=since, last_hot_us=since + 1_740_000_000, people=MADE))  # fmt: skip
    page = opened(f"/view/spikes?{SPAN}")
    page.click("#panel-series a.event")
    page.wait_for_selector("#panel-behind")
    assert len(page.query_selector_all("#panel-behind tbody tr")) == MADE
    page.fill("#panel-alerts [name=by]", "Ada")
    page.press("#panel-alerts [name=by]", "Enter")
    page.wait_for_selector("text=Taken on by Ada")
    assert [(mark.mark, mark.by) for mark in ledger.marks()] == [("ack", "Ada")]
    assert page.query_selector("#panel-behind"), "the address still holds the view"
    assert not page.query_selector("#panel-alerts button:not(.ways button)")


def test_a_silence_is_set_shown_and_ended_by_the_name_that_was_given_before(opened, world):
    ledger = Ledger(world.embedded.store, world.embedded.store.insert)
    page = opened(f"/view/spikes?{SPAN}", viewport={"width": 390, "height": 800})
    page.fill("#silence-value", "popcorn")
    page.select_option("#silence-which", "against")
    page.fill("#by-silence", "Ada")
    page.press("#by-silence", "Enter")
    page.wait_for_selector(".said")
    assert page.inner_text(".said").startswith("Silenced for 4 hours: attacks about popcorn.")
    page.wait_for_selector("html[data-ready]", state="attached")
    [lasting] = [mark for mark in ledger.marks() if mark.mark == "silence"]
    assert (lasting.brand, lasting.direction, lasting.value, lasting.by) == ("lumiere", "against", "popcorn", "Ada")  # fmt: skip
    assert "by Ada" in page.inner_text("#silence-ended option")
    assert page.input_value("#by-ended") == "Ada", "the browser remembers the name"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("text=End silence")
    page.wait_for_selector("text=Ended: silence of attacks about popcorn.")
    [ended] = [mark for mark in ledger.marks() if mark.mark == "silence"]
    assert ended.until_us < lasting.until_us
    assert ended.by == "Ada, ended by Ada"
    wrong = world.post(
        "/view/spikes/end-silence", {"brand": "lumiere", "silence": "against/popcorn", "by": "A"}
    )
    assert (wrong.status, "perhaps it has ended already" in wrong.body.decode()) == (400, True)
    for form in (
        {"hours": "5", "by": "A"},
        {"hours": "4", "by": ""},
        {"hours": "4", "by": "A", "brand": "nope"},
    ):
        answer = world.post("/view/spikes/silence", {"brand": "lumiere", "which": "", "value": ""} | form)
        assert answer.status == 400, form


def rating(number):
    data = {"brand": "lumiere", "handles": {"cookie": f"rage-{number}"}, "product": "popcorn", "rating": 1}
    time = f"2026-10-17T18:{number:02d}:00Z"
    return json.dumps(
        {"id": f"rage-{number}", "source": "t", "type": "web.review", "time": time, "data": data}
    ).encode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_cell_of_the_matrix_can_be_read_and_opens_its_customers(opened, scheme):
    page = opened(f"/view/channels?{SPAN}", color_scheme=scheme)
    for ground, tint, opacity, *texts in page.evaluate(CELLS):
        under = mixed(ground, tint, opacity)
        assert all(contrast(text, under) >= 4.5 for text in texts), (ground, tint, opacity, texts)
    cell = page.query_selector("#panel-next a.cell")
    customers = int(re.match(r"([\d,]+) customers", cell.get_attribute("aria-label"))[1].replace(",", ""))
    cell.click()
    page.wait_for_selector("#panel-followed tbody tr")
    assert len(page.query_selector_all("#panel-followed tbody tr")) == customers


def mixed(ground, tint, opacity):
    parts = [[int(part) for part in re.findall(r"\d+", colour)[:3]] for colour in (ground, tint)]
    return "rgb" + str(tuple(round(g + (t - g) * opacity) for g, t in zip(*parts, strict=True)))
