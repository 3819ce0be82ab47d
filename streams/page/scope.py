"""Parses and validates the parameters of a view's URL: brand, period and the view's own."""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from types import MappingProxyType
from urllib.parse import quote, urlencode

from schemas.event import MAX_NAME
from streams.analysis.brands import Brand
from streams.clock import with_offset
from streams.page.field import Field, ScopeError
from streams.page.model_marks import ModelMark

__all__ = ["FILTERED", "Field", "Scope", "ScopeError", "has_brand", "presets", "read"]

_DATE = re.compile(r"(19|20|21|22)\d\d-\d\d-\d\d", re.ASCII)  # what ClickHouse's times reach
_DAY, _INSTANT = timedelta(days=1), timedelta(microseconds=1)
_LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
_YEAR = 366  # days
# A view opens with so much where the URL names no period: one event of long ago does not flatten every chart.
_AT_FIRST = _YEAR * _DAY
FILTERED = frozenset({"flow", "customers", "lapses", "channels", "content", "spikes"})
"""Views that can be restricted, to customers with a certain touch or to certain touches: the parameters that begin with met_."""
_PRESETS = {"7 days": 7, "30 days": 30, "90 days": 90, "1 year": _YEAR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The parsed parameters of a view.

    Attributes
    ----------
    brand
        Empty where the store has no brand yet.
    since, until
        The period: from the start of a day to the end of one, at most now; until is not in it. Both are in UTC.
    zone
        Whose days these are.
    now
        When it was asked.
    brands
        The names of all that may be seen.
    all_brands
        Whether these are all that there are, for who may see what is of no single brand.
    reaches_end
        Whether the period reaches the brand's last touch.
    first
        The brand's first day.
    models
        When models came into force in place of others.
    own
        The view's own parameters: every field has its value or default.
    given
        The URL's parameters, for links.
    """

    brand: str
    since: datetime
    until: datetime
    now: datetime
    zone: tzinfo = UTC
    brands: tuple[str, ...] = ()
    all_brands: bool = True
    reaches_end: bool = True
    first: datetime = _LONG_AGO
    models: tuple[ModelMark, ...] = ()
    own: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, object]:
        """What every query may name: brand, since, until, now; all_brands: 1 for who may see what is of no single brand."""
        return {
            "all_brands": int(self.all_brands),
            "brand": self.brand,
            "since": self.since,
            "until": self.until,
            "now": self.now,
        }

    @property
    def is_first(self) -> bool:
        """Whether the brand has nothing before the period."""
        return self.since <= self.first

    @property
    def marked(self) -> list[tuple[datetime, str]]:
        """The moments that charts over time mark, and what each says."""
        return [(each.at, each.said(self.zone)) for each in self.models]

    def local(self, at: datetime) -> datetime:
        """Return an instant in the brand's time zone."""
        return with_offset(at, self.zone)

    @property
    def first_day(self) -> date:
        """The period's first day."""
        return _day_of(self.since, self.zone)

    @property
    def last_day(self) -> date:
        """The period's last day."""
        return _day_of(self.until - _INSTANT, self.zone)

    def midnight(self, days: int) -> datetime:
        """Return the start of the day so many after the first one: where clocks change, not so many times 24 hours later."""
        return _midnight(self.first_day + days * _DAY, self.zone)

    @property
    def before(self) -> datetime:
        """The start of the equally long period before."""
        return self.since - (self.until - self.since)

    @property
    def at(self) -> datetime:
        """The instant that is asked about: now, where the period reaches the end of the data."""
        return self.now if self.reaches_end else self.until

    def address(self, view: str, **own: str) -> str:
        """Return the URL of a view of the same brand, period and restriction, with its own parameters."""
        kept = {key: self.given[key] for key in ("brand", "since", "until") if key in self.given}
        if view in FILTERED:
            kept |= {key: value for key, value in self.given.items() if key.startswith("met_") and value}
        return f"/view/{quote(view)}?{urlencode({'brand': self.brand} | kept | {key: value for key, value in own.items() if value})}"

    def only(self, names: Collection[str]) -> "Scope":
        """Return the same brand and period with these of the view's own parameters, and no others."""
        kept = {"brand", "since", "until", *names, *(name for name in self.own if name.startswith("met_"))}
        return replace(
            self,
            own={name: value for name, value in self.own.items() if name in kept},
            given={name: value for name, value in self.given.items() if name in kept},
        )


def read(  # noqa: PLR0913, PLR0917 - what a URL is read with
    query: Mapping[str, str],
    brands: Sequence[Brand],
    fields: Sequence[Field],
    now: datetime,
    opens: timedelta = _AT_FIRST,
    zones: Mapping[str, tzinfo] = MappingProxyType({}),
) -> Scope:
    """Return what a URL asks for; without brand, the one that is first; without period, its last year, to now.

    Parameters
    ----------
    opens
        How much is shown where the URL names no period.
    zones
        Whose days a brand's are, by brand; that of "" for all others, UTC without it.

    Raises
    ------
    ScopeError
        A parameter is unknown, too long, or not allowed.
    """
    known = {"brand", "since", "until"} | {each.name for each in fields}
    for key, value in query.items():
        if key not in known:
            raise ScopeError(f"{key}: unknown here; there are {', '.join(sorted(known))}")
        if len(value) > MAX_NAME:  # whatever the contract takes for a name can be asked for
            raise ScopeError(f"{key}: at most {MAX_NAME} characters")
    brand = _brand(query.get("brand", ""), brands, now)
    zone = zones.get(brand.name) or zones.get("") or UTC
    last, first = _date("until", query.get("until", "")), _date("since", query.get("since", ""))
    until = min(_midnight(last + _DAY, zone), now) if last else _end(brand, now, zone)
    _refuse_expired(brand, until, query.get("at", ""))
    shortest = _midnight(_day_of(until - _INSTANT, zone) - opens + _DAY, zone)
    since = _midnight(first, zone) if first else max(_begin(brand, zone), shortest)
    if since >= until:
        raise ScopeError("since: must be before until, and in the past")
    own = {each.name: each.checked(query.get(each.name) or each.default) for each in fields}
    return Scope(
        brand=brand.name,
        since=since,
        until=until,
        now=now,
        brands=tuple(each.name for each in brands),
        first=_begin(brand, zone),
        reaches_end=until >= min(_midnight(_day_of(brand.last, zone) + _DAY, zone), now),
        zone=zone,
        own=own,
        given={name: value for name, value in query.items() if value},
    )


def _brand(name: str, brands: Sequence[Brand], now: datetime) -> Brand:
    if not brands:
        return Brand("", now - _DAY, now)
    if (found := _found(name, brands)) is None:
        raise ScopeError("brand: unknown")
    return found


def has_brand(brands: Sequence[Brand], name: str) -> bool:
    """Return whether a URL that names this brand, or none, can be answered."""
    return _found(name, brands) is not None


def _found(name: str, brands: Sequence[Brand]) -> Brand | None:
    if not name:
        return brands[0] if brands else None
    exact = next((brand for brand in brands if brand.name == name), None)
    return exact or next((brand for brand in brands if _submitted(brand.name) == name), None)


def _submitted(name: str) -> str:
    """Return a name as a form sends it: browsers change line ends, and NUL, which HTML does not have."""
    return re.sub(r"\r\n|\r|\n", "\r\n", name).replace("\0", "\ufffd")


def _end(brand: Brand, now: datetime, zone: tzinfo) -> datetime:
    """Return the end of a brand's life: now, so that figures end at "now", unless it fell silent a day ago."""
    last = _day_of(brand.last, zone)
    return now if now < _midnight(last + 2 * _DAY, zone) else _midnight(last + _DAY, zone)


def presets(brand: Brand, now: datetime, zone: tzinfo = UTC) -> dict[str, date]:
    """Return the first day of each period to choose from, by its label; all of them end as the brand does."""
    first, last = _day_of(_begin(brand, zone), zone), _day_of(_end(brand, now, zone) - _INSTANT, zone)
    found = {label: last - (days - 1) * _DAY for label, days in _PRESETS.items()}
    return {label: since for label, since in found.items() if since > first} | {"all": first}


def _begin(brand: Brand, zone: tzinfo) -> datetime:
    """Return the start of the first day of which there are touches: those before the horizon have expired."""
    first = _midnight(_day_of(brand.first, zone), zone)
    return first if brand.horizon is None else max(first, brand.horizon)


def _refuse_expired(brand: Brand, until: datetime, at: str) -> None:
    """Raise ScopeError where what is asked about is an instant whose interactions have expired."""
    if brand.horizon is None:
        return
    with suppress(ValueError):
        asked = datetime.fromisoformat(at)
        until = min(until, asked if asked.tzinfo else asked.replace(tzinfo=UTC))
    if until <= brand.horizon:
        raise ScopeError(f"Interactions before {brand.horizon:%-d %B %Y} have expired: ask for a later day")


def _day_of(at: datetime, zone: tzinfo) -> date:
    return at.astimezone(zone).date()


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Return the start of a day as an instant in UTC; the first that ClickHouse's times reach at the earliest."""
    return max(datetime.combine(day, time(), zone).astimezone(UTC), _LONG_AGO)


def _date(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ScopeError(f"{name}: must be a day from 1900 to 2299, such as 2026-10-17")
