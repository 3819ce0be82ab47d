"""Logs: one line a record, each JSON where that is asked for, without secrets."""

import io
import json
import logging
import sys
import warnings
from pathlib import Path

import pytest

from streams.fencing.port import FencedError
from streams.settings import KafkaSettings, Settings, WorkerSettings
from streams.telemetry import logs

KEY = bytes(range(32))
DSN = "clickhouse://journey:in%2Fdsn-pass@host:8123/journey"


def settings(style: str) -> Settings:
    return Settings(
        data=Path(),
        handle_key=KEY,
        store=DSN,
        store_password="store-pass",
        kafka=KafkaSettings(password="kafka+pass"),
        worker=WorkerSettings(log=style),
    )


def lines(style: str, *records: logging.LogRecord) -> list[str]:
    """Return what is written of these records."""
    made = logs.config(settings(style))["formatters"]["line"]
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(made["()"](secrets=made["secrets"]))
    for record in records:
        handler.emit(record)
    return stream.getvalue().splitlines()


def record(message: str, *values, **extra) -> logging.LogRecord:
    made = logging.LogRecord("streams.x", logging.WARNING, "x.py", 1, message, values, None)
    made.created = 1_790_000_000.25
    made.__dict__.update(extra)
    return made


def test_a_record_is_one_json_object_with_its_fields():
    (line,) = lines("json", record("%s: took %d", "intake", 3, partition=4, table="evidence"))
    assert json.loads(line) == {
        "time": "2026-09-21T14:13:20.250Z",
        "level": "WARNING",
        "logger": "streams.x",
        "message": "intake: took 3",
        "partition": 4,
        "table": "evidence",
    }


def test_a_record_of_an_error_has_its_place_as_fields():
    error = FencedError("partition 3 was taken", topic="interactions", partition=3, offset=0)
    for one in (record("intake: %s", error), record("intake", exc_info=(type(error), error, None))):
        (line,) = lines("json", one)
        found = json.loads(line)
        assert (found["topic"], found["partition"], found["offset"]) == ("interactions", 3, 0)
        assert "reason" not in found


def test_a_record_as_text_is_one_line():
    (line,) = lines("text", record("%s: took %d", "intake", 3, partition=4))
    assert line == "2026-09-21T14:13:20.250Z WARNING  streams.x: intake: took 3 partition=4"


NASTY = [
    record("two\nlines\r\nand \x1b[31mcolours\x00 \u2028 \x85"),
    record("too few %s %s", "places"),
    record("too many", "places"),
    record("%(name)s", {"name": "a mapping"}),
    record("%(other)s", {"name": "a mapping"}),
    record("numbers", nan=float("nan"), infinite=float("inf"), big=2**70, inner={"a": [1, {2, 3}], 4: None}),
    record("bytes %s", b"\xff\xfe", value=b"\x00"),
    record("surrogate \udc80"),
    record(None),
]


@pytest.mark.parametrize("one", NASTY)
@pytest.mark.parametrize("style", ["json", "text"])
def test_whatever_is_logged_is_one_line_that_parses(style, one):
    (line,) = lines(style, one)
    assert line.isprintable()
    if style == "json":
        assert json.loads(line)["level"] == "WARNING"


@pytest.mark.parametrize("style", ["json", "text"])
def test_an_exception_stands_in_the_line(style):
    try:
        raise ValueError("first\nsecond")  # noqa: TRY301 - a traceback is wanted
    except ValueError:
        one = record("failed")
        one.exc_info = sys.exc_info()
    (line,) = lines(style, one)
    assert "ValueError: first" in line
    assert "Traceback" in line


@pytest.mark.parametrize("style", ["json", "text"])
def test_secrets_are_struck_out_wherever_they_stand_and_in_every_form(style):
    said = f"{DSN} in/dsn-pass store-pass kafka+pass kafka%2Bpass {KEY.hex()} {KEY!r}"
    (line,) = lines(style, record("%s", said, detail=[said], inner={said: said}))
    for secret in ("in%2Fdsn-pass", "in/dsn-pass", "store-pass", "kafka+pass", "kafka%2Bpass", KEY.hex()):
        assert secret not in line
    assert "clickhouse://journey:***@host:8123/journey" in line


def test_without_secrets_nothing_is_struck_out():
    assert logs.config(Settings(data=Path()))["formatters"]["line"]["secrets"] == ()
    handler = logs.TextFormatter()
    assert handler.format(record("a b")).endswith("streams.x: a b")


def test_what_libraries_say_while_all_is_well_is_left_out(capsys):
    before = logging.root.handlers[:], sys.excepthook, logging.root.level
    try:
        logs.install(settings("json"))
        for name in ("mode.worker", "faust.tables.recovery", "aiokafka.conn", "kafka.client", "other"):
            logging.getLogger(name).info("a table")
        logging.getLogger("streams.workers").info("said")
        logging.getLogger("aiokafka.conn").error("failed")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("odd", stacklevel=1)
    finally:
        logging.captureWarnings(capture=False)
        logging.root.handlers[:], sys.excepthook = before[:2]
        logging.root.setLevel(before[2])
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["logger"], line["level"]) for line in said] == [
        ("streams.workers", "INFO"),
        ("aiokafka.conn", "ERROR"),
        ("py.warnings", "WARNING"),
    ]
