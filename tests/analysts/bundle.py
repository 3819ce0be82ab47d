"""The data that the cookbook's answers are of: the commands that make it, as deploy/docs/guide/cookbook.md gives them."""

from pathlib import Path

from tests.on_server.conftest import KEY, Command

__all__ = ["COMMANDS", "load"]

_TARGETS = (
    "INSERT INTO targets (brand, stage, channel, due, customers, note, set_at) VALUES"
    " ('lumiere', 'audience', '', '2026-12-01', 120, 'before Christmas', '2026-10-20 00:00:00'),"
    " ('lumiere', 'advocacy', '', '2026-12-01', 60, '', '2026-10-20 00:00:00'),"
    " ('lumiere', 'affinity', 'store', '2026-11-30', 70, 'the shops', '2026-10-20 00:00:00')"
)
COMMANDS = (
    ("load", "schemas/examples/evening.ndjson"),
    (
        *("simulate", "--customers", "300", "--days", "30", "--seed", "1", "--start", "2026-10-18"),
        *("--out", "month.ndjson"),
    ),
    ("load", "month.ndjson"),
    ("sql", _TARGETS),
)


def load(folder: Path) -> Path:
    """Run the commands with a data directory in a folder, and return that."""
    journey = Command({"JOURNEY_STORE": f"chdb://{folder}/data", "JOURNEY_HANDLE_KEY": KEY})
    for words in COMMANDS:
        journey(*(str(folder / word) if word == "month.ndjson" else word for word in words))
    return folder / "data"
