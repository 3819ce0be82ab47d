"""Whether limits of who only reads hold is tried on the server, told in one line, and fails no command."""

from contextlib import closing

from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.limits_trial import MENDED, unheld
from streams.store.port import StoreError
from tests.on_server.conftest import Command


class Answers:
    """A store whose `query` gives one answer after another, and raises those that are errors."""

    def __init__(self, *answers: object) -> None:
        self.client = self
        self.server_version = "26.7.6.30"
        self._answers = list(answers)

    def query(self, *_: object) -> object:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ((answer,),)


def test_the_engine_of_this_process_is_mended_and_nothing_is_said(tmp_path):
    with closing(ClickHouse(f"chdb://{tmp_path}/clickhouse")) as store:
        assert unheld(store) == ""


def test_each_way_is_told_alone_and_what_cannot_be_tried_is_not():
    refused = QueryError("Cannot modify 'max_execution_time' setting in readonly mode. (READONLY)")
    assert unheld(Answers(refused, 7.0)) == ""
    assert unheld(Answers(StoreError("away"), StoreError("away"))) == ""
    reset, nested = unheld(Answers("0", refused)), unheld(Answers(refused, 9.0))
    assert "= DEFAULT lifts" in reset
    assert "subquery" not in reset
    assert "of a subquery lifts" in nested
    assert "DEFAULT" not in nested
    for told in (reset, nested):
        assert MENDED in told
        assert "26.7.6.30" in told


def test_who_makes_users_is_told_too_and_not_among_the_statements(journey: Command, store: ClickHouse):
    expected = unheld(store)
    printed = journey("analysts", "create", "ann", "--dry-run")
    assert expected in journey.errors
    assert "hold on this" not in printed
    journey("migrate")
    assert journey.errors == (f"journey: {expected}\n" if expected else "")
