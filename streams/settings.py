"""Where the data are and how the engine runs: the only place that reads the environment."""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

__all__ = ["DEFAULT_DATA", "ENVIRONMENT", "Settings", "SettingsError"]

DEFAULT_DATA = Path(".journey")
_SCHEME = "chdb://"

ENVIRONMENT: dict[str, str] = {
    "JOURNEY_STORE": "where the data are, as a DSN: chdb:///absolute/path (the same as --data)",
    "JOURNEY_HANDLE_KEY": "64 hex digits: the key that handles are hashed with; else the file handle.key is made",
    "JOURNEY_DURABLE": "1: survive power cuts too (fsync of each frame and insert), not only crashes of the process",
    "JOURNEY_ID_WINDOW_DAYS": "days of event time for which ids are remembered; older repeats are looked up (7)",
    "JOURNEY_FAULT": "POINT or POINT:N, for tests: kill the process at a named write boundary",
}
_KEY_BYTES = 32
_LONGEST_WINDOW = 366  # days; a year of ids in memory is enough


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the embedded engine."""

    data: Path
    handle_key: bytes | None = None
    durable: bool = False
    id_window: timedelta = timedelta(days=7)
    fault: str = ""

    @classmethod
    def read(cls, data: Path | None = None) -> "Settings":
        """Read the environment; `data` given on the command line wins over JOURNEY_STORE.

        Raises
        ------
        SettingsError
            A variable has a value that is not allowed.
        """
        return cls(
            data=data if data is not None else _data(os.environ.get("JOURNEY_STORE", "")),
            handle_key=_key(os.environ.get("JOURNEY_HANDLE_KEY", "")),
            durable=_flag("JOURNEY_DURABLE"),
            id_window=_days("JOURNEY_ID_WINDOW_DAYS", default=7),
            fault=os.environ.get("JOURNEY_FAULT", ""),
        )


def _data(dsn: str) -> Path:
    if not dsn:
        return DEFAULT_DATA
    if not dsn.startswith(_SCHEME) or not dsn.removeprefix(_SCHEME).startswith("/"):
        raise SettingsError(f"JOURNEY_STORE = {dsn!r}: this version knows chdb:///absolute/path")
    return Path(dsn.removeprefix(_SCHEME))


def _key(text: str) -> bytes | None:
    if not text:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SettingsError(
            f"JOURNEY_HANDLE_KEY: must be {2 * _KEY_BYTES} hex digits, has {len(text)} characters"
        )
    return key


def _flag(name: str) -> bool:
    value = os.environ.get(name, "0")
    if value not in {"0", "1"}:
        raise SettingsError(f"{name} = {value!r}: must be 0 or 1")
    return value == "1"


def _days(name: str, default: int) -> timedelta:
    value = os.environ.get(name, str(default))
    try:
        days = float(value)
    except ValueError:
        days = 0.0
    if not 0 < days <= _LONGEST_WINDOW:
        raise SettingsError(f"{name} = {value!r}: must be a number of days above 0, at most 366")
    return timedelta(days=days)
