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
    collector = Collector(folder / "page")
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
