"""`journey dead-letters drop` on a server: given several times at once, every letter is counted once in the books."""

from contextlib import closing

import pytest

DROP = ("dead-letters", "drop", "--reason", "not_json")


@pytest.fixture
def working(deploy):
    deployment = deploy(partitions=2)
    deployment.worker()
    return deployment


def letters(deployment, number: int, name: str) -> None:
    deployment.publish([b"no event %d %s" % (n, name.encode()) for n in range(number)], size=7)
    deployment.settle()


def booked(deployment) -> list[int]:
    """Return what the books say of each drop, the smallest first; nothing else is left of them."""
    with closing(deployment.store()) as store:
        assert store.rows("SELECT * FROM dead_letters") == []
        assert store.rows("SELECT * FROM dead_letter_drops") == []
        rows = store.rows("SELECT dead_letters AS n FROM erasures WHERE what = 'dead letters' ORDER BY n")
        return [row["n"] for row in rows]


@pytest.mark.parametrize(
    ("point", "counted"),
    [
        ("letters.drop.before", (0, 20)),
        ("letters.drop.after", (20, 0)),
        ("letters.receipt.before", (20, 0)),
        ("letters.delete.before", (20, 0)),
        ("letters.clear.before", (20, 0)),
    ],
)
def test_one_that_stood_still_while_another_went_on_counts_no_letter_twice(working, point, counted):
    letters(working, 20, "first")
    stopped = working.begun(*DROP, JOURNEY_FAULT=f"{point}:1:STOP")
    other = working.json(*DROP)
    assert (stopped()["dropped"], other["dropped"]) == counted
    assert booked(working) == [20]


def test_several_at_once_all_end_well_and_share_the_letters(working):
    letters(working, 20, "first")
    dropped = [ended()["dropped"] for ended in [working.begun(*DROP) for _ in range(4)]]
    assert sorted(dropped) == [0, 0, 0, 20]
    letters(working, 5, "later")
    assert working.json(*DROP) == {"dropped": 5}
    assert booked(working) == [5, 20]
