"""The pictures of the README: the page on the evening and two simulated months, in Chromium.

python -m tests.page.pictures FOLDER
"""

import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

from streams.inputs.simulate import simulate
from tests.page.conftest import ARGUMENTS
from tests.page.world import World, evening

__all__ = ["taken"]

_WIDTH, _HEIGHT = 1180, 860
_HER = "SELECT customer FROM standings WHERE brand = 'lumiere' AND position = 5 AND touches_store > 3 AND touches BETWEEN 40 AND 90 AND touches_support > 0 ORDER BY length(mapKeys(revenue)) DESC, touches DESC, customer LIMIT 1"


def taken(folder: Path) -> None:
    """Load, open each view, and write its picture as FOLDER/page-NAME.png."""
    with tempfile.TemporaryDirectory() as data, evening(Path(data)) as world:
        start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=60)
        months = simulate(customers=2_000, days=60, seed=1, start=start)
        world.load([json.dumps(event).encode() for event in months])
        for name, path, options in _pictures(world):
            _picture(world.url + path, folder / f"page-{name}.png", options)


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


if __name__ == "__main__":
    taken(Path(sys.argv[1]))
