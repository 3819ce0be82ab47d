"""Runs a collector as a process: a socket, uvicorn on it, and a clean end on SIGTERM or SIGINT."""

import gc
import logging
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from journey.identity.handle_key import HandleKey
from journey.identity.rules import HandleRules
from journey.model import Model
from streams.collector.adapters import Adapter
from streams.collector.committer import Committer
from streams.collector.limits import BOUNDS
from streams.collector.requests import Policy, RequestHandler
from streams.collector.routes import HealthRoutes, application, doors
from streams.collector.telemetry import CollectorTelemetry
from streams.collector.write_keys import Keyring, KeyStore
from streams.edge import Edge
from streams.edge.readable import Sealing
from streams.http.cross_site import CrossSiteFilter, Names, names_of
from streams.http.listener import address_of, listening, server_of
from streams.log.sink import Sink
from streams.mood.moods import moods_of
from streams.process.degraded import Degraded
from streams.process.shutdown import stopping
from streams.settings import CollectorSettings, Settings, is_loopback
from streams.telemetry.metrics import Sample

__all__ = ["Parts", "serve", "serve_routes"]

_BACKLOG = 1_024
_GRACE_S = 2  # for requests in hand, of the five seconds in which a process ends
_GC_THRESHOLD = 200_000  # validated events are many small objects without cycles
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that differ between the shells.

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
    degraded
        What does not work as it should while events are accepted, for /health.
    made
        Called with what commits events, for who changes the key or the model meanwhile.
    sealing
        What is encrypted of handles that are kept readable, None for nothing.
    """

    handle_key: HandleKey
    model: Model
    keys: KeyStore
    open_sink: Callable[[], Sink]
    trouble: Callable[[], Sequence[str]] = lambda: ()
    samples: Callable[[], Iterable[Sample]] = lambda: ()
    degraded: Degraded = field(default_factory=Degraded)
    rules: HandleRules = field(default_factory=HandleRules)
    made: Callable[[Committer], None] = lambda _: None
    sealing: Sealing | None = None


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
    telemetry = CollectorTelemetry(
        settings, trouble=parts.trouble, more=parts.samples, degraded=parts.degraded
    )
    committer = Committer(
        Edge(
            parts.handle_key,
            parts.model.identity.nobody,
            rules=parts.rules,
            moods=moods_of(settings.languages),
            sealing=parts.sealing,
        ),
        parts.model.channels,
        parts.open_sink,
        took=telemetry.took,
    )
    parts.made(committer)
    with _listening(settings.collector) as listener, _following(parts.keys) as keyring:
        telemetry.watch(committer.state, keyring)
        policy = Policy(settings.collector.proxies, settings.collector.address_rate)
        intake = RequestHandler(keyring, committer, policy)
        watched = HealthRoutes(telemetry.health, telemetry.ready)
        served = application(intake, watched, adapters, routes, _names(settings))
        server = _server(settings.collector, served)
        telemetry.start()
        committer.start()
        try:
            with _ended_by_signal(server, ending):
                url = _url(settings.collector, listener)
                _log.info("events are taken on %s, with %d write keys", url, len(keyring))
                say(url)
                server.run(sockets=[listener])
        finally:
            committer.stop()
            telemetry.stop()


def serve_routes(
    settings: Settings,
    routes: Sequence[BaseRoute],
    *,
    ending: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Serve routes alone, taking no events, until SIGTERM or SIGINT; otherwise as `serve`."""
    judged = Middleware(CrossSiteFilter, _names(settings), doors())
    with _listening(settings.collector) as listener:
        server = _server(settings.collector, Starlette(routes=list(routes), middleware=[judged]))
        with _ended_by_signal(server, ending):
            say(_url(settings.collector, listener))
            server.run(sockets=[listener])


def _names(settings: Settings) -> Names:
    """Return the host names of the port; any, where others reach it: then every answer needs a token."""
    is_ours = is_loopback(settings.collector.host) and not settings.collector.proxies
    return names_of(settings.collector.host, settings.public_url, is_loopback=is_ours)


def _server(settings: CollectorSettings, served: Starlette) -> uvicorn.Server:
    server = server_of(served, BOUNDS, settings, loop="uvloop", timeout_graceful_shutdown=_GRACE_S)
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]  # they are ours: `stopping`
    return server


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
def _ended_by_signal(server: uvicorn.Server, ending: Callable[[], None]) -> Iterator[None]:
    """End the server cleanly at a signal; one that came before it listened ends it at once."""

    def stop() -> None:
        server.should_exit = True
        ending()

    with stopping.calling(stop):
        yield


def _url(settings: CollectorSettings, listener: socket.socket) -> str:
    return address_of(settings.host, listener, secure=bool(settings.certificate))
