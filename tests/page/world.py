"""The bundled evening in a data directory of this process, and the page over it on a port of its own."""

import csv
import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette

from schemas.apath import parse_model
from streams.apath import in_force
from streams.apath.weigh_sql import evidence_parameters, evidence_sql
from streams.embedded.change_model import begin
from streams.embedded.embedded import Embedded
from streams.handles.find import find
from streams.handles.match import hashes
from streams.inputs.files import frames
from streams.page.setup import opened_page
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from tests.collector.server import KEY, Answer
from tests.fixtures.directories import with_evening


@dataclass
class World:
    """A store, and the page over it."""

    embedded: Embedded
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def load(self, lines: Sequence[bytes]) -> None:
        self.embedded.load(frames(lines, self.embedded.edge(), topic="test", clock=self.embedded.clock))

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return self.embedded.store.rows(sql, parameters)

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """Ask the page; names of headers have _ for -."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def lines(self, path: str) -> list[dict[str, str]]:
        """Return the lines of a CSV of the page, which is there."""
        answer = self.ask(path)
        assert answer.status == 200, answer.body
        return list(csv.DictReader(io.StringIO(answer.body.decode())))

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form as the page's own would be."""
        own = {"origin": self.url, "content_type": "application/x-www-form-urlencoded"}
        return self.ask(path, "POST", urlencode(fields).encode(), **(own | headers))


@contextmanager
def evening(folder: Path, **changed: Any) -> Iterator[World]:
    """Serve the page over the evening, with other settings where they are given."""
    settings = Settings(with_evening(folder / "data", JOURNEY_HANDLE_KEY=KEY.hex()), handle_key=KEY)
    settings = replace(settings, **changed)
    with (
        Embedded(settings) as embedded,
        opened_page(
            settings,
            partial(find, embedded),
            hasher=partial(hashes, embedded),
            activate=partial(activated, embedded),
        ) as page,
    ):
        assert page is not None
        with serving(Starlette(routes=page.routes), page.live.end) as port:
            yield World(embedded, port)


@contextmanager
def serving(application: Starlette, ending: Any) -> Iterator[int]:
    """Serve from a thread; yield the port."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        ending()
        thread.join(20)
        assert not thread.is_alive(), "streams of events end with the server"


def activated(embedded: Embedded, toml: str) -> None:
    """Activate a model on a connection of its own: the directory is another thread's."""
    model = parse_model(toml)
    with closing(ClickHouse(f"chdb://{(embedded.settings.data / 'clickhouse').resolve()}")) as store:
        begin(store, model)
        store.client.command(evidence_sql(), parameters=evidence_parameters(model))
        in_force.activate(store.client, model, toml, embedded.clock())
