"""Rebuilds tables that have lost rows when `journey up` starts, while events are accepted into the log."""

import logging
import threading

from streams.clock import from_us
from streams.embedded.embedded import Embedded
from streams.process.degraded import Degraded
from streams.recovery.losses import Losses
from streams.recovery.rebuild import Order

__all__ = ["mend"]

_PAUSE_S = 30.0  # before a rebuild that failed is tried again
_KEY = "losses"
_log = logging.getLogger(__name__)


class _StoppedError(Exception):
    """The process is to end."""


def mend(embedded: Embedded, degraded: Degraded, stopping: threading.Event) -> None:
    """Rebuild derived tables that have lost rows; report on /health what is lost for good.

    Nothing is processed meanwhile, so that no stage is announced from half of the evidence. Where it fails, it is tried again
    until it succeeds or the process is to end.
    """
    for line in embedded.warnings:
        if line == str(embedded.keyless or ""):
            continue  # nothing can be taken without, and the process ends with these words
        _log.error("%s", line)
        degraded.set((_KEY, line), line)
    before = Losses()
    while embedded.losses.rebuild and embedded.losses != before and not stopping.is_set():
        before = embedded.losses
        what = str(before)
        _log.error("%s; it is done now, and events are taken meanwhile", what)
        degraded.set(
            _KEY, f"{what}; it is being done since {_time(embedded)}, and events wait in the log meanwhile"
        )
        try:
            _rebuild(embedded, stopping)
        except _StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the log keeps what was accepted
            _log.exception("the tables cannot be rebuilt; trying again in %.0f s", _PAUSE_S)
            degraded.set(_KEY, f"{what}; it failed ({error}), and events wait in the log until it succeeds")
            stopping.wait(_PAUSE_S)
            before = Losses()
    degraded.clear(_KEY)
    if embedded.losses.found:  # and cannot be rebuilt
        _log.error("%s", embedded.losses)
        degraded.set(_KEY, str(embedded.losses))
    for line in embedded.damaged:
        _log.error("%s", line)
        degraded.set((_KEY, line), line)


def _rebuild(embedded: Embedded, stopping: threading.Event) -> None:
    def check() -> None:
        if stopping.is_set():
            raise _StoppedError

    for one in embedded.rebuild(Order(embedded.losses.rebuild, embedded.clock(), check=check)):
        _log.warning("%s was rebuilt: %s rows became %d", one.table, one.before, one.after)


def _time(embedded: Embedded) -> str:
    return f"{from_us(embedded.clock()):%H:%M:%S} UTC"
