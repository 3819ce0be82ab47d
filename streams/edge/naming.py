"""From the handles of an event to ids: normalised, hashed, in order of priority. Raw values go no further."""

from collections.abc import Iterable, Mapping

from journey.handle import KEY_BYTES, KIND_CODE, NOBODY, HandleKey, normalise
from schemas.event import MAX_HANDLES, HandleKind
from streams.edge.plain import read_handles
from streams.edge.reasons import Refused
from streams.edge.redact import HASHED

__all__ = ["Handles", "Naming", "packed"]

_REMEMBERED = (
    200_000  # values of each kind whose hash is kept at hand; then all are forgotten and learnt anew
)
_CODES = [bytes([code]) for code in KIND_CODE.values()]
_SHORT = 256  # bytes of JSON text: longer handles are not kept at hand

Named = tuple[tuple[int, int], ...]  # (kind code, handle id), by priority


# The handles of an event as columns and keys take them, by priority: the code of each kind; the ids, eight bytes
# each, little-endian; NUL and the first id as decimal text.
Handles = tuple[bytes, bytes, bytes]


def packed(named: Named) -> Handles:
    """Return handles, at least one, as columns take them."""
    code, primary = named[0]
    if len(named) == 1:
        return _CODES[code], primary.to_bytes(8, "little"), b"\0%d" % primary
    ids = b"".join([identifier.to_bytes(8, "little") for _, identifier in named])
    return bytes([code for code, _ in named]), ids, b"\0%d" % primary


class Naming:
    """Hashes handles under one key. `trusted` input may name a handle by its hash (replays of dead letters)."""

    def __init__(self, key: bytes, nobody: frozenset[str] = frozenset(), *, trusted: bool = False) -> None:
        self._key = HandleKey(key)
        self._order = self._by_priority if len(key) > KEY_BYTES else None  # else as they are
        self.nobody = NOBODY | nobody
        self.trusted = trusted
        self._known: dict[str, dict[str, Named]] = {kind: {} for kind in KIND_CODE}
        self._texts: dict[bytes, Handles] = {}

    def read(self, texts: Iterable[bytes]) -> list[Handles | None]:
        """Return the handles that each JSON text names, None where it takes the contract to say what is wrong."""
        known = self._texts
        return [known.get(text) or self._learn(text) for text in texts]

    def _learn(self, text: bytes) -> Handles | None:
        values = read_handles(text)
        if values is None:
            return None
        try:
            handles = packed(self.name(values))
        except Refused:
            return None
        if len(text) <= _SHORT:
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            self._texts[text] = handles
        return handles

    def name(self, handles: Mapping[HandleKind, str | list[str]]) -> Named:
        """Return the handles by priority, smallest id first within a kind, each once.

        Raises
        ------
        Refused
            None is left once nobodies are taken out, or there are more than 8.
        """
        named: Named = ()
        for kind, values in handles.items():
            if values.__class__ is str:
                named += self._named(kind, values)
            else:
                for value in values:
                    named += self._named(kind, value)
        if len(named) == 1:  # most events
            return named
        if not named:
            raise Refused("no_handle", "/data/handles: every value names nobody")
        named = tuple(sorted(set(named), key=self._order))
        if len(named) > MAX_HANDLES:
            raise Refused("too_many_handles", f"/data/handles: {len(named)} handles, at most {MAX_HANDLES}")
        return named

    def _by_priority(self, handle: tuple[int, int]) -> tuple[int, int]:
        code, identifier = handle
        return code, self._key.rank(identifier)

    def id(self, kind: str, value: str) -> int:
        """Return the id of one handle, 0 for nobody."""
        named = self._named(kind, value)
        return named[0][1] if named else 0

    def _named(self, kind: str, value: str) -> Named:
        known = self._known[kind]
        named = known.get(value)
        if named is None:
            identifier = self._hash(kind, value)
            if len(known) >= _REMEMBERED:
                known.clear()
            named = known[value] = ((KIND_CODE[kind], identifier),) if identifier else ()
        return named

    def _hash(self, kind: str, value: str) -> int:
        if self.trusted and HASHED.fullmatch(value):
            return int(value[1:], 16)
        normal = normalise(kind, value, self.nobody)
        return 0 if normal is None else self._key.id(kind, normal)
