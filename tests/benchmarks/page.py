"""The page over the month, in Chromium: time until the first view is whole, its weight, and what follows from there."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic

from playwright.sync_api import Page, sync_playwright

from tests.collector.server import Collector

__all__ = ["run"]

_TIMES = 5
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)


def run(folder: Path, month: Path) -> None:
    """Load the month into a directory of its own, and print what the page takes."""
    (folder / "page").mkdir()
    collector = Collector(folder / "page", made=False)
    collector.run("load", str(month))
    collector.start()
    try:
        _printed(collector)
    finally:
        collector.stop()


def _printed(collector: Collector) -> None:
    began = monotonic()
    collector.get("/")
    print(f"page: first view asked for at the start, not drawn yet: {monotonic() - began:.1f} s")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(_ARGUMENTS))
        page = browser.new_page()
        firsts = [_opened(browser.new_page(), collector.url) for _ in range(_TIMES)]
        whole_ms, size = median(first.whole_ms for first in firsts), firsts[0].size
        print(f"first view whole: {whole_ms:.0f} ms, {size / 1000:.1f} kB transferred")
        page.goto(collector.url)
        for name, address in _asked(page).items():
            first, again = (_opened(page, collector.url + address) for _ in range(2))
            print(f"{name}: asked for the first time {first}, again {again}")
        for name, seen in _asked_ahead(page, collector.url).items():
            print(f"{name}: {seen}")
        page.goto(collector.url)
        page.focus("#panel-moves .mark")
        print(f"from one mark to the next by keyboard: {_pressed(page):.0f} ms")
        browser.close()


def _asked(page: Page) -> dict[str, str]:
    """Return what people go to from the first view, with its address."""
    ribbon = page.get_attribute("#panel-moves a.mark", "href")
    assert ribbon
    return {
        "the customers of a ribbon": ribbon,
        "journeys to choose from": "/view/journey",
        "channels": "/view/channels",
        "customers of a change of channel": "/view/channels?before=social&after=web",
        "another period of channels": "/view/channels?since=2026-10-05&until=2026-10-18",
        "word of mouth": "/view/word-of-mouth",
        "spikes": "/view/spikes",
        "content": "/view/content",
        "targets": "/view/targets",
        "what if": "/view/model?threshold_advocacy=2",
        "another what if": "/view/model?threshold_audience=3",
        "health": "/view/health",
        "another period of the first view": "/?since=2026-10-05&until=2026-10-18",
    }


def _asked_ahead(page: Page, url: str) -> dict[str, "_Opened"]:
    """Return what it takes from a click, where the pointer or a changed field has told before what comes."""
    found = {}
    for place, pause_ms in ((3, 300), (7, 500)):
        page.goto(f"{url}/?since=2026-10-03&until=2026-10-20")
        ribbon = page.query_selector_all("#panel-moves a.mark")[place]
        ribbon.hover()
        page.wait_for_timeout(pause_ms)
        ribbon.click()
        page.wait_for_url("**/customers?**")
        found[f"the customers of a ribbon that was pointed at for {pause_ms} ms"] = _measured(page)
    for view, day in (("flow", "2026-10-08"), ("channels", "2026-10-09"), ("word-of-mouth", "2026-10-10")):
        page.goto(f"{url}/view/{view}")
        page.fill("#field-since", day)
        page.wait_for_timeout(1_000)
        page.click("form.scope button")
        page.wait_for_url(f"**since={day}**")
        found[f"another period of {view}, chosen 1 s before Show"] = _measured(page)
    return found


@dataclass(frozen=True)
class _Opened:
    """Milliseconds until a page is painted (its head, title and form) and until it is whole; its bytes over the wire."""

    painted_ms: float
    whole_ms: float
    size: int

    def __str__(self) -> str:
        return f"painted {self.painted_ms:.0f}, whole {self.whole_ms:.0f} ms"


def _opened(page: Page, url: str) -> _Opened:
    """Open a page and wait until it is ready."""
    page.goto(url)
    return _measured(page)


def _measured(page: Page) -> _Opened:
    """Wait until the page that is opened is ready."""
    page.wait_for_selector("html[data-ready]", state="attached")
    page.evaluate(
        "() => new Promise(done => { const look = () =>"
        " performance.getEntriesByName('first-contentful-paint').length ? done() : requestAnimationFrame(look); look(); })"
    )
    found = page.evaluate(
        "() => [performance.getEntriesByName('first-contentful-paint')[0].startTime,"
        " performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart,"
        " [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".reduce((sum, each) => sum + each.transferSize, 0)]"
    )
    return _Opened(*found)


def _pressed(page: Page) -> float:
    began = monotonic()
    page.keyboard.press("ArrowRight")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    return 1000 * (monotonic() - began)
