"""What each view of cascades costs on a month of a million events, in processor and in other seconds."""

import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from streams.analysis.cascades import drift
from streams.analysis.share_chain import Window, leading
from streams.embedded.embedded import Embedded
from streams.settings import Settings

VIEWS = (
    "cascade_edges",
    "cascade_nodes",
    "cascade_touches",
    "cascades",
    "cascade_generations",
    "influencers",
)


def run(folder: Path, month: Path) -> None:
    """Load a month, ask each view for all of its rows, and look for the cascade of one day's alert."""
    data = folder / "cascades"
    command = [sys.executable, "-c", "from streams.cli.main import run; run()", "load", str(month)]
    subprocess.run([*command, "--data", str(data)], check=True, stdout=subprocess.DEVNULL)
    with Embedded(Settings(data)) as engine:
        ask = engine.store.rows
        known = ask("SELECT count() AS n, countIf(cause != '') AS caused FROM interactions")[0]
        print(f"cascades in {known['n']:,} interactions, of which {known['caused']:,} name a cause:")
        for view in VIEWS:
            rows = _timed(
                view, lambda view=view: ask(f"SELECT count() AS n, max(cityHash64(*)) AS h FROM {view}")
            )
            print(f"    {rows[0]['n']:,} rows")
        day = ask(
            "SELECT any(brand) AS brand, min(time) AS first FROM interactions WHERE type = 'social.share'"
        )[0]
        window = Window(day["brand"], day["first"], day["first"] + timedelta(days=1))
        _timed("the cascade of one alert", lambda: leading(engine.store, window))
        drifts = _timed("verify, its part of cascades", lambda: list(drift(engine.store)))
        if drifts:
            raise SystemExit(f"{len(drifts)} touches are placed elsewhere by the views")


def _timed(name, ask):
    started, used = time.perf_counter(), time.process_time()
    found = ask()
    print(f"  {name}: {time.process_time() - used:.1f} s CPU, {time.perf_counter() - started:.1f} s")
    return found
