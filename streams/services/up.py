"""Runs `journey up`: collector, engine, alerts, SQL endpoint and page in one process over a data directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from streams.alerts.access import opened_routes
from streams.clock import system_clock
from streams.collector.adapters.files import load
from streams.collector.server import Parts, serve
from streams.collector.write_key_stores import KeyFile
from streams.edge import Edge
from streams.embedded.embedded import Embedded
from streams.handles.find import find
from streams.handles.match import hashes
from streams.inputs.demo import DemoTraffic
from streams.log.sink import FileSink
from streams.mood.moods import moods_of
from streams.page.routes import Page
from streams.page.setup import opened_page
from streams.process.stuck_threads import STUCK
from streams.services.control import Control, control_served
from streams.services.engine_thread import EngineThread
from streams.settings import Settings
from streams.sql.server import queries_served

if TYPE_CHECKING:
    from streams.collector.committer import Committer

__all__ = ["Say", "up"]


class Say(Protocol):
    """A printer of the open ports, each with its URL."""

    def events(self, url: str, *, page: bool) -> None:
        """Print the URL where events are accepted, and whether the page is shown there."""

    def queries(self, url: str) -> None:
        """Say where queries are answered."""


def up(settings: Settings, say: Say, *, demo: bool) -> None:
    """Serve until SIGTERM or SIGINT; with `demo`, a few made-up events come in each second.

    Raises
    ------
    DirectoryInUseError
        Another process has the directory open.
    SettingsError
        A setting cannot be used.
    """
    pump = EngineThread(settings)
    STUCK.tell(pump.degraded)
    try:
        embedded = pump.start()
        log = settings.data / "log.sqlite"
        packers, controls = _Packers(), list[Control]()
        parts = Parts(
            embedded.key,
            embedded.model,
            KeyFile(settings.data),
            lambda: FileSink(log),
            pump.trouble,
            lambda: chain(pump.samples(), *(one.samples() for one in controls)),
            pump.degraded,
            embedded.rules,
            packers.committers.append,
            embedded.sealing,
        )
        with (
            control_served(pump, embedded, packers.use) as control,
            opened_page(
                settings,
                partial(find, embedded),
                hasher=partial(hashes, embedded),
                activate=partial(control.activate, who="the page"),
                keys=lambda: KeyFile(settings.data),
            ) as page,
            opened_routes(settings) as alerts,
            queries_served(settings) as url,
            _living(parts, packers, demo=demo),
        ):
            controls.append(control)
            if url:
                say.queries(url)
            serve(
                settings,
                parts,
                adapters=load(settings.adapters, moods_of(settings.languages)),
                routes=[*(page.routes if page else ()), *alerts],
                ending=partial(_end, control, page),
                say=lambda url: say.events(url, page=page is not None),
            )
    finally:
        pump.stop()


def _end(control: Control, page: Page | None) -> None:
    control.end()
    if page is not None:
        page.end()


class _Packers:
    """What packs events into frames in this process, to go over to another key or model together."""

    def __init__(self) -> None:
        self.committers: list[Committer] = []
        self.living: list[DemoTraffic] = []

    def use(self, embedded: Embedded) -> None:
        """Have all of them pack with the key and the model that are in force."""
        for committer in self.committers:
            committer.use(embedded.edge(), embedded.model.channels)
        for living in self.living:
            living.use(embedded.edge())


@contextmanager
def _living(parts: Parts, packers: _Packers, *, demo: bool) -> Iterator[None]:
    """Keep made-up events coming meanwhile, where that is asked for."""
    if not demo:
        yield
        return
    living = DemoTraffic(
        Edge(parts.handle_key, parts.model.identity.nobody, rules=parts.rules, sealing=parts.sealing),
        parts.open_sink,
        system_clock,
    )
    packers.living.append(living)
    living.start()
    try:
        yield
    finally:
        living.stop()
