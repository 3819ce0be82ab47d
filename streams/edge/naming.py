"""From the handles of an event to ids: normalised, hashed, in order of priority. Raw values go no further."""

from collections.abc import Mapping

from journey.handle import KIND_CODE, NOBODY, handle_id, normalise
from schemas.event import MAX_HANDLES, HandleKind
from streams.edge.reasons import Refused
from streams.edge.redact import HASHED

__all__ = ["Naming"]

_REMEMBERED = (
    200_000  # values of each kind whose hash is kept at hand; then all are forgotten and learnt anew
)

Named = list[tuple[int, int]]  # (kind code, handle id), by priority


class Naming:
    """Hashes handles under one key. `trusted` input may name a handle by its hash (replays of dead letters)."""

    def __init__(self, key: bytes, nobody: frozenset[str] = frozenset(), *, trusted: bool = False) -> None:
        self._key = key
        self.nobody = NOBODY | nobody
        self.trusted = trusted
        self._ids: dict[str, dict[str, int]] = {kind: {} for kind in KIND_CODE}

    def name(self, handles: Mapping[HandleKind, str | list[str]]) -> Named:
        """Return the handles by priority, smallest id first within a kind, each once.

        Raises
        ------
        Refused
            None is left once nobodies are taken out, or there are more than 8.
        """
        named: Named = []
        for kind, values in handles.items():
            known = self._ids[kind]
            for value in (values,) if isinstance(values, str) else values:
                if identifier := known.get(value) or self.id(kind, value):
                    named.append((KIND_CODE[kind], identifier))
        if len(named) > 1:
            named = sorted(set(named))
        if not named:
            raise Refused("no_handle", "/data/handles: every value names nobody")
        if len(named) > MAX_HANDLES:
            raise Refused("too_many_handles", f"/data/handles: {len(named)} handles, at most {MAX_HANDLES}")
        return named

    def id(self, kind: str, value: str) -> int:
        """Return the id of one handle, 0 for nobody."""
        known = self._ids[kind]
        identifier = known.get(value)
        if identifier is None:
            identifier = self._hash(kind, value)
            if len(known) >= _REMEMBERED:
                known.clear()
            known[value] = identifier
        return identifier

    def _hash(self, kind: str, value: str) -> int:
        if self.trusted and HASHED.fullmatch(value):
            return int(value[1:], 16)
        normal = normalise(kind, value, self.nobody)
        return 0 if normal is None else handle_id(self._key, kind, normal)
