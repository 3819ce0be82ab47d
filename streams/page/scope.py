"""What a view is asked for: brand, period and its own parameters, as they stand in the URL."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

__all__ = ["Brand", "Field", "Scope", "ScopeError", "aware", "read"]

_LONGEST = 200  # characters of a value
_DATE = re.compile(r"(19|20|21|22)\d\d-\d\d-\d\d")  # what ClickHouse's times reach
_DAY = timedelta(days=1)


class ScopeError(ValueError):
    """A parameter of the URL that cannot be used; the message names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand and the days from which it has touches, both ends included."""

    name: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter of one view.

    Attributes
    ----------
    kind
        text, choice, number, or hidden: hidden ones are kept in the URL, and come from links alone.
    default
        What holds where the URL says nothing, as text.
    choices
        Of a choice: value and label.
    low, high
        Of a number, both allowed.
    pattern
        That a text must match in full.
    group
        Heading under which the form has it, with those beside it of the same group.
    """

    name: str
    label: str
    kind: str = "text"
    default: str = ""
    choices: Sequence[tuple[str, str]] = ()
    low: float = 0.0
    high: float = 1e9
    pattern: str = r".*"
    group: str = ""

    def checked(self, value: str) -> str:
        """Return the value. Raises ScopeError."""
        if self.kind == "choice" and value not in {name for name, _ in self.choices}:
            raise ScopeError(f"{self.name}: must be one of {', '.join(name for name, _ in self.choices)}")
        if self.kind == "number" and value != self.default and not self._is_number(value):
            raise ScopeError(f"{self.name}: must be a number from {self.low:g} to {self.high:g}")
        if not re.fullmatch(self.pattern, value):
            raise ScopeError(f"{self.name}: has another form than {self.pattern}")
        return value

    def _is_number(self, value: str) -> bool:
        try:
            return self.low <= float(value) <= self.high
        except ValueError:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What was asked for.

    Attributes
    ----------
    brand
        Empty where the store has no brand yet.
    since, until
        The period: from the start of a day (UTC) to the end of one, at most now; until is not in it.
    now
        When it was asked.
    reaches_end
        Whether the period reaches the brand's last touch.
    own
        The view's own parameters: every field has its value or default.
    given
        What the URL said, for links.
    """

    brand: str
    since: datetime
    until: datetime
    now: datetime
    reaches_end: bool = True
    own: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, object]:
        """What every query may name: brand, since, until, now."""
        return {"brand": self.brand, "since": self.since, "until": self.until, "now": self.now}

    def address(self, view: str, **own: str) -> str:
        """Return the URL of a view of the same brand and period, with its own parameters."""
        kept = {key: self.given[key] for key in ("brand", "since", "until") if key in self.given}
        return f"/view/{quote(view)}?{urlencode({'brand': self.brand} | kept | own)}"

    def only(self, names: Collection[str]) -> "Scope":
        """Return the same brand and period with these of the view's own parameters, and no others."""
        kept = {"brand", "since", "until", *names}
        return replace(
            self,
            own={name: value for name, value in self.own.items() if name in kept},
            given={name: value for name, value in self.given.items() if name in kept},
        )


def aware(at: datetime) -> datetime:
    """Return an instant with its zone: the store's client leaves UTC out."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def read(query: Mapping[str, str], brands: Sequence[Brand], fields: Sequence[Field], now: datetime) -> Scope:
    """Return what a URL asks for; without brand, the one that is first; without period, its whole life, to now.

    Raises
    ------
    ScopeError
        A parameter is unknown, too long, or not allowed.
    """
    known = {"brand", "since", "until"} | {each.name for each in fields}
    for key, value in query.items():
        if key not in known:
            raise ScopeError(f"{key}: unknown here; there are {', '.join(sorted(known))}")
        if len(value) > _LONGEST or not value.isprintable():
            raise ScopeError(f"{key}: at most {_LONGEST} printable characters")
    brand = _brand(query.get("brand", ""), brands, now)
    since = _date("since", query.get("since", "")) or _day(brand.first)
    last = _date("until", query.get("until", ""))
    until = min(last + _DAY, now) if last else _end(brand, now)
    if since >= until:
        raise ScopeError("since: must be before until, and in the past")
    own = {each.name: each.checked(query.get(each.name) or each.default) for each in fields}
    return Scope(
        brand=brand.name,
        since=since,
        until=until,
        now=now,
        reaches_end=until >= min(_day(brand.last) + _DAY, now),
        own=own,
        given=dict(query),
    )


def _brand(name: str, brands: Sequence[Brand], now: datetime) -> Brand:
    if not brands:
        return Brand("", now - _DAY, now)
    for brand in brands:
        if name in {"", brand.name}:
            return brand
    raise ScopeError("brand: unknown")


def _end(brand: Brand, now: datetime) -> datetime:
    """Return the end of a brand's life: now, so that figures end where "now" stands, unless it fell silent a day ago."""
    end = _day(brand.last) + _DAY
    return now if now < end + _DAY else end


def _day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _date(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise ScopeError(f"{name}: must be a day from 1900 to 2299, such as 2026-10-17")
