"""Malformed requests at every port: no answer is 5xx, nothing is in the log, and the next request is answered."""

import pytest

from tests.ports.fuzz import Requests, press

PARTS = 600


@pytest.mark.parametrize("name", ["events", "sql", "metrics"])
def test_malformed_requests_break_nothing(up, name):
    found = press(up, name, PARTS, seed=7)
    assert found.total() > PARTS // 2
    assert {200, 400, 403, 404, 405} <= set(found)
    assert up.health_s() < 1


def test_the_same_seed_gives_the_same_requests():
    one, two = (Requests(5, "events", "key") for _ in range(2))
    assert [one.connection() for _ in range(50)] == [two.connection() for _ in range(50)]
