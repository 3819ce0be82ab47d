"""The judge of readers' statements: what it refuses, what it lets pass, and that the engine stands without it."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import closing, suppress

import pytest

from streams.read_only import functions
from streams.read_only.functions import COMBINATORS, SYSTEM_TABLES, TABLE_FUNCTIONS
from streams.read_only.judge import Reach, RefusedError, Verdict
from streams.read_only.statement import Statement, reach, read
from streams.sql import reader
from streams.sql.reader import Reader
from streams.store.clickhouse import QueryError
from streams.store.confined import Confined, NotReadOnlyError
from tests.analysts.attacks import ATTACKS, REACHING
from tests.analysts.legitimate import OF_TOOLS, statements


@pytest.fixture(scope="module")
def opened(store, loaded):
    with closing(Reader(loaded / "clickhouse")) as found:
        yield found


@pytest.fixture(scope="module")
def within(store):
    return reach(store.query, "journey")


@pytest.fixture
def planted(tmp_path):
    """Return what an attack is given, and what tells whether it had its way."""
    with Planted(tmp_path) as made:
        yield made


class Planted:
    """A file with a secret, an empty folder, and a port that nobody may call."""

    def __init__(self, folder):
        self.secret, self.out = folder / "secret", folder / "out"
        self.secret.write_text("the-secret\n")
        self.out.mkdir()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.calls = 0

    def __enter__(self):
        threading.Thread(target=self._answer, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _answer(self):
        """Hang up on whoever calls: they need not wait for an answer."""
        with suppress(OSError):
            while True:
                caller, _ = self.listener.accept()
                self.calls += 1
                caller.close()

    def placed(self, attack):
        port = str(self.listener.getsockname()[1])
        return (
            attack.replace("FILE", str(self.secret)).replace("OUT", str(self.out / "x")).replace("PORT", port)
        )

    def harm(self):
        """Return what was written, and whether anybody called: when ours is answered, those before it were counted."""
        with socket.create_connection(self.listener.getsockname()) as ours:
            ours.settimeout(10)
            with suppress(ConnectionResetError):
                ours.recv(1)
        found = [path.name for path in self.out.iterdir()]
        others, self.calls = self.calls - 1, 0
        return [*found, "a connection"] if others else found


@pytest.mark.parametrize("attack", [*ATTACKS, *REACHING])
def test_what_does_more_than_read_the_tables_is_refused(within, store, planted, attack):
    if attack == "select '%(f)s'":
        return  # a text, and refused nowhere
    with pytest.raises((RefusedError, QueryError)):
        read(store.query, planted.placed(attack), within)


@pytest.mark.parametrize("attack", REACHING)
def test_with_the_judge_away_the_engine_itself_reaches_no_file_host_or_program(
    opened, monkeypatch, planted, attack
):
    monkeypatch.setattr(reader, "read", lambda _ask, sql, _reach: Statement(sql, Verdict(selects=True)))
    monkeypatch.setenv("JOURNEY_PLANTED", "the-secret")
    try:
        body = asyncio.run(opened.run(planted.placed(attack), {}, "TSVRaw")).body
    except (QueryError, RefusedError) as error:
        body = str(error).encode()
    assert b"the-secret" not in body
    assert b"JOURNEY_PLANTED" not in body
    assert planted.harm() == []


def test_without_the_confinement_these_attacks_do_what_they_may_not(tmp_path):
    """The attacks are real: an engine as it comes gives the file away, writes one, and calls the port."""
    code = """
import chdb, sys
connection = chdb.connect(sys.argv[1])
connection.query("SET http_max_tries = 1, connections_with_failover_max_tries = 1, s3_retry_attempts = 0, backup_restore_s3_retry_attempts = 0")
for attack in sys.argv[2:]:
    try:
        print(connection.query(attack, "TSVRaw").bytes())
    except Exception as error:
        print(error)
"""
    with Planted(tmp_path) as made:
        asked = [made.placed(attack) for attack in REACHING]
        words = [sys.executable, "-c", code, str(tmp_path / "engine"), *asked]
        told = subprocess.run(
            words,
            capture_output=True,
            text=True,
            env=os.environ | {"JOURNEY_PLANTED": "the-secret"},
            check=True,
        ).stdout
        assert told.count("the-secret") >= 8
        assert made.harm() == ["x", "a connection"]


def test_the_engine_itself_tells_what_is_more_than_one_reading_statement(store, loaded, planted):
    with closing(Confined(loaded / "clickhouse", "journey", {"max_execution_time": 5})) as connection:
        assert connection.query("SELECT 1", "TSV", {}).bytes() == b"1\n"
        for more in (
            "SELECT 1; SELECT 2",
            "SET readonly = 0",
            planted.placed("SELECT 1 INTO OUTFILE 'OUT'"),
            "DROP TABLE targets",
            "USE system",
        ):
            with pytest.raises(NotReadOnlyError):
                connection.query(more, "TSV", {})
    assert planted.harm() == []


def test_nobody_reaches_a_file_not_even_who_owns_the_store(store, planted):
    for attack in ("CREATE TABLE f (a String) ENGINE = File(CSV, 'OUT')", "CREATE TABLE u (a String) ENGINE = URL('http://127.0.0.1:PORT/', 'CSV')", "SELECT file('FILE')", "SELECT * FROM file('FILE', 'RawBLOB')"):  # fmt: skip
        with pytest.raises(QueryError):
            store.query(planted.placed(attack), {})
    assert planted.harm() == []


def test_500_statements_of_analysts_and_their_tools_pass(within, store):
    count = 0
    for sql, _ in statements():
        read(store.query, sql, within)
        count += 1
    assert count > 500


def test_statements_of_tools_have_their_answers_through_the_reader(opened):
    for sql in OF_TOOLS:
        assert asyncio.run(opened.run(sql, {}, "TSV")).format


def test_every_function_of_the_engine_was_looked_at(store):
    """New functions are refused until they are in one of the two lists: which, is for a person to say."""
    names = {str(name).lower() for (name,) in store.query("SELECT name FROM system.functions", {})}
    assert names - functions.allowed() - functions.refused() == set()
    assert functions.allowed() & functions.refused() == set()
    assert functions.refused() - names <= {"catboostevaluate"}  # of other builds
    combinators = {
        str(name) for (name,) in store.query("SELECT name FROM system.aggregate_function_combinators", {})
    }
    assert set(COMBINATORS) == combinators
    of_tables = {str(name).lower() for (name,) in store.query("SELECT name FROM system.table_functions", {})}
    assert of_tables & functions.allowed() <= TABLE_FUNCTIONS  # `x IN f(…)` may be either
    assert of_tables >= TABLE_FUNCTIONS - {"generateseries"}
    assert {
        str(name) for (name,) in store.query("SELECT name FROM system.tables WHERE database = 'system'", {})
    } >= SYSTEM_TABLES - {"constraints"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT unheardOf(1)",
        "SELECT unheardOfIf(1, 1)",
        "SELECT * FROM unheardOf(1)",
        "SELECT * APPLY unheardOf FROM targets",
    ],
)
def test_what_nobody_has_looked_at_is_refused_by_name(within, store, sql):
    with pytest.raises(RefusedError, match=r"function unheardOf\w* is not for readers"):
        read(store.query, sql, within)


def test_a_lambda_has_a_name_of_its_own_and_takes_no_other(within, store):
    read(store.query, "WITH (x -> x + 1) AS next SELECT next(1)", within)
    for name in ("file", "sleep", "fileIf"):
        with pytest.raises(RefusedError):
            read(store.query, f"WITH (x -> x) AS {name} SELECT {name}(1)", within)


def test_settings_are_those_that_the_reader_may_have_and_are_told(within, store):
    sql = "SELECT * FROM (SELECT 1 SETTINGS max_threads = 1) SETTINGS join_use_nulls = 1, session_timezone = 'Asia/Tokyo'"
    more = Reach(
        within.database,
        within.views,
        within.functions,
        within.databases,
        frozenset({"join_use_nulls", "session_timezone", "max_threads"}),
    )
    assert read(store.query, sql, more).judged.settings == {
        "join_use_nulls": "1",
        "session_timezone": "Asia/Tokyo",
        "max_threads": "1",
    }
    with pytest.raises(RefusedError, match="readers do not change the setting"):
        read(store.query, sql, within)


def test_what_a_statement_says_of_itself_is_known(within, store):
    judged = read(
        store.query,
        "SELECT {a:String}, '{b:String}', `{c:Int8}` FROM (SELECT 1 AS `{c:Int8}`) FORMAT JSONEachRow",
        within,
    ).judged
    assert judged == Verdict(selects=True, format="JSONEachRow", parameters=frozenset({"a"}), settings={})
    assert not read(store.query, "DESCRIBE TABLE targets", within).judged.selects
    with pytest.raises(RefusedError, match="no UTF-8"):
        read(store.query, r"SELECT '\xff'", within)
    with pytest.raises((RefusedError, QueryError)):
        read(store.query, "SELECT " + "upper(" * 900 + "'a'" + ")" * 900, within)


@pytest.mark.parametrize("blind", [False, True])
def test_planted_quotes_comments_and_escapes_let_nothing_through(blind):
    """In a process of its own, on an engine with every way open; with a judge that overlooks functions, harm is seen."""
    words = [
        sys.executable,
        "-m",
        "tests.analysts.fuzz",
        "600" if blind else "3000",
        "7",
        *(["blind"] if blind else []),
    ]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert bool(told["harmful"]) == blind, told
    assert told["passed"] > 50
    assert told["refused"] > 50
