"""What `make run` does: load the bundled evening and two simulated months, show what comes out, and serve the page."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

JOURNEY = Path(sys.executable).with_name("journey")
EVENING = "schemas/examples/evening.ndjson"
AUDIENCES = os.path.relpath(Path(__file__).resolve().parents[1] / "schemas" / "examples" / "audiences.toml")
NIGHT = "2026-10-17T23:59:00+02:00"
TARGETS = """INSERT INTO targets (brand, stage, channel, due, customers, note) VALUES
('lumiere', 'audience', '', today() + 60, 700, 'loyalty drive'), ('lumiere', 'advocacy', '', today() + 60, 300, 'before Christmas'),
('lumiere', 'affinity', 'store', today() + 120, 600, 'the new stores')"""
SWITCHES = """SELECT from_channel, to_channel, direction, switches, customers, round(median_gap_s / 3600, 1) AS median_hours
FROM channel_switches WHERE brand = 'lumiere' AND from_channel != to_channel ORDER BY switches DESC LIMIT 8"""
SHOWROOMING = """SELECT 'seen in the store, bought online' AS what, sum(purchases) AS purchases, sumMap(revenue) AS revenue
FROM showrooming(window_days = 14) WHERE brand = 'lumiere'
UNION ALL
SELECT 'seen online, bought in the store', sum(purchases), sumMap(revenue)
FROM webrooming(window_days = 14) WHERE brand = 'lumiere'"""


def journey(*words: str, data: Path) -> None:
    """Show a command as it would be typed, and run it."""
    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    print(f"\n$ journey {shown}", flush=True)
    subprocess.run(
        [JOURNEY, *words], check=True, env=os.environ | {"JOURNEY_STORE": f"chdb://{data.resolve()}"}
    )


def main() -> None:
    """Run the demonstration on one data directory; a second run shows the same data again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".journey"))
    parser.add_argument("--empty", action="store_true", help="load nothing, and show the page")
    parser.add_argument(
        "--demo", action="store_true", help="make up a few events a second while the page is shown"
    )
    parser.add_argument("up", nargs="*", help="options of journey up, behind --: -- --port 8081")
    asked = parser.parse_args()
    if not asked.empty:
        show(asked.data)
    words = [
        JOURNEY,
        "up",
        "--data",
        asked.data,
        "--audiences",
        AUDIENCES,
        *(["--demo"] if asked.demo else []),
        *asked.up,
    ]
    print(f"\n$ journey {' '.join(map(str, words[1:]))}     (Ctrl-C ends it)", flush=True)
    os.execv(JOURNEY, words)  # noqa: S606 - our own command takes the place of this one


def show(data: Path) -> None:
    """Load what is not there yet, and show what commands say about it."""
    months = data / "months.ndjson"
    if not (months.exists() or (data / "month.ndjson").exists()):  # one, as demonstrations had before
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        journey("load", EVENING, data=data)
        journey(
            "simulate", "--customers", "2000", "--days", "60", "--seed", "1", "--out", str(months), data=data
        )
        journey("load", str(months), data=data)
        journey("sql", TARGETS, data=data)
    print("\nPopulation by stage")
    journey("stages", "--brand", "lumiere", data=data)
    print("\nOne customer explained: Ann, at midnight after the evening")
    journey("explain", "social:instagram:ann.l", "--brand", "lumiere", "--at", NIGHT, data=data)
    print("\nAcross channels")
    journey("sql", SWITCHES, data=data)
    journey("sql", SHOWROOMING, data=data)
    print("\nAudiences")
    journey("audience", "refresh", "--audiences", AUDIENCES, data=data)
    journey("audience", "show", "about-to-lapse", "--limit", "5", "--audiences", AUDIENCES, data=data)
    print("\nRecomputed from the interactions")
    journey("verify", data=data)
    print(f"""
Try next (with JOURNEY_STORE=chdb://{data.resolve()}, or --data {data}):
  journey load FILE.ndjson                        your own events; schemas/examples/valid/ has one of each kind
  journey sql "SHOW TABLES"                       then DESCRIBE TABLE journeys: every column explains itself
  journey stages --brand lumiere --at {NIGHT}
  journey whatif MODEL.toml                       a changed copy of schemas/apath.toml, on all of history
  journey identity show social:instagram:ann.l    who said that these handles are one person
The commands are in .venv/bin.""")


if __name__ == "__main__":
    main()
