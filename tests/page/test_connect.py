"""From an empty page to the first event: a key is made, its snippet sends an event, and the page shows it, or why it was refused."""

import html
import json
import os
import re
import subprocess
import sys
from functools import partial

import pytest
from starlette.applications import Starlette

from streams.collector.write_key_stores import KeyFile
from streams.embedded.embedded import Embedded
from streams.handles.find import find
from streams.page.setup import opened_page
from streams.settings import Settings
from tests.collector.server import KEY
from tests.fixtures.commands import JOURNEY
from tests.fixtures.directories import with_tables
from tests.fixtures.servers.process import wait_until
from tests.page.world import World, serving
from tests.real_workers.process import Process

FORM = {"name": "first", "for_brand": "maison Luce'", "use": "server", "origin": ""}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    settings = Settings(with_tables(tmp_path_factory.mktemp("empty") / "data"), handle_key=KEY)
    keys = partial(KeyFile, settings.data)
    with (
        Embedded(settings) as embedded,
        opened_page(settings, partial(find, embedded), keys=keys) as page,
        serving(Starlette(routes=page.routes), page.live.end) as port,
    ):
        yield World(embedded, port)


def made(world, **changed):
    answer = world.post("/view/connect", FORM | changed)
    return answer.status, html.unescape(answer.body.decode())


def keys(world):
    store = KeyFile(world.embedded.settings.data)
    found = {key.name: key for key in store.read()}
    store.close()
    return found


def test_an_empty_page_leads_to_a_key_and_its_snippets(world):
    body = world.ask("/").body.decode()
    assert "<h1>Connect</h1>" in body
    assert "No event yet: make a key above and send one." in body
    status, shown = made(world)
    secret = re.search(r'aria-label="Key"><code>([^<]+)</code>', shown)[1]
    assert status == 200
    assert shown.count(secret) == 3, "itself, for the terminal and for Python"
    key = keys(world)["first"]
    assert (key.brands, key.origins, key.may_link) == (("maison Luce'",), (), True)
    assert secret not in html.unescape(world.ask("/view/connect").body.decode()), "it is shown once"
    for file in world.embedded.settings.data.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file
    status, shown = made(world, name="page", use="browser", origin="https://shop.example")
    assert "In the page" in shown
    assert keys(world)["page"].origins == ("https://shop.example",)
    assert not keys(world)["page"].may_link


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": "no name"}, "name: letters"),
        ({"name": "first"}, "name: there is a key of that name"),
        ({"for_brand": "*"}, "brand: must have"),
        ({"for_brand": ""}, "brand: must have"),
        ({"use": "import"}, "for: must be one of"),
        ({"use": "browser"}, "pages: must be such as"),
        ({"use": "browser", "origin": "https://shop.example/path"}, "pages: must be such as"),
    ],
)
def test_a_key_that_cannot_be_is_refused_in_words(world, changed, says):
    made(world)
    before = keys(world)
    status, shown = made(world, **({"name": "other"} | changed))
    assert (status, says in shown) == (400, True), shown
    assert world.post("/view/connect", FORM, origin="https://evil.example").status == 403
    assert keys(world) == before


def test_events_and_refusals_appear_without_a_reload(opened, world):
    page = opened("/", viewport={"width": 390, "height": 800})
    page.wait_for_selector("html[data-live]", state="attached")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    event = {
        "id": "1", "source": "https://shop.example", "type": "web.page_view", "time": "2026-10-17T13:00:00Z",
        "data": {"brand": "luce", "handles": {"cookie": "c-1"}, "content": "/hello"},
    }  # fmt: skip
    world.load([json.dumps(event).encode(), json.dumps(event | {"id": "2", "time": "soon"}).encode()])
    page.goto(world.url + "/view/connect")
    page.wait_for_selector("#panel-tail >> text=/hello", timeout=20_000)
    page.wait_for_selector("#panel-refusals tbody tr", timeout=20_000)
    assert "time" in page.inner_text("#panel-refusals tbody tr")


def test_the_snippets_of_a_real_process_send_events_that_it_takes(tmp_path):
    environment = os.environ | dict.fromkeys(
        ("JOURNEY_COLLECTOR_PORT", "JOURNEY_WEB_PORT", "JOURNEY_SQL_PORT"), "0"
    )
    with_tables(tmp_path / "data")
    command = [str(JOURNEY), "up", "--data", str(tmp_path / "data")]
    process = Process(command, environment, tmp_path / "up.log")
    try:
        wait_until(lambda: process.said("shows the journeys"), 60, process.told(), every_s=0.1)
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)\S*  shows the journeys", process.log.read_text())[1])
        there = World(None, port)
        for use, label in (("server", "In a terminal"), ("server", "Python"), ("till", "From a till")):
            status, shown = made(there, name=f"{use}-{label[:2]}", use=use)
            assert status == 200
            text = re.search(rf'aria-label="{label}"><code>(.*?)</code>', shown, re.DOTALL)[1]
            command = (
                [sys.executable, "-c", text] if label == "Python" else ["bash", "-c", f"{text} -sS --fail"]
            )
            wait_until(partial(sends, command), 20, text, every_s=0.5)  # collectors read keys once a second

        def seen():
            return there.ask("/view/connect/tail.csv").body.decode()

        wait_until(lambda: "web.purchase" in seen() and "store.purchase" in seen(), 60, seen(), every_s=0.3)
    finally:
        process.kill()


def sends(command):
    return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0
