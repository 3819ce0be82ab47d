"""deploy/docs/guide/bi.md names settings, commands and files that there are."""

import re
from pathlib import Path

from streams.settings import ENVIRONMENT
from streams.sql import reader, reader_settings

FILE = Path(__file__).parents[2] / "deploy" / "docs" / "guide" / "bi.md"
TEXT = FILE.read_text(encoding="utf-8")
OF_OTHERS = {
    "JOURNEY_SQL",
    "JOURNEY_CLICKHOUSE_HOST",
    "JOURNEY_PROMETHEUS_URL",
}  # of the notebook and of Grafana


def test_its_settings_and_files_are_there():
    assert set(re.findall(r"JOURNEY_[A-Z]+(?:_[A-Z]+)*", TEXT)) <= set(ENVIRONMENT) | OF_OTHERS
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert target.startswith("https://") or (FILE.parent / target).exists(), target


def test_its_limits_are_the_reader_s():
    assert "within 30 s, 1 GB of memory,\na million rows and 64 MB" in TEXT
    limits = reader_settings.LIMITS
    assert limits["max_execution_time"] == 30
    assert limits["max_memory_usage"] == 10**9
    assert limits["max_result_rows"] == 10**6
    assert limits["max_result_bytes"] == 64 * 10**6
    assert "three run at a time and 13 wait" in TEXT
    assert (reader._POOL.threads, reader._POOL.waiting, reader._POOL.spare) == (3, 16, 9)
    assert "up to 12 in all" in TEXT
    assert reader._POOL.threads + reader._POOL.more == 12
    assert "six threads have 1 GB each" in TEXT
    assert "250 MB and one thread of the engine: 7.5 GB" in TEXT
    assert (reader._FULL, reader._LESS_BYTES) == (6, 250 * 10**6)
    assert "50,000 steps back" in TEXT
    assert reader._PARSING == {"max_parser_backtracks": 50_000}
    assert "(30 s; up to 120)" in TEXT
    assert reader_settings._MOST["max_execution_time"] == 120


def test_every_setting_that_it_names_is_what_it_says():
    rows = dict(re.findall(r"^\| (limits|honoured|passed over)[^|]*\| (.*) \|$", TEXT, re.MULTILINE))
    assert len(rows) == 3
    for kind, cell in rows.items():
        for name in re.findall(r"`([a-z_]+\d*)`", cell):
            assert reader_settings.may_be_sent(name) or name == "cancel_http_readonly_queries_on_client_close"
            assert reader_settings.is_for_readers(name) == (kind != "passed over"), name
