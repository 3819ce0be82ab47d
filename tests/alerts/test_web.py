"""Alerts over HTTP say the same as the commands, to those who may."""

import asyncio
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from streams.alerts import actions
from streams.alerts.access import opened_routes
from streams.alerts.delivery.message import text
from streams.alerts.routes import routes
from streams.alerts.urls import AlertUrls
from streams.alerts.watcher import Watcher
from streams.settings import CollectorSettings, Settings
from tests.alerts.delivering import delivering, hook
from tests.alerts.receiver import listening
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
    world = World(clickhouse.database_with_tables())
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
    assert found == actions.listed(world.ledger)[0]
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
        (b'{"d\xed\xa0\x80ata": 1}', "no JSON in UTF-8"),
        (b'{"d\\ud800ata": 1}', "no JSON in UTF-8"),
        (b'{"minutes": 1, "by": "\\udfff"}', "no JSON in UTF-8"),
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


TOKEN = "of-the-people-on-call"


@pytest.mark.parametrize(
    ("token", "headers", "statuses"),
    [
        (TOKEN, {"authorization": f"Bearer {TOKEN}"}, (200, 404)),
        (TOKEN, {"authorization": f"Bearer {TOKEN}x"}, (401, 401)),
        (TOKEN, {"authorization": f"Basic {TOKEN}"}, (401, 401)),
        (TOKEN, {}, (401, 401)),
        (TOKEN, {"authorization": f"Bearer {TOKEN}", "origin": "https://evil.example"}, (403, 403)),
        (TOKEN, {"authorization": f"Bearer {TOKEN}", "origin": "null"}, (403, 403)),
        (TOKEN, {"authorization": f"Bearer {TOKEN}", "sec-fetch-site": "cross-site"}, (403, 403)),
        (TOKEN, {"authorization": f"Bearer {TOKEN}", "origin": "http://journey"}, (200, 404)),
        ("", {"host": "127.0.0.1:8080"}, (200, 404)),
        ("", {"host": "localhost"}, (200, 404)),
        ("", {"host": "rebound.example"}, (401, 401)),
    ],
)
def test_who_has_the_token_or_is_this_machine_may_and_no_page_of_elsewhere(world, token, headers, statuses):
    settings = Settings(Path(), store=world.dsn, page_token=token)
    with opened_routes(settings) as found:
        client = Client(Starlette(routes=found))
        asked = (("GET", "/v1/alerts"), ("POST", "/v1/alerts/zz/ack"))
        assert tuple(client.request(*each, headers=headers).status_code for each in asked) == statuses


def test_without_a_token_nothing_is_served_where_others_reach_the_port(world):
    for collector in (
        CollectorSettings(host="192.0.2.1"),
        CollectorSettings(proxies=(ip_network("10.0.0.0/8"),)),
    ):
        with opened_routes(Settings(Path(), store=world.dsn, collector=collector)) as found:
            assert found == ()


def test_a_store_that_is_away_is_told_as_that(own_clickhouse):
    server = own_clickhouse()
    with (
        closing(World(server.database_with_tables()).store) as store,
        opened_routes(Settings(Path(), store=server.dsn)) as found,
    ):
        del store
        server.kill()
        answer = Client(Starlette(routes=found)).request("GET", "/v1/alerts", headers={"host": "127.0.0.1"})
    assert (answer.status_code, answer.json()) == (503, {"error": "the store does not answer: try again"})


def test_a_message_leads_to_the_page_and_to_a_picture_that_its_address_alone_opens(world):
    links = AlertUrls("https://journey.example.com/", TOKEN)
    world.watcher = Watcher(world.store, world.ledger, links=links)
    world.poll()
    world.burst(12, first=300, kind="web.review", rating=1.0, content="bad")
    told = next(told for told in world.watcher.poll(world.now_us) if told.change.what == "opened")
    assert told.reason["link"].startswith("https://journey.example.com/view/spikes?brand=acme&alert=")
    assert told.reason["link"] in text(told)
    path = told.reason["picture"].removeprefix("https://journey.example.com")
    settings = Settings(Path(), store=world.dsn, page_token=TOKEN)
    with opened_routes(settings) as found:
        client = Client(Starlette(routes=found))
        answer = client.request("GET", path, headers={})
        assert (answer.status_code, answer.content[:4]) == (200, b"\x89PNG")
        assert (
            client.request("GET", path[:-1] + ("0" if path[-1] != "0" else "1"), headers={}).status_code
            == 401
        )
        assert client.request("GET", path.partition("?")[0], headers={}).status_code == 401
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert client.request("GET", path.partition("?")[0], headers=bearer).status_code == 200
        assert client.request("GET", "/v1/alerts/zz/1.png", headers=bearer).status_code == 404
    with listening() as receiver, delivering(hook(receiver.url, kind="slack")) as deliverer:
        deliverer.offer(replace(told, silenced=False))
        (taken,) = receiver.wait(1)
    assert taken.json["attachments"][0]["image_url"] == told.reason["picture"]
