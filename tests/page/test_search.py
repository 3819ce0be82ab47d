"""The search field: a customer is found by any handle as people write it, and what was typed is kept nowhere."""

import json

import pytest

from streams.edge.handles import HandleHasher
from streams.handles.find import find
from tests.page.test_http import page
from tests.page.world import evening

ANN = {
    "social": "instagram:ann.l",
    "cookie": "c-4f21a9d07b",
    "phone": "+33639980101",
    "loyalty": "LUM-100482",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("search")) as made:
        yield made


def handle(world, kind, value, brand="lumiere"):
    """Return the id of a handle by this directory's key."""
    return HandleHasher(world.embedded.key, rules=world.embedded.rules).id(kind, value, brand)


def customer(world, kind, value):
    (row,) = world.rows(
        "SELECT customer FROM customers WHERE handle = {id:UInt64}", id=handle(world, kind, value)
    )
    return row["customer"]


def sought(world, text, brand="lumiere", **headers):
    return world.post("/find", {"who": text, "brand": brand}, **headers)


def event(n, handles, brand="lumiere"):
    return json.dumps({
        "specversion": "1.0", "id": f"sought-{n}", "source": "https://lumiere.example/till", "type": "store.purchase",
        "time": "2026-10-17T20:00:00Z", "data": {"brand": brand, "handles": handles},
    }).encode()  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "+33 6 39 98 01 01",
        "0033 639-98-01-01",
        " lum-100482 ",
        "LUM 100482",
        "@Ann.L",
        "instagram:@ann.l",
        "loyalty:LUM-100482",
        "Phone: +33639980101",
        "c-4f21a9d07b",
    ],
)
def test_a_handle_as_people_write_it_leads_to_the_journey(world, text):
    who = customer(world, "loyalty", "LUM-100482")
    answer = sought(world, text)
    assert answer.status == 303
    assert answer.headers["location"] == f"/view/journey?brand=lumiere&customer={who:016x}"


@pytest.mark.parametrize(
    "form", ["#{:016x}", "{:016x}", "{:016X}", "{}", "phone #{:016x}", "phone:#{:016x}", "customer {:016x}"]
)
@pytest.mark.parametrize("kind", ["phone", "cookie"])
def test_any_hash_of_the_customer_is_found_in_every_form_that_is_printed(world, kind, form):
    who = customer(world, "loyalty", "LUM-100482")
    hashed = handle(world, kind, ANN[kind])
    assert sought(world, form.format(hashed)).headers["location"].endswith(f"customer={who:016x}")
    shown = page(world, f"/view/journey?brand=lumiere&customer={hashed:016x}")
    assert "film-aurora" in shown


@pytest.mark.parametrize(
    "text",
    ["nobody@example.com", "+33 6 00 00 00 00", "null", "#0123456789abcdef", "12345", "\u200b", "' OR 1=1"],
)
def test_what_nobody_has_is_said_without_repeating_it(world, text):
    answer = sought(world, text)
    assert answer.status == 303
    there = answer.headers["location"]
    assert there.startswith("/view/journey?brand=lumiere&said=")
    shown = page(world, there)
    assert "Nobody is known by that here." in shown
    assert text not in there


def test_customers_that_share_a_number_are_listed_to_choose_from(world):
    world.load([event(1, {"user": "70071"}), event(2, {"loyalty": "70071"}), event(3, {"user": "70072"})])
    among = {customer(world, "user", "70071"), customer(world, "loyalty", "70071")}
    there = sought(world, "70071").headers["location"]
    shown = page(world, there)
    assert "Several customers have that" in shown
    for who in among:
        assert f"customer={who:016x}" in shown
    assert f"customer={customer(world, 'user', '70072'):016x}" not in shown
    one = sought(world, "user:70071").headers["location"]
    assert one.endswith(f"customer={customer(world, 'user', '70071'):016x}")


def test_a_search_from_elsewhere_is_refused(world):
    for headers in ({"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}):
        assert sought(world, "LUM-100482", **headers).status == 403
    assert world.ask("/find").status == 405


def test_what_cannot_be_a_search_is_refused_in_words(world):
    assert sought(world, "a" * 513).status == 400
    assert sought(world, "a" * 20_000).status == 400
    assert sought(world, "").status == 303


def test_without_the_key_hashes_are_found_and_values_are_said_not_to_be(world):
    class Keyless:
        model, rules = world.embedded.model, world.embedded.rules

        @property
        def key(self):
            raise LookupError("no key")

    who = customer(world, "loyalty", "LUM-100482")
    assert [found.customer for found in find(Keyless(), world.embedded.store, f"#{who:016x}", "lumiere")] == [
        who
    ]
    with pytest.raises(LookupError):
        find(Keyless(), world.embedded.store, "LUM-100482", "lumiere")


def test_what_is_typed_is_in_no_address_no_file_and_no_answer(world):
    planted = "planted.searcher@example.com"
    answer = sought(world, planted)
    shown = page(world, answer.headers["location"])
    assert planted not in shown
    assert planted not in str(answer.headers)
    for file in world.embedded.settings.data.rglob("*"):
        if file.is_file():
            assert planted.encode() not in file.read_bytes(), file


def test_in_a_browser_by_keyboard(opened, world):
    who = customer(world, "loyalty", "LUM-100482")
    shown = opened("/?brand=lumiere", viewport={"width": 390, "height": 800})
    shown.focus("#find")
    shown.keyboard.type("LUM-100482")
    shown.keyboard.press("Enter")
    shown.wait_for_url(f"**/view/journey?brand=lumiere&customer={who:016x}")
    assert shown.input_value("#find") == ""
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
