"""deploy/bi.md names settings, commands and files that there are."""

import re
from pathlib import Path

from streams.queries import reader
from streams.settings import ENVIRONMENT

FILE = Path(__file__).parents[2] / "deploy" / "bi.md"
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
    assert reader._LIMITS["max_execution_time"] == 30
    assert reader._LIMITS["max_memory_usage"] == 10**9
    assert reader._LIMITS["max_result_rows"] == 10**6
    assert reader._LIMITS["max_result_bytes"] == 64 * 10**6
    assert "one runs at a time and 15 wait" in TEXT
    assert reader._WAITING == 16
