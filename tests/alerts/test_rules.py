"""Stage alerts: the file's mistakes, the life of an alert on a figure, and rules at work in both shells."""

import json
import time
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import partial

import pytest

from journey.alerts import Figure, Limit, Rule, follow
from streams import migrations
from streams.alerts import answers
from streams.alerts.delivery.message import document, headline, text
from streams.alerts.delivery.picture import picture
from streams.alerts.delivery.receivers import Receiver
from streams.alerts.file import read
from streams.alerts.ledger import Ledger
from streams.alerts.querying import RULE_LIMITS, RuleQueries
from streams.alerts.rules import check
from streams.alerts.watcher import Watcher
from streams.clock import from_us, system_clock
from streams.embedded import Embedded
from streams.ports import StoreError
from streams.settings import Settings, SettingsError
from streams.store import ClickHouse
from tests.alerts.examples import NOW_US
from tests.server.conftest import copy, embedded

MINUTE_US, DAY_US = 60_000_000, 86_400_000_000
RULE = """
[[rule]]
name = "low"
sql = "SELECT 1 AS figure"
below = 5
"""


def file(tmp_path, text):
    path = tmp_path / "alerts.toml"
    path.write_text(text)
    return read(path, {}.get)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("name = ", "nam = "), "rule 1: name: Field required"),
        (('"low"', '"a b"'), "rule 'a b': name: String should match"),
        (('"low"', '"for"'), "rule 'for': name: 'for' is a direction"),
        (("below = 5", "below = '5'"), "rule 'low': below: Input should be a valid number"),
        (("below = 5", "below = nan"), "rule 'low': below: Input should be a finite number"),
        (("below = 5", ""), "rule 'low': one of above, below, rises_by, falls_by says when to alert; none is given"),
        (("below = 5", "below = 5\nabove = 9"), "rule 'low': one of above, below, rises_by, falls_by says when to alert; above and below are given"),
        (("below = 5", "falls_by = 0.2"), "rule 'low': over: falls_by needs it"),
        (("below = 5", "falls_by = 2\nover = '7d'"), "rule 'low': falls_by: Input should be less than or equal to 1"),
        (("below = 5", "below = 5\nover = '7d'"), "rule 'low': over: is only for rises_by and falls_by"),
        (("below = 5", "rises_by = 1\nover = '1s'"), "rule 'low': over: must be from every to 90d"),
        (("below = 5", "below = 5\nevery = 'often'"), "rule 'low': every: must be a number with s, m, h or d"),
        (("below = 5", "below = 5\nevery = '1s'"), "rule 'low': every: must be from 10s to 7d"),
        (("below = 5", "below = 5\nevery = 60"), "rule 'low': every: must be a number with s, m, h or d"),
        (("below = 5", "below = 5\nseverity = 'bad'"), "rule 'low': severity: Input should be 'notice'"),
        (("below = 5", "below = 5\ncolour = 'red'"), "rule 'low': colour: Extra inputs are not permitted"),
        (("SELECT 1 AS figure", "SELECT 1; DROP TABLE alerts"), "rule 'low': sql: must be one query"),
        (("[[rule]]", "[rule]"), "rule: must be tables [[rule]]"),
        (("[[rule]]", "[[rules]]"), "rules: unknown; there are tables [[receiver]] and [[rule]]"),
        (("below = 5", "below = 5\n" + RULE), "rule: name: 'low' is used twice"),
        (("below = 5", "below = 5\n[[receiver]]\nname='r'\nkind='slack'\nurl='https://example.com'\nrules=['high']"), "receiver 'r': rules: there is no rule 'high'"),
        (("below = 5", "below = 5\n[[receiver]]\nname='r'\nkind='slack'\nurl='https://example.com'\ndirections=['up']"), "receiver 'r': directions.0: Input should be 'for' or 'against'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_told_with_its_key(tmp_path, change, said):
    with pytest.raises(SettingsError) as error:
        file(tmp_path, RULE.replace(*change))
    assert said in str(error.value)


def looks(rule, *values, every_us=10 * MINUTE_US, before=None):
    alert, said = None, []
    for number, value in enumerate(values):
        seen = Figure("acme", "", value, before, NOW_US + number * every_us)
        alert, change = follow(alert, seen, rule)
        said.append(change.what if change else "")
    return said, alert


def test_a_figure_that_crosses_its_limit_has_the_life_of_an_alert():
    rule = Rule("low", Limit("below", 100), calm=timedelta(minutes=20), cooldown=timedelta(hours=1))
    said, alert = looks(rule, 120, 90, 91, 75, None, 55, 101, 101, 102, 99, 120, 120, 120)
    assert said == ["", "opened", "", "grew", "", "", "", "resolved", "", "reopened", "", "resolved", ""]
    assert (alert.open, alert.people, alert.expected) == (False, 120, 100)
    again, _ = looks(rule, 90, 101, 101, *[101] * 7, 90)
    assert again == ["opened", "", "resolved", *[""] * 7, "opened"]


@pytest.mark.parametrize(
    ("limit", "before", "kept", "broken"),
    [
        (Limit("above", 5), None, 5, 5.1),
        (Limit("below", 5), None, 5, 4.9),
        (Limit("rises_by", 0.5), 10, 15, 15.1),
        (Limit("falls_by", 0.2), 10, 8, 7.9),
        (Limit("falls_by", 1), 10, 0, -1),
        (Limit("rises_by", 0.5), -10, -5, -4.9),
    ],
)
def test_a_limit_is_broken_beyond_it_and_not_at_it(limit, before, kept, broken):
    assert looks(Rule("r", limit), kept, before=before)[0] == [""]
    assert looks(Rule("r", limit), broken, before=before)[0] == ["opened"]


def test_what_is_not_known_raises_nothing():
    assert looks(Rule("r", Limit("rises_by", 0.5)), 5, 500)[0] == ["", ""]


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
    with Embedded(Settings(folder, handle_key=bytes(32)), clock=lambda: now_us) as opened:
        opened.load([opened.edge().pack(lines, topic="file", now_us=now_us, first_offset=1)])
    return folder


class Opened(ClickHouse):
    """A store that can be opened once more, for rules."""

    def __init__(self, dsn):
        super().__init__(dsn)
        self.again = partial(ClickHouse, dsn, limits=RULE_LIMITS)


@pytest.fixture(scope="module")
def server(filled, clickhouse):
    with closing(Opened(clickhouse.fresh_database())) as store, embedded(filled) as source:
        store.make_database()
        migrations.apply(store.client)
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
        name = "many"
        sql = "SELECT brand, stage AS label, customers AS figure FROM stage_population"
        above = 3
        every = "5m"
        severity = "critical"
        """)  # fmt: skip
    told = {told.change.alert.direction: told for told in watch.after(seconds=0)}
    assert headline(told["advocates"]) == "acme: advocates (advocacy): 0.5, limit 0.75, since 00:00 UTC"
    stages = [t.change.alert.scope.value for t in watch.ledger.newest() if t.change.alert.direction == "many"]
    assert sorted(stages) == ["advocacy", "none"]
    assert told["many"].change.alert.severity == "critical"
    said = document(told["advocates"])["data"]
    assert (said["rule"], said["people"], said["expected"]) == ("advocates", 0.5, 0.75)
    assert "target_progress" in text(told["advocates"])
    assert watch.after(minutes=1) == []
    alert = told["advocates"].change.alert.id
    answers.ack(watch.ledger, alert, "ada", watch.now_us)
    (taken,) = watch.after(minutes=1)
    assert (taken.change.what, taken.change.alert.id) == ("acknowledged", alert)
    watch.start()
    answers.silence(watch.ledger, "ada", watch.now_us, span=timedelta(days=1), rule="advocates")
    targets(store, 4)
    assert watch.after(minutes=10) == []
    (over,) = watch.after(minutes=25)
    assert (over.change.what, over.change.alert.id, over.silenced) == ("resolved", alert, True)
    assert picture(over).startswith(b"\x89PNG")
    watch.start(rules=[])
    assert {told.change.what for told in watch.after(minutes=1)} == {"resolved"}
    assert answers.listed(watch.ledger) == []


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
    assert headline(told) == "acme: cut: 70, limit 80 (100 1 d before), since 01:00 UTC"
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
        ("SELECT figur AS figure", "figur"),
        ("SELECT", "Syntax error"),
        ("DROP TABLE alerts", "DropQuery is not for readers"),
        ("INSERT INTO targets (brand) VALUES ('x')", "InsertQuery is not for readers"),
        ("SELECT count() AS figure FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", "the function url is not for readers"),
        ("SELECT count() AS figure FROM (SELECT * FROM file('/etc/passwd', 'LineAsString'))", "file is not for readers"),
        ("SELECT length(file('/etc/passwd')) AS figure", "file is not for readers"),
        ("SELECT count() AS figure FROM system.processes", "system.processes is not for readers"),
        ("SELECT sleep(3) AS figure SETTINGS max_execution_time = 0", "readers change nothing, and no settings"),
        ("SHOW TABLES", "Syntax error"),
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
    watch = watching(store, RULE.replace("SELECT 1 AS figure", slow).replace('"low"', '"slow"'))
    watch.close()
    row_by_row = RULE_LIMITS | {"max_block_size": 1}
    watch.queries = RuleQueries(watch.queries.rules, partial(store.again, limits=row_by_row))
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
