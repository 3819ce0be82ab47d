"""The page in Chromium on the bundled evening: by mouse, by keyboard, by screen reader, on a phone, light and dark."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from schemas.apath import default_model_text, parse_model
from streams.apath.what_if import what_if
from streams.clock import from_us
from streams.page.views import VIEWS
from tests.page.conftest import goto
from tests.page.world import evening

SPAN = "brand=lumiere&since=2026-10-17&until=2026-10-17"
# Colours as the browser has them after styles, of text in figures against what is under it.
TEXTS = """() => [...document.querySelectorAll("svg.figure text, main p, main th, main td, main a:not(svg a), main label, main summary")]
  .filter(e => e.textContent.trim() && e.getClientRects().length)
  .map(e => {
    const svg = e instanceof SVGElement, style = getComputedStyle(e);
    let under = e.closest("section") ?? document.documentElement;
    if (!svg) for (under = e; getComputedStyle(under).backgroundColor === "rgba(0, 0, 0, 0)"; under = under.parentElement);
    return [e.textContent.trim().slice(0, 40), svg ? style.fill : style.color, getComputedStyle(under).backgroundColor];
  })"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("browser")) as made:
        yield made


def advocate(world):
    rows = world.rows(
        "SELECT customer FROM journeys_at(at = '2026-10-17 23:00:00') "
        "WHERE brand = 'lumiere' AND stage = 'advocacy' ORDER BY touches DESC, customer LIMIT 1"
    )
    return f"{rows[0]['customer']:016x}"


def addresses(world):
    """Every view as it opens, and those that links lead to."""
    return [
        *(f"/view/{view.name}?{SPAN}" for view in VIEWS),
        f"/view/journey?{SPAN}&customer={advocate(world)}",
        f"/view/model?{SPAN}&threshold_advocacy=2&was=5",
        f"/view/flow/moves.sql?{SPAN}",
    ]


def test_every_view_is_accessible_in_light_and_dark_and_fits_a_phone(opened, world):
    first, *others = addresses(world)
    page = opened(first)
    for address in (
        first,
        *others,
    ):  # in one page: another would be a process of Chromium, with everything to compile
        page.set_viewport_size({"width": 1200, "height": 900})
        page.emulate_media(color_scheme="light")
        goto(page, world, address)
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, f"{address}\n{found.generate_report()}"
        for mark in page.query_selector_all("svg.figure .mark"):
            assert re.search(r"\w", mark.get_attribute("aria-label"))
            assert not re.search(r"\b(NaN|None|null|undefined)\b", mark.get_attribute("aria-label"))
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for text, colour, under in page.evaluate(TEXTS):
                assert contrast(colour, under) >= 4.5, (scheme, address, text, colour, under)
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address


def contrast(one, other):
    """WCAG 2.2's contrast ratio of two CSS colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_numbers_that_are_seen_are_those_of_sql(opened, world):
    page = opened(f"/?{SPAN}")
    shown = [text.text_content() for text in page.query_selector_all("#panel-population .stats strong")]
    found = {row["stage"]: row["n"] for row in world.rows(
        "SELECT stage, count() AS n FROM standings WHERE brand = 'lumiere' GROUP BY stage"
    )}  # fmt: skip
    stages = ("none", "attention", "attraction", "affinity", "audience", "advocacy")
    assert shown == [str(found.get(stage, 0)) for stage in stages]
    assert page.text_content("#panel-population .told") == f"{sum(found.values())} customers in all"
    assert page.query_selector("#panel-moves desc").text_content().count("new") == 4


def test_by_keyboard_alone_a_ribbon_is_reached_and_opens_its_customers(opened):
    page = opened(f"/?{SPAN}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the figures"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('#panel-moves .mark')"):
            break
    page.keyboard.press("ArrowRight")
    said = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert page.inner_text("#tip") == said
    assert " from " in said, said
    count = int(re.search(r": ([\d,]+) from", said)[1].replace(",", ""))
    page.keyboard.press("Enter")
    page.wait_for_url("**/view/customers?**")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert len(page.query_selector_all("#panel-list tbody tr")) == count


def test_what_a_link_or_a_changed_form_leads_to_is_asked_ahead(opened, world):
    page = opened(f"/?{SPAN}")
    ribbon = page.query_selector("#panel-moves a.mark")
    with page.expect_request_finished(lambda request: "/view/customers?" in request.url) as told:
        ribbon.hover()
    assert told.value.url == world.url + ribbon.get_attribute("href")
    with page.expect_request_finished(lambda request: "steps=6" in request.url) as told:
        page.select_option("#field-steps", "6")
    assert told.value.response().status == 200
    ahead = told.value.url
    page.click("form.scope button")
    page.wait_for_url("**steps=6**")
    assert page.url == ahead, "what was asked ahead is what is asked then"


def test_what_if_by_the_form_is_what_journey_whatif_says(opened, world):
    page = opened(f"/view/model?{SPAN}")
    page.fill("#field-threshold_advocacy", "0.9")
    page.fill("#field-half_life_audience", "20")
    assert page.input_value("#field-half_life_advocacy") == "60", "the form has the values in force"
    page.click("form.tried button")
    page.wait_for_url("**threshold_advocacy=0.9**")
    assert "half_life_advocacy" not in page.url, "what stays as it is is not in the address"
    page.wait_for_selector("html[data-ready]", state="attached")
    page.click("#panel-moves summary")
    told = [
        [cell.inner_text() for cell in row.query_selector_all("th, td")]
        for row in page.query_selector_all("#panel-moves tbody tr")
    ]
    text = default_model_text()
    text = re.sub(
        r"(\[stages.advocacy\][^\n]*\nhalf_life_days = \d+[^\n]*\nthreshold = )[0-9.]+", r"\g<1>0.9", text
    )
    text = re.sub(r"(\[stages.audience\][^\n]*\nhalf_life_days = )90", r"\g<1>20", text)
    now = from_us(world.embedded.clock())
    found = what_if(
        world.embedded.store, world.embedded.model, parse_model(text, name="then"), "lumiere", now
    )
    moves = {(name(row["now"]), name(row["then"])): row["customers"] for row in found.moves}
    assert moves, "somebody moves"
    assert {(was, then): int(count) for was, then, count, *_ in told if was != then} == moves


def name(stage):
    return "without a stage" if str(stage) == "none" else str(stage).title()


def test_figures_follow_the_tables_without_a_reload_and_what_is_open_stays_open(opened, world):
    page = opened(f"/view/health?{SPAN}")
    page.wait_for_selector("html[data-live]", state="attached")
    event = {
        "id": "live", "source": "browser", "type": "web.click", "time": "2026-10-17T13:00:00Z",
        "data": {"brand": "lumiere", "handles": {"cookie": "c-live"}},
    }  # fmt: skip
    world.load([json.dumps(event).encode(), b"{}"])
    page.wait_for_selector("#panel-taken tbody tr:nth-child(2)", timeout=20_000)
    assert page.inner_text("#panel-taken tbody tr:nth-child(2) th") == "test"
    page.wait_for_selector("#panel-refused svg.figure", timeout=20_000)
    page.click("#panel-refused summary")
    world.load([b"[]", b"{"])
    page.wait_for_selector("#panel-refused tbody tr:nth-child(2)", timeout=20_000)
    assert page.inner_text("#live") == "live"


def test_what_is_pressed_while_figures_are_refreshed_is_clicked(opened, world):
    page = opened(f"/?{SPAN}", viewport={"width": 1200, "height": 900})
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "fragment=1" in request.url else None)
    page.reload()
    # Until what others have loaded is shown: a refresh on its way would be the one that waits.
    for _ in range(10):
        page.wait_for_selector("html[data-live]", state="attached")
        page.wait_for_timeout(1_500)
        if not asked:
            break
        page.wait_for_selector("html[data-refreshed]", state="attached")
        asked.clear()
        page.reload()
    link = page.locator("#panel-moves .ways a[download]").first
    link.hover()
    with page.expect_download() as download:
        with page.expect_response("**fragment=1**"):
            page.mouse.down()
            world.load([b"{"])
        page.wait_for_timeout(500)
        assert page.get_attribute("html", "data-refreshed") is None, "figures wait for the pointer"
        page.mouse.up()
    assert download.value.path().read_text().startswith("from_stage,to_stage,")
    page.wait_for_selector("html[data-refreshed]", state="attached")


def test_a_figure_downloads_as_png_and_csv(opened):
    page = opened(f"/?{SPAN}", viewport={"width": 1200, "height": 900})
    with page.expect_download() as download:
        page.click("#panel-moves [data-png]")
    assert download.value.suggested_filename == "moves.png"
    assert download.value.path().read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(download.value.path().read_bytes()) > 20_000
    with page.expect_download() as download:
        page.click("#panel-moves .ways a[download]")
    assert download.value.path().read_text().startswith("from_stage,to_stage,")


def test_the_first_view_weighs_less_than_60_kb(browser, world):
    context = browser.new_context()
    page, sizes = context.new_page(), []
    page.on(
        "requestfinished",
        lambda request: sizes.append(
            sum(request.sizes()[k] for k in ("responseBodySize", "responseHeadersSize"))
            if not request.url.endswith("/events")
            else 0
        ),
    )
    page.goto(world.url)
    page.wait_for_selector("html[data-ready]", state="attached")
    page.wait_for_timeout(300)
    context.close()
    assert 10_000 < sum(sizes) < 60_000, sizes
