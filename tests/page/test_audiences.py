"""The view of audiences: what the commands say of them, a list to act on, and one line where there are none."""

import csv
import html
import io
import json

import pytest
from axe_playwright_python.sync_playwright import Axe

from streams.audiences.config import parse
from streams.audiences.export import exported
from streams.audiences.reading import listed
from tests.audiences.world import audience, keeping
from tests.collector.server import event
from tests.page.conftest import goto
from tests.page.test_browser import TEXTS, contrast
from tests.page.world import evening

FILE = """
[[audience]]
name = "visitors"
title = "Visitors who <b>bought</b> nothing"
description = "Offer them something for the next visit."
brand = "lumiere"
channels = ["store"]
revenue = { max = 0, currency = "EUR" }

[[audience]]
name = "buyers"
brand = "lumiere"
revenue = { min = 1, currency = "EUR" }

[[audience]]
name = "nobody"
title = "Nobody yet"
brand = "lumiere"
products = ["nothing of the kind"]

[[audience]]
name = "of-others"
brand = "trattoria-sole"
channels = ["store"]

[[audience]]
name = "without-a-condition"
brand = "lumiere"
"""


def declared(made):
    """Return the audiences of the file: all but the one that is a mistake."""
    found, (mistake,) = parse(made.embedded.settings.audiences)
    assert "without-a-condition" in mistake
    return found


def refresh(made, *more):
    with keeping(made.embedded, *declared(made), *more) as upkeep:
        upkeep.refresh(made.embedded.store)


def new_customer(kind, **more):
    data = {"brand": "lumiere", "handles": {"user": "u-new"}, "place": "lumiere-bastille"} | more
    return json.dumps(event(kind, type=kind, data=data)).encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audiences")
    (file := folder / "audiences.toml").write_text(FILE)
    with evening(folder, audiences=file) as made:
        made.load([new_customer("store.check_in")])
        refresh(made, audience("no-more", channels=["web"]).model_copy(update={"brand": "lumiere"}))
        made.load([new_customer("store.purchase", amount=5, currency="EUR")])
        refresh(made)
        yield made


def shown(world, audience="", brand="lumiere"):
    answer = world.ask(f"/view/audiences?brand={brand}&audience={audience}")
    assert answer.status == 200, answer.body
    return answer.body.decode()


def lines(world, panel, audience="", **headers):
    answer = world.ask(f"/view/audiences/{panel}.csv?brand=lumiere&audience={audience}", **headers)
    assert answer.status == 200, answer.body
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


def test_all_are_listed_with_their_sizes_and_changes_as_the_command_lists_them(world):
    found = lines(world, "audiences")
    told = listed(world.embedded.store, declared(world))
    assert [(row["audience"], row["title"], int(row["members"])) for row in found] == [
        (one.name, one.title, one.members) for one in told if one.brand == "lumiere"
    ]
    by_name = {row["audience"]: (int(row["entered"]), int(row["gone"])) for row in found}
    members = {row["audience"]: int(row["members"]) for row in found}
    assert by_name["visitors"] == (members["visitors"] + 1, 1)
    assert by_name["buyers"] == (members["buyers"], 0)
    assert by_name["nobody"] == (0, 0)
    assert (members["no-more"], by_name["no-more"][0]) == (0, by_name["no-more"][1])
    assert by_name["no-more"][1] > 0
    assert [row["changed_at"] == "" for row in found] == [False, False, True, False]
    assert "of-others" not in shown(world)
    assert "of-others" in shown(world, brand="trattoria-sole")


def test_one_that_is_chosen_has_its_members_as_a_list_and_as_csv(world):
    for name in ("visitors", "buyers"):
        mine = lines(world, "members", name)
        text = b"".join(exported(world.embedded.store, "lumiere", name, "csv")).decode()
        theirs = list(csv.DictReader(io.StringIO(text)))
        assert [(row["customer"], row["stage"]) for row in mine] == [
            (row["customer"], row["stage"]) for row in theirs
        ]
        assert mine
    page = shown(world, "visitors")
    assert "In Visitors who &lt;b&gt;bought&lt;/b&gt; nothing" in page
    assert "Offer them something for the next visit." in page
    for row in lines(world, "members", "visitors"):
        assert f"customer={row['customer']}" in page
    assert "Nobody is in it now." in shown(world, "nobody")
    assert "Nobody has entered it yet." in shown(world, "nobody")


def test_its_changes_name_customers_as_they_are_named_now(world):
    new = world.embedded.edge()._naming.id("user", "u-new", "lumiere")
    said = [
        (row["change"], row["reason"])
        for row in lines(world, "changes", "visitors")
        if row["customer"] == f"{new:016x}"
    ]
    assert said == [("left", "conditions"), ("entered", "conditions")]
    assert lines(world, "changes", "buyers")[0]["customer"] == f"{new:016x}"
    assert {row["reason"] for row in lines(world, "changes", "no-more") if row["change"] == "left"} == {
        "file"
    }


def test_what_is_no_name_of_an_audience_is_refused_and_what_nobody_has_is_empty(world):
    assert world.ask("/view/audiences?brand=lumiere&audience=a%20b").status == 400
    assert world.ask("/view/audiences?brand=nobody").status == 400
    assert "Nobody is in it now." in shown(world, "another")
    assert lines(world, "members", "of-others") == [], "of another brand"


def test_without_any_one_line_says_how(world):
    page = html.unescape(shown(world, brand="chez-nous"))
    assert "No audiences are set up for this brand: name a file of them by JOURNEY_AUDIENCES" in page
    assert "<table" not in page
    assert 'id="panel-members"' not in page


def test_by_keyboard_on_a_phone_in_light_and_dark(opened, world):
    page = opened("/view/audiences?brand=lumiere", viewport={"width": 390, "height": 800})
    page.focus("#panel-audiences tbody a >> text=visitors")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel-members tbody tr")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert "audience=visitors" in page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    count = len(lines(world, "members", "visitors"))
    assert len(page.query_selector_all("#panel-members tbody tr")) == count
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for text, colour, under in page.evaluate(TEXTS):
            assert contrast(colour, under) >= 4.5, (scheme, text, colour, under)
    page.set_viewport_size({"width": 1200, "height": 900})
    goto(page, world, "/view/audiences?brand=lumiere&audience=visitors")
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()
    with page.expect_download() as download:
        page.click("#panel-members .ways a[download]")
    assert download.value.path().read_text().startswith("customer,entered_at,stage,")
