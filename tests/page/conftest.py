"""Chromium, and pages in it that may not complain. A module that opens pages has a fixture `world`."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("a browser needs chromium, not found on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, world):
    """Open addresses in a page of their own; whatever the console says is an error."""
    said, contexts = [], []

    def opened(path, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)  # other tests may take the processors meanwhile
        page.on("console", lambda line: said.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        return goto(page, world, path)

    yield opened
    for context in contexts:
        context.close()
    assert not said, said


def goto(page, world, path):
    """Go to an address, and wait until all of it is there."""
    page.goto(world.url + path)
    page.wait_for_selector("html[data-ready]", state="attached")
    return page
