"""Pages of other sites in Chromium: nothing that they have the browser ask for is answered, on any port."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.page.conftest import ARGUMENTS
from tests.ports.world import Ports

ADDRESSES = {
    "events": ("/", "/view/flow", "/view/flow/moves.csv", "/view/flow/moves.sql", "/static/style.css", "/events", "/health", "/ready",
               "/docs", "/openapi.json", "/v1/alerts", "/v1/alerts/a/1.png", "/nothing"),
    "sql": ("/?query=SELECT%201", "/ping", "/replicas_status", "/nothing"),
    "metrics": ("/metrics", "/health", "/ready", "/nothing"),
}  # fmt: skip
WAYS = {
    "img": "u => new Promise(r => { const e = new Image(); e.onload = e.onerror = r; e.src = u; })",
    "script": "u => new Promise(r => { const e = document.createElement('script'); e.onload = e.onerror = r; e.src = u; document.body.append(e); })",
    "style": "u => new Promise(r => { const e = document.createElement('link'); e.rel = 'stylesheet'; e.onload = e.onerror = r; e.href = u; document.head.append(e); })",
    "iframe": "u => new Promise(r => { const e = document.createElement('iframe'); e.onload = r; e.src = u; document.body.append(e); })",
    "fetch": "u => fetch(u).catch(() => 0)",
    "fetch without cors": "u => fetch(u, {mode: 'no-cors', credentials: 'include'}).catch(() => 0)",
    "fetch without referrer": "u => fetch(u, {mode: 'no-cors', referrerPolicy: 'no-referrer'}).catch(() => 0)",
    "fetch with a preflight": "u => fetch(u, {method: 'POST', headers: {'x-other': '1'}, body: '{}'}).catch(() => 0)",
    "post": "u => fetch(u, {method: 'POST', mode: 'no-cors', body: 'SELECT 1'}).catch(() => 0)",
    "form": "u => new Promise(r => { const i = document.createElement('iframe'); i.name = 'f' + Math.random(); document.body.append(i);"
    " const f = document.createElement('form'); f.method = 'POST'; f.action = u; f.target = i.name; document.body.append(f);"
    " i.onload = r; f.submit(); setTimeout(r, 3000); })",
    "events": "u => new Promise(r => { const e = new EventSource(u); e.onopen = e.onerror = () => { e.close(); r(); }; })",
    "prefetch": "u => new Promise(r => { const e = document.createElement('link'); e.rel = 'prefetch'; e.onload = e.onerror = r; e.href = u; document.head.append(e); setTimeout(r, 2000); })",
}  # fmt: skip
SOCKET = "u => new Promise(r => { const s = new WebSocket(u); s.onopen = () => r('open'); s.onerror = () => r('refused'); })"


class Foreign(BaseHTTPRequestHandler):
    """A page of another site."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>other</title><body>other"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def foreign_site() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("a browser needs chromium, not found on PATH")
    rebound = ["--host-resolver-rules=MAP evil.example 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, *rebound])
        yield browser
        browser.close()


@pytest.fixture(params=["127.0.0.1", "localhost", "evil.example"])
def foreign(request, browser) -> Iterator[Page]:
    """A page of another port of this machine, of another name of it, and of a site whose name was led here."""
    with foreign_site() as port:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://{request.param}:{port}/")
        yield page
        context.close()


class Answers:
    """What our ports answer a page, also where the browser does not let it see that."""

    def __init__(self, page: Page, up: Ports) -> None:
        self._page, self._urls, self._codes = page, dict[str, str](), list[tuple[str, int]]()
        self._ours = tuple(f"http://127.0.0.1:{port}/" for port in up.ports.values())
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.responseReceivedExtraInfo", self._answered)

    def _asked(self, said: dict[str, Any]) -> None:
        self._urls.setdefault(said["requestId"], said["request"]["url"])

    def _answered(self, said: dict[str, Any]) -> None:
        self._codes.append((said["requestId"], said["statusCode"]))

    def wait(self, addresses: int) -> set[tuple[int, str]]:
        """Wait until so many addresses have answered, and return each with its status."""
        for _ in range(100):
            found = {(code, self._urls.get(name, "")) for name, code in self._codes}
            found = {each for each in found if each[1].startswith(self._ours)}
            if len({url for _, url in found}) >= addresses:
                return found
            self._page.wait_for_timeout(100)
        pytest.fail(f"only these were asked: {found}")


ORIGINS = ("127.0.0.1", "localhost", "evil.example")
# Each way from one of the origins in turn, and a plain fetch from each; every way from every one in `make soak`.
ASKED = [
    pytest.param(
        way,
        origin,
        marks=() if way == "fetch" or place % len(ORIGINS) == number else pytest.mark.soak,
        id=f"{way}-{origin}",
    )
    for place, way in enumerate(WAYS)
    for number, origin in enumerate(ORIGINS)
]


@pytest.mark.parametrize(("way", "foreign"), ASKED, indirect=["foreign"])
def test_no_page_of_another_site_is_answered(up, foreign, way):
    answers = Answers(foreign, up)
    for name, paths in ADDRESSES.items():
        for path in paths:
            foreign.evaluate(WAYS[way], f"http://127.0.0.1:{up.ports[name]}{path}")
    answered = answers.wait(sum(map(len, ADDRESSES.values())))  # by us: it was not the browser that refused
    assert [each for each in answered if each[0] != 403] == []


def test_no_handshake_of_a_websocket_is_answered(up, foreign):
    for port in up.ports.values():
        for path in ("/", "/events"):  # a browser waits longer with each that fails
            assert foreign.evaluate(SOCKET, f"ws://127.0.0.1:{port}{path}") == "refused"


def test_a_name_that_was_led_here_shows_nothing(up, browser):
    page = browser.new_page()
    for name, paths in ADDRESSES.items():
        for path in paths:
            response = page.goto(f"http://evil.example:{up.ports[name]}{path}")
            assert response.status == 403, (name, path)
            assert "journey" not in page.title().lower()
            again = page.evaluate("u => fetch(u).then(a => a.status)", path)
            assert again == 403
    page.close()


def test_a_link_opens_the_page_and_nothing_else(up, foreign):
    for name, paths in ADDRESSES.items():
        for path in paths:
            if path.startswith("/static/"):  # the browser has it from the page that was opened before
                continue
            target = f"http://127.0.0.1:{up.ports[name]}{path}"
            foreign.evaluate("u => { document.body.innerHTML = `<a href='${u}'>look</a>`; }", target)
            with foreign.expect_event("response", lambda said, target=target: said.url == target) as told:
                foreign.click("a")
            shown = name == "events" and path in {"/", "/view/flow", "/docs"}
            assert told.value.status == (200 if shown else 403), target
            foreign.wait_for_load_state()
            if foreign.url == target:
                foreign.go_back()


def test_a_person_who_types_the_address_sees_the_page_and_it_works(up, browser):
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if line.type in {"error", "warning"} else None)
    page.goto(f"http://127.0.0.1:{up.ports['events']}/")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.goto(f"http://localhost:{up.ports['events']}/view/flow").status == 200
    assert page.evaluate("fetch('/view/flow/moves.csv').then(a => a.status)") in {200, 404}
    assert page.goto(f"http://127.0.0.1:{up.ports['metrics']}/metrics").status == 200
    assert not said, said
    assert page.goto(f"http://127.0.0.1:{up.ports['sql']}/?query=SELECT%201").status == 403
    page.close()


def test_what_curl_asks_is_answered_without_ceremony(up):
    import subprocess  # noqa: PLC0415 - this test alone

    def curl(*words: str) -> str:
        done = subprocess.run(["curl", "-sS", *words], capture_output=True, text=True, check=True, timeout=30)
        return done.stdout

    assert curl(f"127.0.0.1:{up.ports['sql']}", "-d", "SELECT 6 * 7") == "42\n"
    assert curl(f"localhost:{up.ports['sql']}/ping") == "Ok.\n"
    assert "journey_build_info" in curl(f"127.0.0.1:{up.ports['metrics']}/metrics")
    assert '"reasons"' in curl(f"http://127.0.0.1:{up.ports['events']}/health")


def test_a_key_without_origins_is_for_no_page(up, foreign):
    """A page may send with a key that names it; one that names none is for programs."""
    url = f"http://127.0.0.1:{up.ports['events']}/v1"
    answers = Answers(foreign, up)
    foreign.evaluate(
        "([u, k]) => fetch(u, {method: 'POST', mode: 'no-cors', body: '{}'}).catch(() => 0)",
        [f"{url}/events?writeKey={up.key}", up.key],
    )
    foreign.evaluate(WAYS["img"], f"{url}/track?writeKey={up.key}")
    foreign.evaluate("u => navigator.sendBeacon(u, '{}')", f"{url}/track?writeKey={up.key}")
    assert {code for code, _ in answers.wait(2)} == {403}
