"""Connections to the store for threads other than the engine's."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from streams.settings import Settings
from streams.store import ClickHouse

__all__ = ["opener"]


def opener(settings: Settings, limits: Mapping[str, Any] | None) -> Callable[[], ClickHouse]:
    """Return what opens a connection of its own for a thread, with settings of every request."""
    if settings.store:
        return partial(ClickHouse.of, settings, limits)
    dsn = f"chdb://{(settings.data / 'clickhouse').resolve()}"
    return partial(ClickHouse, dsn, limits=limits)
