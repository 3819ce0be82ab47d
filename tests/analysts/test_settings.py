"""Settings that come with a query: what is honoured, for it alone; what is passed over; what is refused, and how."""

import re
from contextlib import closing

import clickhouse_connect
import pytest

from streams.read_only.refusals import RefusedSettingError
from streams.sql import reader_settings
from streams.sql.reader import Reader
from streams.sql.reader_settings import FILTERS, chosen, is_for_readers, may_be_sent
from tests.analysts.test_queries import Web
from tests.analysts.test_up import TOKEN, address, up  # noqa: F401 - fixtures

VALUES = "SELECT toUInt64(7) AS n, NULL AS nothing FORMAT JSONEachRow"
HONOURED = [
    ({"session_timezone": "Asia/Tokyo"}, "SELECT timezone(), toDateTime(0)", "Asia/Tokyo\t1970-01-01 09:00:00\n"),
    ({"date_time_output_format": "iso"}, "SELECT toDateTime(0, 'UTC')", "1970-01-01T00:00:00Z\n"),
    ({"output_format_json_quote_64bit_integers": "1"}, VALUES, '{"n":"7","nothing":null}\n'),
    ({"output_format_decimal_trailing_zeros": "1"}, "SELECT toDecimal32(1, 2)", "1.00\n"),
    ({"format_tsv_null_representation": "none"}, "SELECT NULL", "none\n"),
    ({"bool_true_representation": "yes"}, "SELECT true", "yes\n"),
    ({"join_use_nulls": "1"}, "SELECT b.x FROM (SELECT 1 AS k) AS a LEFT JOIN (SELECT 2 AS k, 3 AS x) AS b USING (k)", "\\N\n"),
    ({"union_default_mode": "DISTINCT"}, "SELECT count() FROM (SELECT 1 UNION SELECT 1)", "1\n"),
    ({"aggregate_functions_null_for_empty": "1"}, "SELECT sum(number) FROM numbers(5) WHERE number > 9", "\\N\n"),
    ({"limit": "2", "offset": "1"}, "SELECT number FROM numbers(9)", "1\n2\n"),
    ({"max_block_size": "1"}, "SELECT max(blockSize()) FROM numbers(9)", "1\n"),
    ({"max_threads": "1"}, "SELECT getSetting('max_threads')", "1\n"),
    ({"additional_table_filters": "{'system.numbers': 'number > 4'}"}, "SELECT min(number) FROM (SELECT number FROM system.numbers LIMIT 9)", "5\n"),
    ({"additional_result_filter": "number = 4"}, "SELECT number FROM numbers(9)", "4\n"),
    ({"max_result_rows": "2", "result_overflow_mode": "break", "max_block_size": "1"}, "SELECT number FROM numbers(9)", "0\n1\n"),
]  # fmt: skip
REFUSED = [
    ({"max_execution_time": "0"}, 452, "max_execution_time shouldn't be 0"),
    ({"max_execution_time": "121"}, 452, "max_execution_time shouldn't be greater than 120"),
    ({"max_execution_time": "0.0"}, 452, "max_execution_time"),
    ({"max_execution_time": "-1"}, 6, "max_execution_time must be a number above 0"),
    ({"max_execution_time": "nan"}, 6, "max_execution_time"),
    ({"max_memory_usage": "0"}, 452, "max_memory_usage"),
    ({"max_memory_usage": "1000000001"}, 452, "max_memory_usage"),
    ({"max_result_rows": "0"}, 452, "max_result_rows"),
    ({"max_result_bytes": "18446744073709551615"}, 6, "max_result_bytes"),
    ({"max_rows_to_read": "0"}, 452, "max_rows_to_read"),
    ({"readonly": "0"}, 164, "readonly"),
    ({"allow_ddl": "1"}, 164, "allow_ddl"),
    ({"allow_introspection_functions": "1"}, 164, "allow_introspection_functions"),
    ({"output_format_schema": "/tmp/schema"}, 164, "output_format_schema"),  # noqa: S108 - refused
    ({"format_schema": "x"}, 164, "format_schema"),
    ({"format_template_row": "/etc/passwd"}, 164, "format_template_row"),
    ({"dialect": "prql"}, 164, "dialect"),
    ({"implicit_select": "0"}, 164, "implicit_select"),
    ({"profile": "default"}, 164, "profile"),
    ({"nonsense": "1"}, 164, "nonsense"),
    ({"a\r\nb": "1"}, 164, "'a??b'"),
    ({"session_timezone": "Nowhere/Else"}, 36, "Nowhere/Else"),
    ({"join_use_nulls": "perhaps"}, 467, "perhaps"),
    ({"additional_table_filters": "{'journey.targets': 'file(\\'/etc/passwd\\') != \\'\\''}"}, 164, "file"),
    ({"additional_table_filters": "{'journey.targets': '1 IN (SELECT 1 FROM write_keys)'}"}, 164, "write_keys"),
    ({"additional_table_filters": "{'system.one': '1) UNION ALL (SELECT 1'}"}, None, ""),
    ({"additional_result_filter": "1 IN (SELECT 1 FROM journey.erasing)"}, 164, "erasing"),
    ({"additional_table_filters": "nonsense"}, 27, "Map"),
]  # fmt: skip
PASSED_OVER = (
    "send_progress_in_http_headers http_headers_progress_interval_ms wait_end_of_query session_id session_timeout buffer_size"
    " quota_key log_queries cancel_http_readonly_queries_on_client_close async_insert insert_deduplicate query_id role"
)


@pytest.fixture(scope="module")
def web(store, loaded):
    with closing(Reader(loaded / "clickhouse")) as reader:
        yield Web(reader)


@pytest.mark.parametrize(("settings", "sql", "answer"), HONOURED)
def test_what_changes_answers_is_honoured_and_not_by_the_next_query(web, settings, sql, answer):
    shown = web.post("/", content=sql, params=settings)
    assert (shown.status_code, shown.text) == (200, answer)
    for _ in range(4):  # on every thread
        assert web.post("/", content=sql).text != answer


def test_extremes_are_told_where_the_format_has_them(web):
    asked = {"extremes": "1", "default_format": "JSONCompact"}
    assert web.post("/", content="SELECT number FROM numbers(3)", params=asked).json()["extremes"] == {
        "min": [0],
        "max": [2],
    }


@pytest.mark.parametrize(("settings", "code", "words"), REFUSED)
def test_what_lifts_a_limit_or_is_not_for_readers_is_refused_in_words(web, settings, code, words):
    answer = web.post("/", content="SELECT * FROM system.one", params=settings)
    assert answer.status_code >= 400
    assert words in answer.text
    assert re.fullmatch(r"Code: \d+\. DB::Exception: [^\r\n]*\([A-Z_]+\)\n", answer.text)
    if code is not None:
        assert answer.headers["x-clickhouse-exception-code"] == str(code)
        assert answer.text.startswith(f"Code: {code}. ")


@pytest.mark.parametrize("sql", ["INSERT INTO targets (brand) VALUES ('x')", "DROP TABLE targets", "ALTER TABLE targets DELETE WHERE 1", "CREATE TABLE t (a Int8) ENGINE = Memory", "SYSTEM STOP MERGES", "SELECT 1 SETTINGS readonly = 0"])  # fmt: skip
def test_the_refusal_of_a_write_ends_as_clickhouse_s_does(web, sql):
    answer = web.post("/", content=sql)
    assert answer.headers["x-clickhouse-exception-code"] == "164"
    assert answer.text.endswith("(READONLY)\n")


def test_a_setting_that_would_blind_the_judge_does_not(web):
    """What a statement is, is asked of the engine too: no limit or filter of the query's may cut that answer."""
    for settings in (
        {"offset": "1"},
        {"additional_result_filter": "0"},
        {"max_result_rows": "1", "result_overflow_mode": "break", "max_block_size": "1"},
        {"limit": "1"},
    ):
        answer = web.post("/", content="SELECT 1, (SELECT count() FROM write_keys)", params=settings)
        assert "write_keys is not for readers" in answer.text


def test_more_threads_than_there_are_for_readers_are_as_many_as_there_are(web):
    asked = {"max_threads": "64"}
    assert web.post("/", content="SELECT getSetting('max_threads')", params=asked).text == "2\n"


def test_what_has_no_effect_on_answers_is_passed_over(web):
    for name in PASSED_OVER.split():
        assert web.post("/", content="SELECT 1", params={name: "1"}).text == "1\n"
    assert web.post("/", content="SELECT 1", params={"readonly": "1"}).text == "1\n"


def test_every_setting_of_the_engine_is_known_to_be_harmless_or_is_refused(web):
    names = web.post("/", content="SELECT name FROM system.settings").text.split()
    taken = {name for name in names if may_be_sent(name)}
    assert len(names) > 1_000
    assert len(taken) < 400
    reaching = r"_path$|_url$|schema$|template|_file|secret|^allow_ddl|^dialect"
    assert not [name for name in taken if re.search(reaching, name) and is_for_readers(name)]
    tables = (reader_settings._ANSWERS, reader_settings._FREE_LIMITS, FILTERS, reader_settings.LIMITS)
    assert {name for table in tables for name in table} <= set(names)
    refused = [name for name in names if name.startswith("output_format_") and not is_for_readers(name)]
    assert sorted(refused)[:2] == ["output_format_avro_confluent_subject", "output_format_avro_rows_in_file"]
    for name in set(names) - taken - {"readonly"}:
        with pytest.raises(RefusedSettingError, match=f"'{name}'"):
            chosen({name: "1"})


def test_clickhouse_connect_sends_them_and_is_told_which_it_may(address):  # noqa: F811 - a fixture
    port = int(address.rpartition(":")[2])
    with closing(
        clickhouse_connect.get_client(
            host="127.0.0.1",
            port=port,
            username="a",
            password=TOKEN,
            settings={"session_timezone": "Asia/Tokyo"},
        )
    ) as client:
        assert client.command("SELECT timezone()") == "Asia/Tokyo"
        asked = {"join_use_nulls": 1, "additional_table_filters": {"system.numbers": "number > 4"}}
        assert client.command("SELECT number FROM system.numbers LIMIT 1", settings=asked) == 5
        with pytest.raises(clickhouse_connect.driver.exceptions.Error, match="allow_ddl"):
            client.command("SELECT 1", settings={"allow_ddl": 0})
