"""The page shows a brand's own numbers to who has the right by name, and to nobody else."""

import csv
import hashlib
import io
import json

import pytest

from streams.http.page_tokens import TokensError, parsed_rights
from streams.http.viewer import EVERYBODY, Viewer, of_all
from streams.page.views import VIEWS
from streams.settings import ReadableKinds
from tests.audiences.world import audience, keeping
from tests.fixtures.directories import EVENING
from tests.page.world import evening

TOKENS = {
    "ada": 'readable = true\nbrands = ["lumiere"]',
    "ben": "writes = false",
    "cyd": 'readable = true\nbrands = ["pathe"]',
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    digests = {name: hashlib.sha256(f"a-token-of-{name}".encode()).hexdigest() for name in TOKENS}
    tokens = folder / "tokens.toml"
    tokens.write_text(
        "\n".join(f'[tokens.{name}]\nsha256 = "{digests[name]}"\n{more}' for name, more in TOKENS.items())
    )
    kinds = ReadableKinds.parse("user loyalty")
    with evening(folder, readable=kinds, page_tokens=tokens, page_token="a-token-without-a-name") as found:
        found.load(EVENING.read_bytes().splitlines())
        buyers = audience("buyers", revenue={"min": 1, "currency": "EUR"}).model_copy(
            update={"brand": "lumiere"}
        )
        with keeping(found.embedded, buyers) as upkeep:
            upkeep.refresh(found.embedded.store)
        yield found


@pytest.fixture(scope="module")
def card(world):
    """A card, and the customer who has it."""
    for line in EVENING.read_text().splitlines():
        if not line.startswith("{"):
            continue
        data = json.loads(line).get("data", {})
        if data.get("brand") == "lumiere" and "loyalty" in data.get("handles", {}):
            value = data["handles"]["loyalty"]
            (row,) = world.rows(
                "SELECT customer FROM customers WHERE handle = {h:UInt64}",
                h=world.embedded.edge()._naming.id("loyalty", value, "lumiere"),
            )
            return value, f"{row['customer']:016x}"
    raise AssertionError("the evening has no card")


def asked(world, path, who):
    token = "a-token-without-a-name" if who == "nobody" else f"a-token-of-{who}"
    return world.ask(path, authorization=f"Bearer {token}")


def test_who_has_the_right_sees_the_numbers_of_a_customer_and_others_see_nothing_of_it(world, card):
    value, customer = card
    path = f"/view/journey?brand=lumiere&customer={customer}"
    assert f"Numbers: loyalty {value}" in asked(world, path, "ada").body.decode()
    for who in ("ben", "nobody"):
        answer = asked(world, path, who)
        assert answer.status == 200
        assert value not in answer.body.decode()
        assert "Numbers:" not in answer.body.decode()
    assert value not in asked(world, path, "cyd").body.decode()
    assert f"Numbers: loyalty {value}" in asked(world, path, "ada").body.decode(), (
        "what others get is not kept for them"
    )


def test_lists_have_them_as_columns_for_who_has_the_right(world, card):
    found = set()
    for view in VIEWS:
        answer = asked(world, f"/view/{view.name}?brand=lumiere", "ada")
        if answer.status != 200:
            continue
        for panel in {part.split('"')[0] for part in answer.body.decode().split(f"/view/{view.name}/")[1:]}:
            path = f"/view/{view.name}/{panel.replace('&amp;', '&')}"
            if ".csv" not in path:
                continue
            told = {who: asked(world, path, who) for who in ("ada", "ben", "nobody")}
            for who in ("ben", "nobody"):
                text = told[who].body.decode()
                assert "_number" not in text, (path, who)
                assert card[0] not in text
            rows = list(csv.DictReader(io.StringIO(told["ada"].body.decode())))
            if rows and "loyalty_number" in rows[0]:
                found.add(path.partition("?")[0])
                assert {row["loyalty_number"] for row in rows} & {card[0], ""}
                assert any(row["loyalty_number"] for row in rows)
    assert found, "some view has a list of customers"
    assert world.ask("/view/customers/busiest.csv?brand=lumiere").status in {401, 403}


def test_members_of_an_audience_have_them_in_the_csv_for_who_has_the_right(world):
    path = "/view/audiences/members.csv?brand=lumiere&audience=buyers"
    told = {who: asked(world, path, who).body.decode() for who in ("ada", "ben", "nobody")}
    rows = list(csv.DictReader(io.StringIO(told["ada"])))
    assert any(row["loyalty_number"].startswith("LUM-") for row in rows)
    for who in ("ben", "nobody"):
        without = list(csv.DictReader(io.StringIO(told[who])))
        assert [row["customer"] for row in without] == [row["customer"] for row in rows]
        assert "LUM-" not in told[who]
    assert world.ask(path).status in {401, 403}
    assert asked(world, path, "cyd").status == 400


def test_a_file_says_it_by_name_and_rights_of_groups_add_up_brand_by_brand():
    rights = parsed_rights('[people.ada]\nreadable = true\n[everybody]\nbrands = ["a"]')
    assert rights.people["ada"].reads("a")
    assert rights.everybody is not None
    assert not rights.everybody.reads("a")
    assert not EVERYBODY.reads("a")
    with pytest.raises(TokensError, match="readable: must be true or false"):
        parsed_rights('[people.ada]\nreadable = "yes"')
    one, two = Viewer(brands=frozenset({"a"}), numbers=None), Viewer(brands=frozenset({"b"}))
    both = of_all([one, two])
    assert [(both.sees(brand), both.reads(brand)) for brand in "abc"] == [
        (True, True),
        (True, False),
        (False, False),
    ]
    assert not of_all([two, two]).reads("b")
    assert of_all([Viewer(numbers=None), two]).reads("b")
