"""Configures the logs of workers and gateways: one line a record, as text or JSON, in UTC, without secrets."""

import json
import logging
import logging.config
import re
import sys
import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from journey.errors import UserError
from journey.identity.handle_key import KEY_BYTES
from streams.settings import Settings

__all__ = ["JsonFormatter", "TextFormatter", "config", "install"]

_SHORTEST_SECRET = 4  # characters: shorter ones would be struck out of ordinary words
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}

# What libraries say while all is well, and their tables; what goes wrong is told all the same.
_LEVELS = {
    "streams": "INFO",
    "faust": "WARNING",
    "mode": "WARNING",
    "aiokafka": "WARNING",
    "kafka": "ERROR",
    "clickhouse_connect": "CRITICAL",
    "asyncio": "WARNING",
    "uvicorn": "ERROR",
}


class _Formatter(logging.Formatter):
    """A base of both formats.

    Parameters
    ----------
    secrets
        Texts that are struck out wherever they are.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._secrets = re.compile("|".join(map(re.escape, secrets)) or "(?!)")

    def _clean(self, text: str) -> str:
        return self._secrets.sub("***", text)

    def _parts(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return time, level, logger, message, then where it is, the record's own fields and exception."""
        parts: dict[str, Any] = {
            "time": _instant(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        parts |= _places(record)
        parts |= {name: value for name, value in record.__dict__.items() if name not in _OWN}
        if record.exc_info and record.exc_info[0] is not None:
            parts["exception"] = self.formatException(record.exc_info)
        return parts


class JsonFormatter(_Formatter):
    """A formatter of records as JSON, one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        parts = {name: self._safe(value) for name, value in self._parts(record).items()}
        return json.dumps(parts, ensure_ascii=True, allow_nan=False).replace("\x7f", "\\u007f")

    def _safe(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, list | tuple | set | frozenset):
            return [self._safe(item) for item in value]
        if isinstance(value, dict):
            return {self._clean(str(name)): self._safe(item) for name, item in value.items()}
        if isinstance(value, float) and abs(value) < float("inf"):
            return value
        return self._clean(str(value))


class TextFormatter(_Formatter):
    """Time, level, logger and message, then fields as name=value; what would break the line is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line."""
        parts = self._parts(record)
        head = f"{parts.pop('time')} {parts.pop('level'):<8} {parts.pop('logger')}: {parts.pop('message')}"
        text = " ".join([head, *(f"{name}={value}" for name, value in parts.items())])
        text = self._clean(text).encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair
        return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def _places(record: logging.LogRecord) -> dict[str, Any]:
    """Return topic, partition, offset and reason of the error that a record tells of, those that there are."""
    errors = [*(record.args if isinstance(record.args, tuple) else ()), (record.exc_info or (None, None))[1]]
    return {
        name: value
        for error in errors
        if isinstance(error, UserError)
        for name in ("topic", "partition", "offset", "reason")
        if (value := getattr(error, name)) is not None
    }


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (
        TypeError,
        ValueError,
        KeyError,
    ):  # a library that gave other arguments than its message has places for
        return f"{record.msg} {record.args!r}"


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def config(settings: Settings) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`: all goes to standard error."""
    formatter = JsonFormatter if settings.worker.log == "json" else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "secrets": _secrets(settings)}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {name: {"level": level, "propagate": True} for name, level in _LEVELS.items()},
    }


def install(settings: Settings) -> None:
    """Log this way from now on; warnings, and what ends a thread or the process, are logged too."""
    logging.config.dictConfig(config(settings))
    logging.captureWarnings(capture=True)
    log = logging.getLogger("streams")
    sys.excepthook = lambda kind, error, trace: (
        None
        if issubclass(kind, KeyboardInterrupt)
        else log.critical("ended by %s: %s", kind.__name__, error, exc_info=(kind, error, trace))
    )
    threading.excepthook = lambda told: log.error(
        "a thread was ended by %s: %s",
        told.exc_type.__name__,
        told.exc_value,
        exc_info=told.exc_value,
    )


def _secrets(settings: Settings) -> tuple[str, ...]:
    """Return what must not be logged, in each form in which it might be; the longest first."""
    in_dsn = urlsplit(settings.store).password or ""
    given = {settings.store_password, settings.kafka.password, in_dsn, unquote(in_dsn)}
    forms = given | {quote(text, safe="") for text in given}
    for key in filter(None, (settings.handle_key, settings.readable_key)):
        forms |= {repr(key)} | {key[at : at + KEY_BYTES].hex() for at in range(0, len(key), KEY_BYTES)}
    return tuple(
        sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=lambda form: (-len(form), form))
    )
