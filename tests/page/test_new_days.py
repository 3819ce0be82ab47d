"""What a load has just brought can be asked for at once, though the page keeps for a while what it knows of brands."""

import json

import pytest

from tests.page.test_http import page
from tests.page.world import evening


@pytest.fixture
def world(tmp_path):
    with evening(tmp_path) as made:
        yield made


def event(brand, day):
    return json.dumps({
        "specversion": "1.0", "id": f"{brand}-{day}", "source": "https://till.example", "type": "store.purchase",
        "time": f"{day}T12:00:00Z", "data": {"brand": brand, "handles": {"loyalty": "LUM-100482"}},
    }).encode()  # fmt: skip


def test_a_day_and_a_brand_that_are_new_are_shown_at_once(world):
    beyond = "/view/flow?brand=lumiere&since=2026-11-01"
    assert world.ask(beyond).status == 400, "before there is anything"
    page(world, "/")  # what is known of brands is kept from here on
    world.load([event("lumiere", "2026-11-20"), event("brand-new", "2026-11-20")])
    assert "2026-11-01" in page(world, beyond)
    assert "brand-new" in page(world, "/view/flow?brand=brand-new")
    assert world.ask("/view/flow?brand=nobody").status == 400
