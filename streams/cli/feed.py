"""Defines the command feed, which gives applications every announced change of stage, in order."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Annotated, Any, get_args

import typer
from rich.markup import escape

from journey.channel import CHANNELS
from streams.cli.options import Data, Json, UsageError, json_line, say
from streams.cli.shells import Opened, brand_of, instant, opened
from streams.clock import from_us
from streams.embedded.embedded import Embedded
from streams.feed.announcements import (
    NOT_ON_A_CLUSTER,
    REASON,
    STAGE,
    Found,
    Page,
    Wanted,
    document,
    now,
    read,
    since,
)
from streams.feed.audience_changes import AudienceChange
from streams.feed.position import BEGINNING, Position, PositionError
from streams.handles.readable import ReadableReader
from streams.process.shutdown import stopping
from streams.server.server import Server
from streams.store.port import StoreError
from streams.text.printable import visible_line

__all__ = ["feed"]

_LOOK_S, _AWAY_S = 0.5, 5.0
_STAGES: tuple[str, ...] = get_args(STAGE)
_REASONS: tuple[str, ...] = get_args(REASON)
_log = logging.getLogger(__name__)


def feed(  # noqa: PLR0913, PLR0917 - options
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="P",
            help="After this `cursor` of an event, from an instant on, `beginning` or `now`; else from the beginning, with"
            " --follow from now",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what comes, until Ctrl-C or SIGTERM")
    ] = False,
    brands: Annotated[
        list[str] | None, typer.Option("--brand", metavar="B", help="Of this brand; may be repeated")
    ] = None,
    stages: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="STAGE", help="Who come to this stage; may be repeated"),
    ] = None,
    left: Annotated[
        list[str] | None,
        typer.Option("--left", metavar="STAGE", help="Who leave this stage; may be repeated"),
    ] = None,
    reasons: Annotated[
        list[str] | None,
        typer.Option(
            "--reason", metavar="R", help=f"For this reason: {', '.join(_REASONS)}; may be repeated"
        ),
    ] = None,
    channels: Annotated[
        list[str] | None,
        typer.Option(
            "--channel", metavar="C", help="Whose latest touch was on this channel; may be repeated"
        ),
    ] = None,
    audiences: Annotated[
        list[str] | None,
        typer.Option(
            "--audience",
            metavar="NAME",
            help="Who enters and leaves this audience, in the place of changes of stage; may be repeated",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="End after so many")
    ] = None,
    readable: Annotated[
        bool,
        typer.Option("--readable", help="With the customers' readable handles, for who has their key"),
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Print every announced change of stage, each customer's in order, or who enters and leaves audiences; with --json a CloudEvent a line.

    Keep the `cursor` of the last event that was dealt with, and give it to --from: nothing is left out, and what is printed
    again has the same `source` and `id`.
    """
    wanted = Wanted(
        frozenset(brands or ()),
        _of(_STAGES, stages, "--to"),
        _of(_STAGES, left, "--left"),
        _of(_REASONS, reasons, "--reason"),
        _of(CHANNELS, channels, "--channel"),
        frozenset(audiences or ()),
    )
    if audiences and (stages or left or reasons or channels):
        raise UsageError("--audience: --to, --left, --reason and --channel are of changes of stage")
    with opened(data) as shell:
        for brand in () if follow else sorted(wanted.brands):
            brand_of(shell.store, brand)
        if isinstance(shell, Server) and shell.settings.cluster:
            raise UsageError(NOT_ON_A_CLUSTER)
        if follow and isinstance(shell, Embedded):
            raise UsageError(
                "--follow: no process has the data directory open, so that nothing comes: start journey up, or leave --follow out"
            )
        if not isinstance(shell, Server):
            shell.tick()
        reader = ReadableReader.of_settings(shell.settings) if readable else None
        position = _begin(shell, begin, is_following=follow)
        looks = partial(_look, shell, wanted=wanted, readable=reader, is_following=follow)
        for found in _limited(_announcements(looks, position, is_following=follow), limit):
            _print(found, as_json=as_json)


def _of(known: Sequence[str], given: Sequence[str] | None, option: str) -> frozenset[str]:
    for one in given or ():
        if one not in known:
            raise UsageError(f"{option} {visible_line(one)}: there are {', '.join(known)}")
    return frozenset(given or ())


def _begin(shell: Opened, text: str | None, *, is_following: bool) -> Position:
    if text is None:
        text = "now" if is_following else "beginning"
    if text == "beginning":
        return BEGINNING
    if text == "now":
        return now(shell.store)
    if text[:4].isdecimal():
        return since(shell.store, instant(text, shell, "--from"))
    try:
        return Position.parse(text)
    except PositionError as error:
        raise UsageError(
            f"--from {visible_line(text[:80]) or 'is empty'}: not the `cursor` of an event, an instant such as 2026-11-01, beginning or now"
        ) from error


def _announcements(
    look: Callable[[Position], Page | None], position: Position, *, is_following: bool
) -> Iterator[Sequence[Found]]:
    """Yield what each look finds; without following until nothing more is there."""
    with stopping.calling(lambda: None):
        while not stopping.asked.is_set():
            page = look(position)
            if page is None:
                stopping.asked.wait(_AWAY_S)
                continue
            position = page.position
            yield page.announcements
            if page.is_held:
                stopping.asked.wait(_LOOK_S)
            if page.is_whole:
                if not is_following:
                    return
                stopping.asked.wait(_LOOK_S)


def _look(
    shell: Opened,
    position: Position,
    *,
    wanted: Wanted,
    readable: ReadableReader | None,
    is_following: bool,
) -> Page | None:
    """Return the next page; None where a server is away that is waited for."""
    try:
        return read(shell.store, position, wanted, readable=readable)
    except StoreError as error:
        if not (is_following and isinstance(shell, Server)):
            raise
        _log.warning("looking again in %d s: %s", _AWAY_S, error)
        return None


def _limited(pages: Iterator[Sequence[Found]], limit: int | None) -> Iterator[Sequence[Found]]:
    for page in pages:
        yield page[:limit]
        if limit is not None:
            limit -= len(page)
            if limit <= 0:
                return


def _print(page: Sequence[Found], *, as_json: bool) -> None:
    for one in page:
        if as_json:
            print(json_line(document(one)))
        else:
            say(escape(_line(one)))
    sys.stdout.flush()


def _line(one: Found) -> str:
    words: tuple[Any, ...] = (
        f"{from_us(one.at_us):%Y-%m-%d %H:%M:%S}",
        visible_line(one.brand),
        f"#{one.customer:016x}",
        *(
            (one.change, one.audience, one.reason)
            if isinstance(one, AudienceChange)
            else (f"{one.from_stage} → {one.to_stage}", one.reason, one.channel)
        ),
        *(
            f"{kind}:{visible_line(value)}"
            for kind, values in (one.handles or {}).items()
            for value in values
        ),
    )
    return "  ".join(filter(None, words))
