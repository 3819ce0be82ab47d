"""Who may look: the token where the page is not for its own machine alone, and changes only from the page itself."""

import asyncio
from dataclasses import replace
from ipaddress import ip_network

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from streams.http.guard import Guard
from streams.page.setup import opened_page
from streams.settings import CollectorSettings, Settings, SettingsError

TOKEN = "a-token-of-thirty-two-characters"


class Client:
    """Asks an application in this process, and keeps its cookies."""

    def __init__(self, application):
        self._application, self._cookies = application, httpx.Cookies()

    def get(self, path, **more):
        return asyncio.run(self._ask("GET", path, **more))

    def post(self, path, **more):
        return asyncio.run(self._ask("POST", path, **more))

    async def _ask(self, method, path, **more):
        transport = httpx.ASGITransport(app=self._application)
        base = "https://journeys.example"
        async with httpx.AsyncClient(transport=transport, base_url=base, cookies=self._cookies) as asked:
            answer = await asked.request(method, path, **more)
            self._cookies = asked.cookies
            return answer


def client(token, **options):
    guard = Guard(token, **options)

    async def look(request: Request):
        return guard.refused(request) or PlainTextResponse("shown")

    async def change(request: Request):
        return guard.refused_change(request) or PlainTextResponse("changed")

    routes = [Route("/view/x", look), Route("/view/x", change, methods=["POST"])]
    return Client(Starlette(routes=routes))


def test_without_the_token_nothing_is_shown():
    asked = client(TOKEN)
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic " + TOKEN},
        {"cookie": "journey-page=x"},
    ):
        answer = asked.get("/view/x", headers=headers)
        assert (answer.status_code, "shown" in answer.text) == (401, False)
    assert asked.get("/view/x?token=wrong").status_code == 401


def test_the_token_opens_it_once_in_the_address_and_then_by_a_cookie_that_is_not_the_token():
    asked = client(TOKEN, secure=True)
    answer = asked.get(f"/view/x?brand=a%26b&token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/view/x?brand=a%26b")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "secure"))
    assert TOKEN not in cookie
    assert asked.get("/view/x").text == "shown"
    assert client(TOKEN).get("/view/x", headers={"authorization": f"Bearer {TOKEN}"}).text == "shown"


def test_the_way_back_leads_nowhere_else():
    answer = client(TOKEN).get(f"//evil.example/view?token={TOKEN}")
    assert not answer.headers.get("location", "/").startswith("//")


@pytest.mark.parametrize(
    "origin", [None, "https://evil.example", "null", "https://journeys.example.evil.example"]
)
def test_a_change_from_elsewhere_is_refused(origin):
    headers = {"authorization": f"Bearer {TOKEN}"} | ({"origin": origin} if origin else {})
    assert client(TOKEN).post("/view/x", headers=headers).status_code == 403
    own = headers | {"origin": "https://journeys.example"}
    assert client(TOKEN).post("/view/x", headers=own).text == "changed"


def test_a_change_without_the_token_is_refused():
    assert client(TOKEN).post("/view/x", headers={"origin": "https://journeys.example"}).status_code == 401


def test_where_others_reach_the_port_there_is_no_page_without_a_token(tmp_path):
    outside = Settings(
        tmp_path, collector=CollectorSettings(host="192.0.2.1", certificate="c", certificate_key="k")
    )
    proxied = Settings(tmp_path, collector=CollectorSettings(proxies=(ip_network("10.0.0.0/8"),)))
    for settings in (outside, proxied):
        with opened_page(settings, lambda *_: []) as page:
            assert page is None
        with opened_page(replace(settings, page_token=TOKEN), lambda *_: []) as page:
            assert page is not None


def test_a_short_token_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("JOURNEY_PAGE_TOKEN", "short")
    with pytest.raises(SettingsError, match="JOURNEY_PAGE_TOKEN: must be at least 16"):
        Settings.read(tmp_path)
