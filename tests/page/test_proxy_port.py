"""On a port of the product, who signs people in is who connects, whatever a request says of where it came from."""

import threading
from http.client import HTTPConnection
from ipaddress import ip_network

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from streams.collector.limits import BOUNDS
from streams.http.guard import guard_of
from streams.http.listener import listening, server_of
from streams.settings import Settings
from streams.settings.page_proxy import USER_HEADER, PageProxySettings


@pytest.fixture
def port(tmp_path):
    (tmp_path / "rights.toml").write_text("[people.ada]")
    proxy = PageProxySettings((ip_network("127.0.0.1"),))
    guard = guard_of(Settings(tmp_path, page_tokens=tmp_path / "rights.toml", page_proxy=proxy))

    async def look(request: Request):
        return guard.refused(request) or PlainTextResponse(guard.viewer(request).name)

    with listening("127.0.0.1", 0, variable="JOURNEY_COLLECTOR_PORT", backlog=16) as listener:
        server = server_of(Starlette(routes=[Route("/", look)]), BOUNDS)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(20)


@pytest.mark.parametrize(
    ("peer", "said", "answer"),
    [
        ("127.0.0.1", {}, (200, "ada")),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}, (200, "ada")),
        ("127.0.0.2", {}, (401, "")),
        (
            "127.0.0.2",
            {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1"},
            (401, ""),
        ),
        ("127.0.0.2", {"X-Forwarded-For": "127.0.0.1, 127.0.0.1"}, (401, "")),
    ],
)
def test_the_peer_is_that_of_the_connection(port, peer, said, answer):
    connection = HTTPConnection("127.0.0.1", port, timeout=20, source_address=(peer, 0))
    connection.request("GET", "/", headers={USER_HEADER: "ada"} | said)
    found = connection.getresponse()
    body = found.read().decode()
    assert (found.status, body if found.status == 200 else "") == answer
    connection.close()
