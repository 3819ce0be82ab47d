"""Registers what is degraded while the rest goes on, in words, for /health: one registry for a process."""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence

__all__ = ["Degraded"]

_SHOWN = 20  # sentences of a kind, such as brands that are not watched yet: there may be any number of them


class Degraded:
    """A registry of sentences by key. Any thread may set and clear them without blocking.

    A key names a kind and its subject, as in ``("alerts", "feeding", brand)``: setting it again replaces the sentence.

    >>> degraded = Degraded()
    >>> degraded.set("query", "a query does not end when it is told to: it is being ended")
    >>> degraded.sentences()
    ['a query does not end when it is told to: it is being ended']
    >>> degraded.clear("query")
    >>> degraded.sentences()
    []
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sentences: dict[object, str] = {}

    def set(self, key: object, sentence: str) -> None:
        """Say that something is degraded: what, since when if that is known, and what is done about it."""
        with self._lock:
            self._sentences[key] = sentence

    def clear(self, key: object) -> None:
        """Say that it works again; a key that was never set may be cleared too."""
        with self._lock:
            self._sentences.pop(key, None)

    def replace(self, kind: str, sentences: Iterable[tuple[object, str]]) -> None:
        """Set all sentences of a kind, whose keys are ``(kind, subject)``: those that are not given are cleared."""
        fresh: dict[object, str] = {(kind, subject): sentence for subject, sentence in sentences}
        with self._lock:
            for key in [key for key in self._sentences if isinstance(key, tuple) and key[0] == kind]:
                del self._sentences[key]
            self._sentences.update(fresh)

    def sentences(self) -> Sequence[str]:
        """Return what is degraded now, in the order in which it was first set; of a large kind, some and their number.

        >>> degraded = Degraded()
        >>> degraded.replace("alerts", ((n, f"brand {n} is not watched yet") for n in range(70_000)))
        >>> len(degraded.sentences()), degraded.sentences()[-1]
        (21, '69,980 more like these: alerts')
        """
        with self._lock:
            known = list(self._sentences.items())
        kinds = Counter(_kind(key) for key, _ in known)
        shown: Counter[object] = Counter()
        found = []
        for key, sentence in known:
            kind = _kind(key)
            shown[kind] += 1
            if shown[kind] <= _SHOWN:
                found.append(sentence)
            elif shown[kind] == kinds[kind]:
                found.append(f"{kinds[kind] - _SHOWN:,} more like these: {kind}")
        return found


def _kind(key: object) -> object:
    return key[0] if isinstance(key, tuple) else key
