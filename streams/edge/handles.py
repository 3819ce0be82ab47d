"""Turns the handles of an event into ids: normalised, hashed, in order of priority. Raw values go no further."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from journey.identity.handle import KIND_CODE, NOBODY
from journey.identity.handle_key import AnyKey, HandleKey
from journey.identity.rules import HandleRules
from schemas.event import MAX_HANDLES, HandleKind
from streams.edge.fast_path import read_handles
from streams.edge.readable import Sealing
from streams.edge.reasons import Refused
from streams.edge.redact import FORMS, PREFIX
from streams.edge.repeats import Wanted, wanted

__all__ = ["HandleHasher", "Handles"]

_TEXTS = 200_000  # JSON texts in the cache, of all brands; when it is full, it is cleared
_VALUES = 1_400_000  # values whose hash is: the same
_BRANDS = 10_000  # brands of which any are
_CODES = [bytes([code]) for code in KIND_CODE.values()]
_RULES = HandleRules()
_SHORT = 256  # bytes of JSON text: longer handles are not kept at hand

Named = tuple[tuple[int, int], ...]  # (kind code, handle id), by priority


# The handles of an event as columns and keys take them, by priority: the code of each kind; the ids, eight bytes
# each, little-endian; NUL and the first id as decimal text; where a value has several forms (`HandleRules.forms`), which
# are side by side, how many ids each value has.
Handles = tuple[bytes, bytes, bytes, tuple[int, ...]]

Read = tuple[Handles, Wanted]  # and what would repeat them in other texts of the event


def _packed(named: Named, sizes: tuple[int, ...] = ()) -> Handles:
    """Return handles, at least one, as columns take them."""
    code, primary = named[0]
    if len(named) == 1:
        return _CODES[code], primary.to_bytes(8, "little"), b"\0%d" % primary, ()
    ids = b"".join([identifier.to_bytes(8, "little") for _, identifier in named])
    return bytes([code for code, _ in named]), ids, b"\0%d" % primary, sizes


class _Known:
    """A cache of hashed handles, with one brand; with all of them where brands share their handles."""

    __slots__ = ("brand", "texts", "values")

    def __init__(self, brand: str) -> None:
        self.brand = brand
        self.texts: dict[bytes, Read] = {}
        self.values: dict[str, dict[str, Named]] = {kind: {} for kind in KIND_CODE}


class HandleHasher:
    """A hasher of handles under one key. `trusted` input may name a handle by its hash (replays of dead letters).

    `brand` is that of the event, and matters where the key has brands separate. `sealing` keeps values readable, None for none.
    """

    def __init__(
        self,
        key: AnyKey,
        nobody: frozenset[str] = frozenset(),
        *,
        trusted: bool = False,
        rules: HandleRules = _RULES,
        sealing: Sealing | None = None,
    ) -> None:
        self._key = HandleKey.of(key)
        self.rules = rules
        self.sealing = sealing
        self._is_alike = not (self._key.separate or rules.regions or sealing)  # with all brands
        self._sealed: dict[tuple[str, int], bytes] = {}
        self._sealed_before: dict[
            tuple[str, int], bytes
        ] = {}  # of values that were at hand until they were cleared
        self._order = self._by_priority if len(self._key) > 1 else None  # else as they are
        self.nobody = NOBODY | nobody
        self.trusted = trusted
        self._known: dict[str, _Known] = {}
        self._texts = self._values = 0  # how many are kept at hand

    @property
    def is_separate(self) -> bool:
        """Whether a handle has another id with each brand."""
        return self._key.separate

    def read(self, texts: Sequence[bytes], brands: pa.Array) -> list[Read | None]:
        """Return the handles that each JSON text names, None where it takes the contract to say what is wrong.

        With them comes what to look for in other texts of the event, which may repeat them.
        """
        found = [""] if self._is_alike else brands.unique().to_pylist()
        if len(found) != 1:
            return [self._read(text, brand) for text, brand in zip(texts, brands.to_pylist(), strict=True)]
        known = self._of(found[0])
        at_hand = known.texts
        return [at_hand.get(text) or self._learn(text, known) for text in texts]

    def _read(self, text: bytes, brand: str) -> Read | None:
        known = self._of(brand)
        return known.texts.get(text) or self._learn(text, known)

    def _of(self, brand: str) -> _Known:
        if self._is_alike:
            brand = ""
        known = self._known.get(brand)
        if known is None:
            if len(self._known) >= _BRANDS:
                self._forget()
            known = self._known[brand] = _Known(brand)
        return known

    def _forget(self) -> None:
        self._known.clear()
        self._texts = self._values = 0
        # Events that are packed now may have some of these; no frame has so many values that these are cleared twice.
        self._sealed_before, self._sealed = self._sealed, {}

    def sealed(self, brand: str, handle: int) -> bytes | None:
        """Return the value of a handle of events that were read last, encrypted; None where it is not kept readable."""
        return self._sealed.get((brand, handle)) or self._sealed_before.get((brand, handle))

    def _learn(self, text: bytes, known: _Known) -> Read | None:
        values = read_handles(text)
        if values is None:
            return None
        try:
            found = self._name(values, known), wanted(values)
        except Refused:
            return None
        if len(text) <= _SHORT:
            if self._texts >= _TEXTS:
                self._forget()
            self._texts += 1
            known.texts[text] = found
        return found

    def name(self, handles: Mapping[HandleKind, str | list[str]], brand: str = "") -> Handles:
        """Return the handles by priority, smallest id first within a kind, each once; the forms of one side by side.

        Raises
        ------
        Refused
            None is left once those of nobody are removed, or there are more than 8.
        """
        return self._name(handles, self._of(brand))

    def _name(self, handles: Mapping[HandleKind, str | list[str]], known: _Known) -> Handles:
        named: Named = ()
        forms: dict[tuple[int, int], Named] = {}
        for kind, values in handles.items():
            at_hand = known.values[kind]
            for value in (values,) if values.__class__ is str else values:
                each = at_hand.get(value)
                if each is None:
                    each = self._hashed(kind, value, known)
                if len(each) > 1:  # its other forms are taken note of
                    forms[each[0]] = each
                    each = each[:1]
                named += each
        if len(named) == 1 and not forms:  # most events
            return _packed(named)
        if not named:
            raise Refused("no_handle", "/data/handles: every value names nobody")
        named = tuple(sorted(set(named), key=self._order))
        if len(named) > MAX_HANDLES:
            raise Refused("too_many_handles", f"/data/handles: {len(named)} handles, at most {MAX_HANDLES}")
        return _in_forms(named, forms) if forms else _packed(named)

    def _by_priority(self, handle: tuple[int, int]) -> tuple[int, int]:
        code, identifier = handle
        return code, self._key.rank(identifier)

    def id(self, kind: str, value: str, brand: str = "") -> int:
        """Return the id of one handle, the first of several forms; 0 for nobody."""
        named = self._named(kind, value, self._of(brand))
        return named[0][1] if named else 0

    def ids(self, kind: str, value: str, brand: str = "") -> list[int]:
        """Return the ids of one handle, in all ways in which the store may have it; none for nobody."""
        if self.trusted and FORMS.fullmatch(value):
            return [identifier for _, identifier in self._named(kind, value, self._of(brand))]
        forms = self.rules.spellings(kind, value, self.nobody, brand, separate=self._key.separate)
        return [self._key.id(kind, form, brand) for form in forms]

    def _named(self, kind: str, value: str, known: _Known) -> Named:
        found = known.values[kind].get(value)
        return self._hashed(kind, value, known) if found is None else found

    def _hashed(self, kind: str, value: str, known: _Known) -> Named:
        """Return the handle of a value that is not at hand, in all its forms, and keep it there."""
        code = KIND_CODE[kind]
        if self._values >= _VALUES:
            self._forget()
        self._values += 1
        named = tuple([(code, each) for each in self._hash(kind, value, known.brand)])
        known.values[kind][value] = named
        if self.sealing is not None and named:
            self._seal(self.sealing, kind, value, named[0][1], known.brand)
        return named

    def _seal(self, sealing: Sealing, kind: str, value: str, handle: int, brand: str) -> None:
        """Keep a value readable, where its brand wants that; one that is a hash already is not."""
        if self.trusted and FORMS.fullmatch(value):
            return
        if (sealed := sealing.sealed(brand, kind, handle, value)) is not None:
            self._sealed.setdefault((brand, handle), sealed)

    def _hash(self, kind: str, value: str, brand: str) -> list[int]:
        if self.trusted and FORMS.fullmatch(value):
            return [int(each, 16) for each in value[1:].split(PREFIX)]
        forms = self.rules.forms(kind, value, self.nobody, brand, separate=self._key.separate)
        return [self._key.id(kind, form, brand) for form in forms]


def _in_forms(named: Named, forms: Mapping[tuple[int, int], Named]) -> Handles:
    """Return handles with their other forms, each once."""
    placed: dict[tuple[int, int], None] = {}
    sizes = []
    for first in named:
        before = len(placed)
        if first not in placed:
            placed |= dict.fromkeys(forms.get(first, (first,)))
            sizes.append(len(placed) - before)
    return _packed(tuple(placed), tuple(sizes))
