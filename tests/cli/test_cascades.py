"""Word of mouth on the bundled evening: the tree that one expects, however the events came."""

import json
import random
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.analysis.share_chain import Window, leading
from streams.store.clickhouse import ClickHouse
from tests.cli.conftest import EVENING, event
from tests.on_server.conftest import SHARED, Command

PEOPLE = json.loads(Path("schemas/examples/evening_people.json").read_text())
SUMMARY = (
    "SELECT brand, root_id, type, content, touches, depth, breadth, customers, converted, revenue, half_reached_s,"
    " all_reached_s FROM cascades ORDER BY root_id"
)

# Who came by whom, as the story has it: two posts, fourteen people, three posts deep.
EXPECTED = {
    "ann-share": ("Ann", {"Chloe": {}, "David": {}, "Farid": {}, "Emma": {"Jules": {}, "Kim": {"Nils": {}}}}),
    "ben-share": ("Ben", {"Gina": {}, "Hugo": {}, "Ines": {"Leo": {}, "Mia": {}}}),
    "rosa-review-lunch": (
        "Rosa",
        {who: {} for who in ("Ann", "Chloe", "David", "Emma", "Gina", "Jules", "Nils", "Olga", "Paul")},
    ),
    "paul-review-lunch": (
        "Paul",
        {who: {} for who in ("Ben", "Farid", "Hugo", "Ines", "Kim", "Leo", "Mia", "Rosa")},
    ),
}


class Evening(Command):
    """Commands on a data directory of its own."""

    def rows(self, query):
        """Return the rows of a query."""
        return [json.loads(line) for line in self("sql", query, "--format", "JSONEachRow").splitlines()]


@pytest.fixture(scope="module")
def evening(tmp_path_factory):
    """The evening, loaded once: whoever changes it sets it right again."""
    return loaded(tmp_path_factory.mktemp("evening"), EVENING)


def loaded(folder, *files):
    made = Evening({"JOURNEY_STORE": f"chdb://{folder}/data"} | SHARED)
    for file in files:
        made("load", str(file))
    return made


def customers(evening):
    """Return who each customer is: an event's id begins with a name."""
    query = "SELECT DISTINCT customer, splitByChar('-', id)[1] AS name FROM touchpoints"
    found = {row["customer"]: row["name"].capitalize() for row in evening.rows(query)}
    assert len(found) == len(PEOPLE)
    return found


def branches(branch, names):
    return {names[child["customer"]]: branches(child, names) for child in branch["brought"]}


def test_the_evening_gives_the_trees_of_its_story(evening):
    names = customers(evening)
    for start, (who, brought) in EXPECTED.items():
        shown = evening.json("cascades", "show", start)
        assert shown["cascade"]["root_id"] == start
        assert names[shown["tree"]["customer"]] == names[shown["cascade"]["customer"]] == who
        assert branches(shown["tree"], names) == brought


def test_the_evening_gives_the_figures_of_its_story(evening):
    rows = evening.json("cascades", "list")
    figures = {
        row["root_id"]: (
            row["customers"], row["depth"], row["breadth"], row["touches"], row["converted"],
            float(row["revenue"]["EUR"]), row["half_reached_s"], row["all_reached_s"],
        )
        for row in rows
    }  # fmt: skip
    assert figures == {
        "ann-share": (7, 3, 4, 48, 7, 98.7, 1732, 6779),
        "ben-share": (5, 2, 3, 43, 5, 78.4, 2060, 4233),
        "rosa-review-lunch": (9, 1, 9, 17, 3, 234.9, 23664, 23784),
        "paul-review-lunch": (8, 1, 8, 15, 3, 216, 23033, 23153),
    }
    assert [row["customers"] for row in rows] == [9, 8, 7, 5]
    assert len(evening.json("cascades", "list", "--brand", "lumiere", "--limit", "1")) == 1


def test_influencers_of_the_evening_are_those_whom_others_followed(evening):
    names = customers(evening)
    rows = evening.rows("SELECT * FROM influencers WHERE brand = 'lumiere' ORDER BY rank")
    assert [(names[row["customer"]], row["rank"], row["customers"], row["direct"]) for row in rows] == [
        ("Ann", 1, 7, 4), ("Ben", 2, 5, 3), ("Emma", 3, 3, 2), ("Ines", 4, 2, 2), ("Kim", 5, 1, 1),
    ]  # fmt: skip


def test_conversion_by_generation_of_the_evening(evening):
    query = (
        "SELECT generation, g.customers AS customers, g.converted AS converted, g.revenue AS revenue"
        " FROM cascade_generations AS g INNER JOIN cascades AS c USING (root)"
        " WHERE c.root_id = 'ann-share' ORDER BY generation"
    )
    assert [list(row.values()) for row in evening.rows(query)] == [
        [1, 4, 4, {"EUR": 64.2}],
        [2, 2, 2, {"EUR": 22}],
        [3, 1, 1, {"EUR": 12.5}],
    ]


def test_order_repeats_and_batches_change_nothing(evening, tmp_path, write):
    expected = evening.rows(SUMMARY)
    lines = Path(EVENING).read_text().splitlines()
    random.Random(4).shuffle(lines)
    parts = lines[:9], lines[5:90], lines[80:], lines[:40]
    other = loaded(tmp_path, *(write(*part, name=f"{number}.ndjson") for number, part in enumerate(parts)))
    assert other.rows(SUMMARY) == expected
    assert "cascades      ok" in other("verify")


def test_parting_a_customer_changes_who_is_counted_and_nothing_else(evening):
    before = evening.rows(SUMMARY)
    pair = "social:instagram:chloe.dub", "email:chloe.dubois@example.com"
    evening("identity", "unlink", *pair)
    parted = evening.rows(SUMMARY)
    assert parted[0]["customers"] == before[0]["customers"] + 1
    people = {"customers", "converted", "breadth", "half_reached_s", "all_reached_s"}
    assert [{k: v for k, v in row.items() if k not in people} for row in parted] == [
        {k: v for k, v in row.items() if k not in people} for row in before
    ]
    evening("identity", "link", *pair)
    assert evening.rows(SUMMARY) == before


def test_an_alert_can_name_the_cascade_that_carries_it(evening):
    night = datetime(2026, 10, 17, 20, tzinfo=UTC), datetime(2026, 10, 17, 22, tzinfo=UTC)
    day = datetime(2026, 10, 17, tzinfo=UTC), datetime(2026, 10, 18, tzinfo=UTC)
    with closing(ClickHouse(f"{evening.environment['JOURNEY_STORE']}/clickhouse")) as store:
        film = leading(store, Window("lumiere", *day, {"content": "film-aurora"}))
        dinner = leading(store, Window("trattoria-sole", *night))
        anger = leading(store, Window("trattoria-sole", *day, direction=-1))
        assert leading(store, Window("lumiere", *night, {"place": "nowhere"})) is None
        with pytest.raises(ValueError, match="no scope colour: use channel, place"):
            leading(store, Window("lumiere", *day, {"colour": "red"}))
    advocates = _advocates(evening, "content = 'film-aurora'")
    assert (film.root_id, film.advocates, film.of) == ("ann-share", *advocates)
    assert (dinner.root_id, dinner.advocates) == ("rosa-review-lunch", 3)
    assert anger is None or anger.root_id == "rosa-review-lunch"


def _advocates(journey, where):
    """Return the people of Ann's tree, and all, who shared or praised: the slow way."""
    rows = journey.rows(
        "SELECT customer, type, rating, id FROM touchpoints WHERE brand = 'lumiere' AND " + where
    )
    gave = [
        r for r in rows if r["type"] == "social.share" or (r["type"] == "web.review" and r["rating"] >= 4)
    ]
    names = customers(journey)
    _, tree = EXPECTED["ann-share"]
    family = {"Ann", *tree, *tree["Emma"], "Nils"}
    known = {names[row["customer"]] for row in gave if row["id"] != "ann-review-film"}
    return len(known & family), len({row["customer"] for row in gave})


def test_a_tree_is_shown_with_who_brought_whom(evening):
    lines = evening("cascades", "show", "ann-share").splitlines()
    assert lines[0].startswith("ann-share  social.share · film-aurora  customer ")
    assert len([line for line in lines if "── customer " in line]) == 7
    assert lines[-1].startswith(
        "7 customers in 3 generations, 4 at most in one; 100% bought, 98.70 EUR; half "
    )
    table = evening("cascades", "list", "--brand", "chez-nous")
    assert "216.00 EUR" in table
    everything = evening("cascades", "list")  # of 80 columns: ids stay whole
    assert {row["root_id"] for row in evening.json("cascades", "list")} <= set(everything.split())
    evening("cascades", "show", "nothing", code=2)
    assert "no cascade starts from nothing" in evening.errors


def test_a_name_that_several_brands_have_is_asked_for_again(journey, write):
    rows = [
        event(f"{brand}-{i}", "web.click", cause="FRIEND10", brand=brand, handles={"cookie": f"[red]{i}"})
        for brand in ("acme", "apex")
        for i in range(14)
    ]
    journey("load", str(write(*rows)))
    journey("cascades", "show", "FRIEND10", code=2)
    assert "several cascades start from FRIEND10" in journey.errors
    shown = journey("cascades", "show", "FRIEND10", "--brand", "acme")
    assert "not sent so far" in shown
    assert "and 2 more" in shown
    assert "14 customers in 1 generations, 14 at most in one; 0% bought" in shown
    assert "FRIEND10" in journey("cascades", "list")


def test_a_share_code_names_the_event_that_carries_it(journey, write):
    journey("load", str(write(event("came", "web.purchase", cause="ANN10", amount=9.5, currency="EUR"))))
    shared = event(
        "shared",
        "social.share",
        "2026-11-01T11:00:00Z",
        handles={"social": "x:ann"},
        properties={"share_code": "ANN10"},
    )
    journey("load", str(write(shared)))
    (row,) = journey.json("cascades", "list")
    assert (row["root_id"], row["is_known"], row["customers"], row["revenue"]) == (
        "e-shared",
        True,
        1,
        {"EUR": "9.5000"},
    )
