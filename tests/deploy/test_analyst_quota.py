"""What bounds the user analyst where its limits do not: the quota and its grants, whatever becomes of settings."""

import time

from tests.deploy.clickhouse import Deployed
from tests.deploy.test_analyst_limits import ask

QUOTA = "<clickhouse><quotas><analyst><interval>{}</interval></analyst></quotas></clickhouse>"
RESET = " SETTINGS max_execution_time = DEFAULT, max_memory_usage = DEFAULT, max_threads = 1"


def with_quota(server: Deployed, limits: str) -> None:
    """Start the server anew with these in place of the file's; what was used until now is forgotten."""
    (server.folder / "users.d" / "quota.xml").write_text(QUOTA.format(limits))
    server.restart()


def test_seconds_end_a_query_that_gives_rows_and_refuse_the_next(server: Deployed) -> None:
    with_quota(server, "<execution_time>2</execution_time>")
    began = time.monotonic()
    endless = "SELECT sipHash64(number) FROM numbers(1000000000000)"
    for settings in (RESET, " SETTINGS max_threads = 1"):
        assert "QUOTA_EXCEEDED" in ask(server, f"{endless}{settings} FORMAT Null")[1]
    assert time.monotonic() - began < 10
    assert "execution_time = 2" in ask(server, "SELECT count() FROM numbers(10)")[1]


def test_rows_that_are_read_end_a_query_that_gives_none(server: Deployed) -> None:
    with_quota(server, "<read_rows>20000000</read_rows>")
    endless = f"SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1{RESET}"
    assert "QUOTA_EXCEEDED" in ask(server, endless)[1]
    assert "read_rows = 2" in ask(server, "SELECT count() FROM numbers(10)")[1]


def test_the_quota_as_it_is_shipped_lets_dashboards_ask(server: Deployed) -> None:
    (server.folder / "users.d" / "quota.xml").unlink(missing_ok=True)
    server.restart()
    for _ in range(100):
        assert ask(server, "SELECT count() FROM numbers(1000)") == (200, "1000\n")


def test_who_has_left_readonly_may_write_no_more_than_before(server: Deployed) -> None:
    ask(server, "SET readonly = DEFAULT", session_id="out")  # refused, where ClickHouse is mended
    for sql in (
        "CREATE TABLE journey.mine (x UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE mine (x UInt8)",
        "INSERT INTO FUNCTION file('x.csv', 'CSV', 'x UInt8') VALUES (1)",
        "CREATE FUNCTION mine AS x -> x",
        "ALTER USER analyst SETTINGS max_threads = 3",
        "BACKUP DATABASE journey TO File('mine')",
        "KILL QUERY WHERE 1 SYNC",
        "SYSTEM FLUSH LOGS",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'x UInt8')",
        "SELECT * FROM system.processes",
    ):
        text = ask(server, sql, session_id="out")[1]
        assert "ACCESS_DENIED" in text or "READONLY" in text, (sql, text)
