"""All figures of the spike detector."""

import time
from pathlib import Path

from journey.spikes import Policy
from tests import nab
from tests.benchmarks.spikes import bank, injected, labelled, picture

__all__ = ["PICTURE", "run"]

PICTURE = Path("deploy/pictures/spikes.svg")


def run() -> None:
    """Print the tables; draw the picture if matplotlib is there."""
    started, per_month = time.process_time(), Policy().alarms_per_month
    if nab.NAMES:
        labelled.run()
        bank.run()
        bank.tried()
    else:
        print("the labelled series are not in ../shared: left out")
    outcomes = injected.run(per_month)
    try:
        picture.draw(outcomes, per_month, PICTURE)
        print(f"curves: {PICTURE}")
    except ModuleNotFoundError:
        print("no picture: matplotlib is not installed (dependency group bench)")
    print(f"{time.process_time() - started:.0f} s CPU")
