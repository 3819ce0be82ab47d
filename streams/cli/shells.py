"""Opens the data directory or server that a command names, and resolves what options say of it: an instant, a brand."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from journey.evidence import LATEST_US
from streams.analysis.brands import brands, said
from streams.beside.beside import Beside
from streams.cli.options import UsageError, read_settings
from streams.clock import exact, from_us
from streams.embedded.embedded import DirectoryInUseError, Embedded
from streams.server.server import Server
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from streams.store.limits_trial import unheld
from streams.text.printable import visible_line

__all__ = ["Opened", "after_horizon", "brand_of", "instant", "no_brand", "opened", "warn_of_limits"]

Opened = Embedded | Beside | Server

_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_NONE = "there are no brands yet: journey load FILE.ndjson brings events"


@contextmanager
def opened(
    data: Path | None, alerts: Path | None = None, *, sources: bool = False, is_steady: bool = False
) -> Iterator[Opened]:
    """Open the data directory, or the server of JOURNEY_STORE, for one command.

    A directory that another process has open is opened beside it, where that process serves commands.

    Parameters
    ----------
    sources
        Whether SQL may read files.
    is_steady
        Whether several queries are to see one state, also while another process writes.
    """
    settings = read_settings(data, alerts)
    with (
        Server(settings)
        if settings.store
        else _directory(settings, sources=sources, is_steady=is_steady) as shell
    ):
        if isinstance(shell, Embedded):
            _warn(shell)
        elif isinstance(shell, Beside):
            _say_all(shell.warnings)
        yield shell


def _directory(settings: Settings, *, sources: bool, is_steady: bool) -> Embedded | Beside:
    """Open a data directory, or ask the process that has it."""
    try:
        return Embedded(settings, sources=sources)
    except DirectoryInUseError as error:
        try:
            return Beside(settings, is_steady=is_steady)
        except OSError:  # nobody listens: another command, say, has it for a moment
            raise error from None


def _warn(embedded: Embedded) -> None:
    """Say what a data directory has lost, a line each."""
    _say_all((*embedded.warnings, str(embedded.losses), *embedded.damaged))
    if embedded.keyless is not None:
        embedded.keyless.was_told = True


def _say_all(lines: Iterable[str]) -> None:
    for line in filter(None, lines):
        print(f"journey: {line}", file=sys.stderr)


def warn_of_limits(store: ClickHouse) -> None:
    """Say in a line which limits of who only reads a server does not hold; the command goes on."""
    if told := unheld(store):
        print(f"journey: {told}", file=sys.stderr)


def instant(text: str | None, shell: Opened, option: str = "--at") -> datetime:
    """Return the instant that an option names, or now."""
    if text is None:
        return from_us(shell.clock())
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{option} {text}: not a time such as 2026-10-17T23:59:00+02:00") from error
    if not _FIRST <= at <= from_us(LATEST_US):
        raise UsageError(f"{option} {text}: must be from 1900 to 2299, as times of events and lapses are")
    return at


def after_horizon(store: ClickHouse, at: datetime, brand: str, option: str = "--at") -> datetime:
    """Return an instant whose interactions are there; `brand` empty is every brand.

    Raises
    ------
    UsageError
        Those before it have expired, of the brand or of one of them.
    """
    late = store.rows(
        "SELECT toString(brand) AS brand, horizon FROM horizons"
        " WHERE horizon > {at:DateTime64(6, 'UTC')} AND {brand:String} IN ('', toString(brand)) ORDER BY brand LIMIT 1",
        {"at": exact(at), "brand": brand},
    )
    if late:
        raise UsageError(
            f"{option} {at:%Y-%m-%dT%H:%M:%SZ}: interactions of {visible_line(late[0]['brand'])} before"
            f" {late[0]['horizon']:%Y-%m-%d} UTC have expired (journey retention show): ask for an instant after that"
        )
    return at


def brand_of(store: ClickHouse, brand: str | None, option: str = "--brand ") -> str:
    """Return a brand that has touches: the one that is named, or the only one. Raises UsageError with those there are."""
    if brand is not None:
        if why := no_brand(store, brand):
            raise UsageError(f"{option}{visible_line(brand)}: {why}")
        return brand
    there = [one.name for one in brands(store)]
    if len(there) == 1:
        return there[0]
    raise UsageError(f"{option.strip()} is needed, one of {visible_line(said(there))}" if there else _NONE)


def no_brand(store: ClickHouse, brand: str) -> str:
    """Return why a brand is none that has touches, with those there are; "" where it is one."""
    there = [one.name for one in brands(store)]
    if brand in there:
        return ""
    return f"there is no such brand; there are {visible_line(said(there))}" if there else _NONE
