"""Finds the lines that an error of ours comes of, so that they are refused and take no others along."""

import logging
import traceback
from collections.abc import Callable, Sequence

from streams.edge.reasons import Refused

__all__ = ["unpackable"]

_UNREAD = Refused("bad_value", "/: it cannot be read, which is an error of this program: see its log")
# Where this cannot be packed either, no line is the reason.
_SOUND = b"""{"id": "1", "source": "journey", "type": "web.page_view", "time": "2026-01-01T00:00:00Z",
  "data": {"brand": "journey", "handles": {"cookie": "journey"}}}"""
_log = logging.getLogger(__name__)


def unpackable(
    lines: Sequence[bytes], pack: Callable[[Sequence[bytes]], object], error: Exception
) -> dict[int, Refused]:
    """Return the lines by their place that `pack` fails at by themselves, after it failed at all of them.

    The error is logged without its message, which may hold a value; it is raised where no line is the reason.
    """
    if isinstance(error, MemoryError) or _failing(range(1), [_SOUND], pack):
        raise error
    if not (found := _failing(range(len(lines)), lines, pack)):
        raise error
    call = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{call.name} ({call.filename.rpartition('/')[2]}:{call.lineno})"
    _log.error("lines that cannot be read are refused: %d, %s in %s", len(found), type(error).__name__, where)
    return dict.fromkeys(found, _UNREAD)


def _failing(places: range, lines: Sequence[bytes], pack: Callable[[Sequence[bytes]], object]) -> list[int]:
    try:
        pack([lines[place] for place in places])
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the others are not to suffer
        middle = len(places) // 2
        if not middle:
            return list(places)
        return _failing(places[:middle], lines, pack) + _failing(places[middle:], lines, pack)
    return []
