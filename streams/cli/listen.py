"""Defines the commands that listen to networks: bluesky and mastodon."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from streams import environment, faults
from streams.cli.options import UsageError, say
from streams.clock import aware, system_clock, to_us
from streams.process.shutdown import stopping
from streams.settings import Settings
from streams.settings.listening import ListenSettings

if TYPE_CHECKING:
    from streams.listen.mastodon import Home
    from streams.listen.outbox import Outbox
    from streams.listen.telemetry import Report

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

Collector = Annotated[
    str,
    typer.Option(
        "--collector",
        metavar="URL",
        help="Of journey up or journey collector; the write key is in JOURNEY_WRITE_KEY",
    ),
]
Brand = Annotated[
    str,
    typer.Option("--brand", metavar="B", help="The brand; else the one of the write key", show_default=False),
]
State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="Where it is kept how far was read, and what may be taken back; else JOURNEY_LISTEN_STATE, else .journey-listen",
        show_default=False,
    ),
]
Remember = Annotated[
    int,
    typer.Option(
        "--remember",
        metavar="N",
        min=1,
        help="How many acts may be taken back; then the oldest are forgotten",
    ),
]
CaughtUp = Annotated[
    bool,
    typer.Option("--until-caught-up", help="End once everything up to now has been read: for a job of cron"),
]
WebPort = Annotated[
    str | None,
    typer.Option(
        "--web-port",
        metavar="N",
        help="Port for /health and /metrics; else JOURNEY_WEB_PORT, else none",
        show_default=False,
    ),
]
_COLLECTOR, _REMEMBER = "http://127.0.0.1:8080", 1_000_000


@app.command("bluesky")
def bluesky(  # noqa: PLR0913, PLR0917 - options
    account: Annotated[
        list[str],
        typer.Option("--account", metavar="NAME", help="The brand's account: its DID or its handle"),
    ],
    collector: Collector = _COLLECTOR,
    brand: Brand = "",
    state: State = None,
    server: Annotated[
        list[str] | None,
        typer.Option(
            "--server", metavar="URL", help="Of Jetstream, wss://…; else Bluesky's own", show_default=False
        ),
    ] = None,
    resolver: Annotated[
        str | None,
        typer.Option(
            "--resolver",
            metavar="URL",
            help="Which finds the DID of a handle; else Bluesky's own",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="T",
            help="Begin here at the first start, RFC 3339; else now. Jetstream has about a day",
        ),
    ] = None,
    remember: Remember = _REMEMBER,
    until_caught_up: CaughtUp = False,
    web_port: WebPort = None,
) -> None:
    """Send what people do to the brand's posts and accounts on Bluesky to a collector, until SIGTERM or Ctrl-C.

    Mentions, replies, quotes, likes, reposts and follows; what is deleted is taken back. After a break it goes on from where the
    collector has everything.
    """
    from streams.listen.addresses import checked  # noqa: PLC0415
    from streams.listen.bluesky import SOURCE  # noqa: PLC0415
    from streams.listen.identity import RESOLVER, did_of  # noqa: PLC0415
    from streams.listen.jetstream import SERVERS, Jetstream  # noqa: PLC0415
    from streams.listen.pauses import Pauses  # noqa: PLC0415 - the extra listen

    servers = [checked(each, "wss", "--server") for each in server or SERVERS]
    finder = checked(resolver or RESOLVER, "https", "--resolver")
    since_us = _instant(since) if since else system_clock()
    task = _Task(SOURCE, collector, brand, state, remember, web_port)
    with stopping.calling(lambda: None):
        accounts = [did_of(each, finder, Pauses(stopping.asked)) for each in account]
        if not all(accounts):
            return
        with _outbox(task) as (outbox, report):
            say(f"listening to Bluesky for [bold]{', '.join(accounts)}[/]; events go to {task.collector}")
            _until_stopped(
                Jetstream(
                    servers,
                    accounts,
                    outbox,
                    asked=stopping.asked,
                    clock=system_clock,
                    report=report.tick,
                    since_us=since_us,
                    until_caught_up=until_caught_up,
                ).run
            )


@app.command("mastodon")
def mastodon(  # noqa: PLR0913, PLR0917 - options
    server: Annotated[
        str,
        typer.Option(
            "--server",
            metavar="URL",
            help="Of the brand's account, https://…; its token is in JOURNEY_MASTODON_TOKEN",
        ),
    ],
    collector: Collector = _COLLECTOR,
    brand: Brand = "",
    state: State = None,
    remember: Remember = _REMEMBER,
    until_caught_up: CaughtUp = False,
    web_port: WebPort = None,
) -> None:
    """Send what people do to the brand's posts and account on Mastodon to a collector, until SIGTERM or Ctrl-C.

    Mentions, replies, quotes, favourites, boosts and follows; posts that are deleted are taken back. After a break it asks the
    server for what came meanwhile.
    """
    from streams.listen.addresses import checked  # noqa: PLC0415
    from streams.listen.mastodon import SOURCE  # noqa: PLC0415
    from streams.listen.mastodon_api import MastodonApi  # noqa: PLC0415
    from streams.listen.mastodon_stream import MastodonStream, home_of  # noqa: PLC0415
    from streams.listen.pauses import Pauses  # noqa: PLC0415 - the extra listen

    token = ListenSettings.read(state).mastodon_token
    if not token:
        raise UsageError(
            "JOURNEY_MASTODON_TOKEN, or JOURNEY_MASTODON_TOKEN_FILE: must be the access token of the brand's account"
        )
    task = _Task(SOURCE, collector, brand, state, remember, web_port)
    with (
        stopping.calling(lambda: None),
        closing(MastodonApi(checked(server, "https", "--server"), token)) as api,
    ):
        home = home_of(api, Pauses(stopping.asked))
        if home is None:
            return
        with _outbox(task, home) as (outbox, report):
            say(
                escape(
                    f"listening to {home.server} for @{home.username}@{home.domain}; events go to {task.collector}"
                )
            )
            _until_stopped(
                MastodonStream(
                    api,
                    home,
                    outbox,
                    asked=stopping.asked,
                    clock=system_clock,
                    report=report.tick,
                    until_caught_up=until_caught_up,
                ).run
            )


@dataclass(frozen=True, slots=True)
class _Task:
    """What all listeners are told."""

    source: str
    collector: str
    brand: str
    state: Path | None
    remember: int
    web_port: str | None


@contextmanager
def _outbox(task: _Task, home: "Home | None" = None) -> "Iterator[tuple[Outbox, Report]]":
    """Open the state, count and log; close them in the end."""
    from streams.listen.addresses import checked  # noqa: PLC0415
    from streams.listen.outbox import Outbox, Tally  # noqa: PLC0415
    from streams.listen.sender import Sender  # noqa: PLC0415
    from streams.listen.state import State as ListenState  # noqa: PLC0415
    from streams.listen.telemetry import ListenTelemetry, Report  # noqa: PLC0415 - the extra listen
    from streams.mood.moods import moods_of  # noqa: PLC0415
    from streams.telemetry import logs  # noqa: PLC0415 - as above

    if task.web_port is not None:
        environment.put("JOURNEY_WEB_PORT", task.web_port)
    settings, listening = Settings.read(), ListenSettings.read(task.state)
    faults.arm_by(settings.fault)
    logs.install(settings)
    url, moods = checked(task.collector, "https", "--collector"), moods_of(settings.languages)
    kept = ListenState(
        listening.state,
        f"{task.source}-{home.domain}" if home else task.source,
        account=home.account if home else "",
        handle_key=settings.handle_key,
        most=task.remember,
    )
    tally, sender = Tally(), Sender(url, listening.write_key, stopping.asked)
    report = Report(task.source, tally, kept)
    telemetry = ListenTelemetry(settings, tally, kept, sender, system_clock)
    try:
        if environment.text("JOURNEY_WEB_PORT"):
            telemetry.start()
        outbox = Outbox(sender, kept, tally, source=task.source, brand=task.brand, moods=moods)
        yield outbox, report
    finally:
        report.log()
        telemetry.stop()
        sender.close()
        kept.close()


def _instant(text: str) -> int:
    """Return an instant, which is not ahead, in microseconds since 1970."""
    try:
        at_us = to_us(aware(datetime.fromisoformat(text)))
    except (ValueError, OverflowError):
        at_us = -1
    if not 0 < at_us <= system_clock():
        raise UsageError(f"--since {text}: must be a time in the past such as 2026-10-17T12:00:00Z")
    return at_us


def _until_stopped(run: Callable[[], None]) -> None:
    from streams.listen.sender import NotSentError  # noqa: PLC0415 - the extra listen

    try:
        run()
    except NotSentError:
        say("the collector does not have the last events; they are read again at the next start")
