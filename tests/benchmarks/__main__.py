"""Run every benchmark and print its figures; say ratios, since machines differ and are noisy."""

import argparse
import tempfile
from pathlib import Path

from tests.benchmarks import breakdown, load, restore


def main() -> None:
    """Parse the command line and run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", help="load, breakdown, restore; default: all")
    parser.add_argument(
        "--customers", type=int, default=36_500, help="people in the simulated month (about 28 events each)"
    )
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs")
    arguments = parser.parse_args()
    chosen = arguments.only or ["load", "breakdown", "restore"]
    with tempfile.TemporaryDirectory(prefix="journey-bench-") as folder:
        if "load" in chosen or "breakdown" in chosen:
            month = load.month(Path(folder), arguments.customers)
        if "load" in chosen:
            load.run(Path(folder), month, arguments.runs)
        if "breakdown" in chosen:
            breakdown.run(Path(folder), month)
        if "restore" in chosen:
            restore.run(Path(folder))


if __name__ == "__main__":
    main()
