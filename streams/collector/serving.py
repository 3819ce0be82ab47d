"""A collector as a process: a socket, uvicorn on it, and a clean end on SIGTERM or SIGINT."""

import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from journey.model import Model
from streams.adapters import Adapter
from streams.collector.committer import Committer
from streams.collector.intake import Intake, Policy
from streams.collector.keys import Keyring, KeyStore
from streams.collector.protocol import Connection
from streams.collector.sinks import Sink
from streams.collector.web import Watched, application
from streams.edge import Edge
from streams.listening import address_of, listening, server_of
from streams.settings import CollectorSettings, Settings
from streams.telemetry.collector import CollectorTelemetry
from streams.telemetry.metrics import Sample

__all__ = ["Parts", "serve", "serve_routes"]

_BACKLOG = 1_024
_KEEP_ALIVE_S = 75
_GRACE_S = 20
_GC_THRESHOLD = 200_000  # validated events are many small objects without cycles
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What differs between the shells.

    Attributes
    ----------
    handle_key, model
        What handles are hashed with; nobody and channels.
    keys
        Where write keys are; closed at the end.
    open_sink
        Opens the log.
    trouble
        What else is wrong, in words, for /health.
    samples
        Metrics of what else this process does.
    """

    handle_key: bytes
    model: Model
    keys: KeyStore
    open_sink: Callable[[], Sink]
    trouble: Callable[[], Sequence[str]] = lambda: ()
    samples: Callable[[], Iterable[Sample]] = lambda: ()


def serve(  # noqa: PLR0913 - keywords
    settings: Settings,
    parts: Parts,
    *,
    adapters: Sequence[Adapter] = (),
    routes: Sequence[BaseRoute] = (),
    ending: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Take events until SIGTERM or SIGINT, then answer what has come and let go of the log.

    Parameters
    ----------
    routes
        Whatever else is served at the same port.
    ending
        Called at the signal to end, for answers of theirs that would go on for ever.
    say
        Called with the address, once it listens.

    Raises
    ------
    SettingsError
        Nobody can listen there; it names what to change.
    """
    gc.set_threshold(_GC_THRESHOLD)
    telemetry = CollectorTelemetry(settings, trouble=parts.trouble, more=parts.samples)
    committer = Committer(
        Edge(parts.handle_key, parts.model.identity.nobody),
        parts.model.channels,
        parts.open_sink,
        took=telemetry.took,
    )
    with _listening(settings.collector) as listener, _following(parts.keys) as keyring:
        telemetry.watch(committer.state, keyring)
        policy = Policy(settings.collector.proxies, settings.collector.address_rate)
        intake = Intake(keyring, committer, policy)
        watched = Watched(telemetry.health, telemetry.ready)
        server = _server(settings.collector, application(intake, watched, adapters, routes))
        telemetry.start()
        committer.start()
        try:
            with _signals(server, ending):
                url = _url(settings.collector, listener)
                _log.info("events are taken on %s, with %d write keys", url, len(keyring))
                say(url)
                server.run(sockets=[listener])
        finally:
            committer.stop()
            telemetry.stop()


def serve_routes(
    settings: CollectorSettings,
    routes: Sequence[BaseRoute],
    *,
    ending: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Serve routes alone, taking no events, until SIGTERM or SIGINT; otherwise as `serve`."""
    with _listening(settings) as listener:
        server = _server(settings, Starlette(routes=list(routes)))
        with _signals(server, ending):
            say(_url(settings, listener))
            server.run(sockets=[listener])


def _server(settings: CollectorSettings, served: Starlette) -> uvicorn.Server:
    return server_of(
        served,
        settings,
        http=Connection,
        loop="uvloop",
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _listening(settings: CollectorSettings) -> AbstractContextManager[socket.socket]:
    return listening(settings.host, settings.port, variable="JOURNEY_COLLECTOR_PORT", backlog=_BACKLOG)


@contextmanager
def _following(keys: KeyStore) -> Iterator[Keyring]:
    try:
        keyring = Keyring(keys)
    except BaseException:
        keys.close()
        raise
    keyring.start()
    try:
        yield keyring
    finally:
        keyring.close()


@contextmanager
def _signals(server: uvicorn.Server, ending: Callable[[], None]) -> Iterator[None]:
    """End cleanly: uvicorn raises a signal that it was ended by again, which must not kill what comes after."""

    def stop(*_: object) -> None:
        server.should_exit = True
        ending()

    before = [(number, signal.signal(number, stop)) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler if number == signal.SIGINT else signal.SIG_DFL)


def _url(settings: CollectorSettings, listener: socket.socket) -> str:
    return address_of(settings.host, listener, secure=bool(settings.certificate))
