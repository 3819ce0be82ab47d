"""Stage alerts at work in both shells."""

import json
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from streams.alerts import actions
from streams.alerts.delivery.message import document, headline, text
from streams.alerts.delivery.picture import picture
from streams.alerts.delivery.receivers import Receiver
from streams.alerts.ledger import Ledger
from streams.alerts.rule_config import check
from streams.alerts.rule_queries import RULE_LIMITS, RuleQueries
from streams.alerts.watcher import Watcher
from streams.clock import from_us, system_clock
from streams.embedded.embedded import Embedded
from streams.settings import Settings, SettingsError
from streams.store.clickhouse import ClickHouse
from streams.store.port import StoreError
from tests.alerts.examples import NOW_US
from tests.alerts.test_rule_files import RULE, file
from tests.fixtures.directories import with_tables
from tests.on_server.conftest import copy, embedded

MINUTE_US, DAY_US = 60_000_000, 86_400_000_000


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A data directory with twelve customers, of whom four are advocates."""
    folder = tmp_path_factory.mktemp("rules") / "data"
    now_us = system_clock()  # as views of stages have it
    kinds = ["social.user_content"] * 4 + ["web.page_view"] * 8
    lines = [
        json.dumps(
            {"specversion": "1.0", "id": f"e{n}", "source": "test", "type": kind, "time": from_us(now_us).isoformat(),
             "data": {"brand": "acme", "handles": {"user": f"u{n}"}}}
        ).encode()
        for n, kind in enumerate(kinds)
    ]  # fmt: skip
    with Embedded(Settings(with_tables(folder), handle_key=bytes(32)), clock=lambda: now_us) as opened:
        opened.load([opened.edge().pack(lines, topic="file", now_us=now_us, first_offset=1)])
    return folder


class Opened(ClickHouse):
    """A store that can be opened once more, for rules."""

    def __init__(self, dsn):
        super().__init__(dsn)
        self.again = partial(ClickHouse, dsn, limits=RULE_LIMITS)


@pytest.fixture(scope="module")
def server(filled, clickhouse):
    with closing(Opened(clickhouse.database_with_tables())) as store, embedded(filled) as source:
        copy(source, store.client)
        yield store


@pytest.fixture(params=["embedded", "server"])
def store(request, filled):
    if request.param == "server":
        yield request.getfixturevalue("server")
        return
    with closing(Opened(f"chdb://{(filled / 'clickhouse').resolve()}")) as opened:
        yield opened


def targets(store, customers):
    store.client.insert(
        "targets",
        [["acme", "advocacy", "", from_us(NOW_US).date(), customers]],
        column_names=["brand", "stage", "channel", "due", "customers"],
    )


class Watch:
    """A watcher of rules whose clock is told."""

    def __init__(self, store, tmp_path, text):
        self.store, self.ledger = store, Ledger(store, store.insert)
        self.failed, self.now_us = [], system_clock() // DAY_US * DAY_US  # old figures are dropped
        self.queries = None
        self.start(file(tmp_path, text).rules)

    def start(self, rules=None):
        """Begin anew, with the same rules or others."""
        if rules is not None:
            self.close()
            check(self.store, rules, "alerts.toml")
            self.queries = RuleQueries(rules, self.store.again)
        self.watcher = Watcher(self.store, self.ledger, rules=self.queries, rule_failed=self.failed.append)

    def after(self, **span):
        """Poll as often as it takes for every rule that is due to be answered."""
        self.now_us += timedelta(**span) // timedelta(microseconds=1)
        told = self.watcher.poll(self.now_us)
        while self.queries.asking:
            time.sleep(0.01)
        return [*told, *self.watcher.poll(self.now_us)]

    def close(self):
        if self.queries is not None:
            self.queries.close()


@pytest.fixture
def watching(tmp_path):
    """Make watchers of rules."""
    with ExitStack() as stack:

        def made(store, text):
            watch = Watch(store, tmp_path, text)
            stack.callback(watch.close)
            return watch

        yield made


@pytest.mark.parametrize("store", ["embedded", "server"], indirect=True)
def test_a_target_that_is_missed_raises_one_alert_until_it_is_met(store, watching):
    targets(store, 8)
    watch = watching(store, """
        [[rule]]
        name = "advocates"
        sql = "SELECT brand, stage AS label, progress AS figure FROM target_progress WHERE stage = 'advocacy'"
        below = 0.75
        [[rule]]
        name = "behind"
        sql = "SELECT brand, stage AS label, progress AS figure, actual, target FROM target_progress WHERE stage = 'advocacy'"
        below = 0.75
        [[rule]]
        name = "many"
        sql = "SELECT brand, stage AS label, customers AS figure FROM stage_population"
        above = 3
        every = "5m"
        severity = "critical"
        """)  # fmt: skip
    told = {told.change.alert.direction: told for told in watch.after(seconds=0)}
    assert (
        headline(told["advocates"])
        == "acme: advocates (advocacy): 0.5, below the limit of 0.75 by 0.25 (33%), since 00:00 UTC"
    )
    assert (
        headline(told["behind"])
        == "acme: behind (advocacy): 4 of 8 customers, 50% below the target, since 00:00 UTC"
    )
    stages = [t.change.alert.scope.value for t in watch.ledger.newest() if t.change.alert.direction == "many"]
    assert sorted(stages) == ["advocacy", "none"]
    assert told["many"].change.alert.severity == "critical"
    said = document(told["advocates"])["data"]
    assert (said["rule"], said["people"], said["expected"]) == ("advocates", 0.5, 0.75)
    assert "target_progress" in told["advocates"].reason["sql"]
    assert "target_progress" not in text(told["advocates"])
    assert watch.after(minutes=1) == []
    alert = told["advocates"].change.alert.id
    actions.ack(watch.ledger, alert, "ada", watch.now_us)
    (taken,) = watch.after(minutes=1)
    assert (taken.change.what, taken.change.alert.id) == ("acknowledged", alert)
    watch.start()
    actions.silence(watch.ledger, "ada", watch.now_us, span=timedelta(days=1), rule="advocates")
    targets(store, 4)
    assert watch.after(minutes=10) == []
    ended = {told.change.alert.direction: told for told in watch.after(minutes=25)}
    over = ended["advocates"]
    assert (over.change.what, over.change.alert.id, over.silenced) == ("resolved", alert, True)
    assert headline(ended["behind"]).startswith(
        "over: acme: behind (advocacy): 4 of 4 customers, the target is reached, since"
    )
    assert picture(over).startswith(b"\x89PNG")
    watch.start(rules=[])
    assert {told.change.what for told in watch.after(minutes=1)} == {"resolved"}
    assert actions.listed(watch.ledger) == []
    (late,) = watch.after(days=1)  # receivers have it as open, and the silence is over
    assert (late.change.what, late.change.alert.id, late.silenced) == ("resolved", alert, False)
    assert watch.after(minutes=1) == []


@pytest.mark.parametrize("store", ["embedded", "server"], indirect=True)
def test_a_figure_is_compared_with_what_it_was_then_over_starts(store, watching):
    targets(store, 100)
    watch = watching(store, """
        [[rule]]
        name = "cut"
        sql = "SELECT brand, target AS figure FROM target_progress"
        falls_by = 0.2
        over = "1d"
        every = "1h"
        """)  # fmt: skip
    assert watch.after(seconds=0) == []
    targets(store, 70)
    assert watch.after(hours=2) == []  # nobody knows yet what it was a day ago
    watch.start()
    (told,) = watch.after(hours=23)
    assert (
        headline(told)
        == "acme: cut: 70, below the limit of 80 by 10 (12%); 100 1 d before, -30%, since 01:00 UTC"
    )
    (over,) = watch.after(hours=24)
    assert over.change.what == "resolved"
    targets(store, 100)
    watch.after(hours=48)


@pytest.mark.parametrize("store", ["embedded", "server"], indirect=True)
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1", "has no column figure, but 1"),
        ("SELECT 'x' AS figure", "column figure is String: must be a number"),
        ("SELECT 1 AS figure, 2 AS stage", "column stage: unknown"),
        ("SELECT 1 AS figure, 2 AS target", "columns actual and target: both or none"),
        ("SELECT 1 AS figure, 2 AS target, 'x' AS actual", "column actual is String: must be a number"),
        ("SELECT figur AS figure", "figur"),
        ("SELECT", "Syntax error"),
        ("DROP TABLE alerts", "is not for readers"),
        ("INSERT INTO targets (brand) VALUES ('x')", "is not for readers"),
        ("SELECT count() AS figure FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", "the table function url is not for readers"),
        ("SELECT count() AS figure FROM (SELECT * FROM file('/etc/passwd', 'LineAsString'))", "file is not for readers"),
        ("SELECT length(file('/etc/passwd')) AS figure", "file is not for readers"),
        ("SELECT count() AS figure FROM system.processes", "system.processes is not for readers"),
        ("SELECT 1 AS figure SETTINGS max_execution_time = 0", "readers do not change"),
        ("SELECT sleep(3) AS figure", "the function sleep is not for readers"),
        ("SELECT length(arrayMap(file, ['/etc/passwd'])[1]) AS figure", "file is not for readers"),
        ("SELECT 1 AS figure INTO OUTFILE '/nowhere'", "INTO OUTFILE"),
        ("SELECT * APPLY file FROM (SELECT '/etc/passwd' AS figure)", "is not for readers"),
        ("SHOW TABLES", "SELECT"),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_used_or_does_more_than_read_is_refused_at_the_start(
    store, watching, sql, said
):
    with pytest.raises(SettingsError) as error:
        watching(store, RULE.replace("SELECT 1 AS figure", sql))
    assert "rule 'low': sql: " in str(error.value)
    assert said in str(error.value)


def test_a_rule_that_fails_does_not_hold_up_the_others(server, tmp_path, watching):
    watch = watching(server, RULE.replace("SELECT 1 AS figure", "SELECT throwIf(now() > 0) AS figure") + RULE.replace('"low"', '"other"'))  # fmt: skip
    assert [told.change.alert.direction for told in watch.after(seconds=0)] == ["other"]
    assert watch.failed == ["low"]
    twice = RULE.replace("SELECT 1 AS figure", "SELECT arrayJoin([1, 2]) AS figure").replace(
        '"low"', '"twice"'
    )
    watch.start(file(tmp_path, twice).rules)
    watch.after(minutes=5)
    assert watch.failed == ["low", "twice"]


@pytest.mark.parametrize("store", ["embedded", "server"], indirect=True)
def test_a_slow_rule_holds_up_no_look_is_asked_once_at_a_time_and_has_its_limit(store, watching):
    slow = "SELECT sum(sleepEachRow(0.05)) + 1 AS figure FROM numbers(80)"
    watch = watching(store, RULE.replace('"low"', '"slow"'))
    watch.close()
    rules = [replace(one, sql=slow) for one in watch.queries.rules]  # no rule of a file may sleep
    row_by_row = RULE_LIMITS | {"max_block_size": 1}
    watch.queries = RuleQueries(rules, partial(store.again, limits=row_by_row))
    watch.start()
    watch.watcher.poll(watch.now_us)
    took_s = []
    for _ in range(5):
        began_s = time.monotonic()
        assert watch.watcher.poll(watch.now_us + DAY_US) == []  # it is due again, and not asked again
        took_s.append(time.monotonic() - began_s)
    assert sum(took_s) < 3, took_s
    assert watch.queries.asking
    while watch.queries.asking:
        time.sleep(0.05)
    (told,) = watch.watcher.poll(watch.now_us)
    assert (told.change.alert.direction, told.change.alert.people) == ("slow", 1)
    assert not watch.queries.asking

    hurried = partial(store.again, limits=row_by_row | {"max_execution_time": 0.3})
    with closing(RuleQueries(watch.queries.rules, hurried)) as queries:
        queries.ask(watch.now_us)
        while queries.asking:
            time.sleep(0.02)
        (found,) = queries.found()
        assert "TIMEOUT_EXCEEDED" in found.failed
        assert queries.found() == []


def test_an_answer_whose_alert_could_not_be_stored_is_asked_for_anew_however_seldom_that_is(server, watching):
    watch = watching(server, RULE.replace('"low"', '"seldom"').replace("below", 'every = "7d"\nbelow'))

    def insert(table, rows):
        if "seldom" in rows.column("direction").to_pylist():
            raise StoreError(f"{table} takes none of these")
        server.insert(table, rows)

    watch.ledger = Ledger(server, insert)
    watch.start()
    with pytest.raises(StoreError, match="none of these"):
        watch.after(seconds=0)
    watch.ledger = Ledger(server, server.insert)
    watch.start()
    raised = [t.change.alert.direction for t in watch.after(seconds=1) if t.change.what == "opened"]
    assert raised == ["seldom"]


def test_a_receiver_may_choose_rules(server, watching):
    watch = watching(server, RULE.replace('"low"', '"chosen"'))
    told = next(t for t in watch.after(hours=9) if t.change.alert.direction == "chosen")
    made = {"name": "r", "kind": "slack", "url": "https://example.com", "directions": ["against"]}
    wants = [Receiver(**made, **more).wants(told) for more in ({}, {"rules": ["chosen"]}, {"rules": ["low"]}, {"rules": []})]  # fmt: skip
    assert wants == [True, True, False, False]
