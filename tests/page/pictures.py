"""The pictures of the README and the guide: the page on the evening and two simulated months, in Chromium.

python -m tests.page.pictures FOLDER [NAME …]
"""

import json
import runpy
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from streams.audiences.config import read
from streams.inputs.simulate import simulate
from tests.audiences.world import keeping
from tests.page.conftest import ARGUMENTS
from tests.page.world import World, evening

__all__ = ["taken"]

_WIDTH, _HEIGHT = 1180, 860
_COLOURS = 128  # of its picture
_ROOT = Path(__file__).parents[2]
_AUDIENCES = _ROOT / "schemas" / "examples" / "audiences.toml"
_HER = "SELECT customer FROM standings WHERE brand = 'lumiere' AND position = 5 AND touches_store > 3 AND touches BETWEEN 40 AND 90 AND touches_support > 0 ORDER BY length(mapKeys(revenue)) DESC, touches DESC, customer LIMIT 1"


def taken(folder: Path, only: Sequence[str] = ()) -> None:
    """Load, open each view, and write its picture as FOLDER/page-NAME.png, and those of single panels as part-NAME.png."""
    with tempfile.TemporaryDirectory() as data, evening(Path(data), audiences=_AUDIENCES) as world:
        start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=60)
        months = simulate(customers=2_000, days=60, seed=1, start=start)
        world.load([json.dumps(event).encode() for event in months])
        demonstration = runpy.run_path(str(_ROOT / "deploy" / "demo.py"))
        world.embedded.store.raw(demonstration["TARGETS"], "Null")
        with keeping(world.embedded, *read(_AUDIENCES)) as upkeep:
            upkeep.refresh(world.embedded.store)
        for name, path, options in _pictures(world):
            if not only or name in only:
                _picture(world.url + path, folder / f"page-{name}.png", options)
        for name, path, panel, width in _parts():
            if not only or name in only:
                _part(world.url + path, panel, width, folder / f"part-{name}.png")


def _pictures(world: World) -> list[tuple[str, str, dict[str, object]]]:
    month = f"since={datetime.now(UTC) - timedelta(days=30):%Y-%m-%d}"
    her = world.rows(_HER)[0]["customer"]
    return [
        ("flow", f"/?{month}", {}),
        ("flow-dark", f"/?{month}", {"color_scheme": "dark"}),
        ("journey", f"/view/journey?customer={her:016x}", {}),
        ("word-of-mouth", f"/view/word-of-mouth?{month}", {}),
        ("channels", f"/view/channels?{month}", {}),
    ]


def _picture(address: str, file: Path, options: dict[str, object]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        size = {"width": _WIDTH, "height": _HEIGHT}
        page = browser.new_page(viewport=size, **options)  # type: ignore[arg-type]
        page.goto(address)
        page.wait_for_selector("html[data-live]", state="attached")
        page.screenshot(path=file, full_page=True)
        browser.close()


def _parts() -> list[tuple[str, str, str, int]]:
    """Return the panels that a page of the guide shows: name, address of the view, panel, width of the window."""
    month = f"brand=lumiere&since={datetime.now(UTC) - timedelta(days=30):%Y-%m-%d}"
    return [
        ("content", f"/view/content?{month}", "works", 560),
        ("audiences", f"/view/audiences?{month}", "audiences", 860),
        ("support", f"/view/support?{month}", "places", 700),
        ("spikes", f"/view/spikes?{month}", "series", 1180),
        ("targets", f"/view/targets?{month}", "progress", 560),
    ]


def _part(address: str, panel: str, width: int, file: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": _HEIGHT})
        page.goto(address)
        page.wait_for_selector("html[data-live]", state="attached")
        page.locator(f"#panel-{panel}").screenshot(path=file)
        browser.close()
    with Image.open(file) as image:
        few = image.convert("RGB").quantize(_COLOURS)
    few.save(file, optimize=True)


if __name__ == "__main__":
    taken(Path(sys.argv[1]), sys.argv[2:])
