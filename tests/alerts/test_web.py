"""Alerts over HTTP say the same as the commands, to those who may."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from streams.alerts import answers
from streams.alerts.web import routes
from tests.alerts.world import World


class Client:
    """Asks an application in this process."""

    def __init__(self, app):
        self.app = app

    def request(self, method, path, **more):
        async def ask():
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://journey") as client:
                return await client.request(
                    method, path, **{"headers": {"authorization": "Bearer right"}} | more
                )

        return asyncio.run(ask())

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, **more):
        return self.request("POST", path, **more)


@pytest.fixture(scope="module")
def world(clickhouse):
    world = World(clickhouse.fresh_database())
    world.poll()
    world.burst(12, content="movie")
    assert world.poll() == ["opened"]
    yield world
    world.store.close()


@pytest.fixture
def client(world):
    async def run(work):
        return work(world.ledger)

    def allowed(request):
        return "ada" if request.headers.get("authorization") == "Bearer right" else None

    return Client(Starlette(routes=routes(run, allowed, lambda: world.now_us)))


def test_an_alert_is_listed_shown_and_taken_on(world, client):
    (found,) = client.get("/v1/alerts").json()
    assert found == answers.listed(world.ledger)[0]
    assert client.get("/v1/alerts?brand=other").json() == []
    assert client.get(f"/v1/alerts/{found['alert']}").json()["reason"]["carried_by"]
    assert client.post(f"/v1/alerts/{found['alert']}/ack").status_code == 200
    assert world.poll() == ["acknowledged"]
    assert client.get("/v1/alerts").json()[0]["acknowledged_by"] == "ada"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/alerts"),
        ("GET", "/v1/alerts/aa"),
        ("POST", "/v1/alerts/aa/ack"),
        ("POST", "/v1/alerts/silences"),
    ],
)
def test_who_may_not_is_told_so_and_nothing_else(client, method, path):
    answer = client.request(method, path, headers={"authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "no JSON object"),
        (b"{", "no JSON"),
        (b'{"minutes": 0}', "minutes"),
        (b'{"minutes": true}', "minutes"),
        (b'{"minutes": 5, "brand": 1}', "brand: must be a text"),
        (b'{"minutes": 5, "brands": "x"}', "brands: unknown"),
        (b'{"minutes": 5, "direction": "up"}', "must be for or against"),
        (b" " * 10_001, "more than 10000 bytes"),
    ],
)
def test_a_bad_silence_is_refused_with_the_key(client, body, said):
    answer = client.post("/v1/alerts/silences", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_a_silence_is_kept(world, client):
    assert client.post("/v1/alerts/silences", json={"minutes": 5, "brand": "acme"}).status_code == 200
    assert [mark.brand for mark in world.ledger.marks() if mark.mark == "silence"] == ["acme"]


def test_an_alert_that_is_not_there_is_not_found(client):
    assert client.get("/v1/alerts/zz").status_code == 404
