"""The events of a data directory move to a server and back: nothing is doubled, and every figure recomputes."""

import json
import os
from pathlib import Path

from tests.fixtures import commands

EVENING = Path(__file__).parents[2] / "schemas" / "examples" / "evening.ndjson"
SAID = "SELECT event, time, brand, type, source, id, handle, handles, kinds, content, product, place, campaign, device, amount, currency, rating, sentiment, cause, properties FROM interactions ORDER BY event"


def test_events_move_between_a_data_directory_and_a_server(deployment, tmp_path):
    deployment.worker()
    data = tmp_path / "data"

    def alone(*words):
        done = commands.run(
            [commands.JOURNEY, *map(str, words), "--data", data],
            env=os.environ | {k: v for k, v in deployment.environment.items() if k != "JOURNEY_STORE"},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    half = EVENING.read_text().splitlines()
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    first.write_text("\n".join(half[:100]))
    second.write_text("\n".join(half[60:]))
    alone("load", first)
    there = json.loads(alone("export", tmp_path / "to-server", "--json"))["events"]
    told = deployment.json("load", str(tmp_path / "to-server"))
    assert (told["accepted"], told["duplicates"], told["dead_letters"]) == (there, 0, 0)
    told = deployment.json("load", str(tmp_path / "to-server"))
    assert (told["accepted"], told["duplicates"], told["conflicts"]) == (0, there, 0)
    told = deployment.json("load", str(second))
    assert told["duplicates"] >= 40
    total = there + told["accepted"]
    deployment.settle()
    assert "all figures recompute" in deployment.run("verify")

    assert deployment.json("export", str(tmp_path / "back"))["events"] == total == 165
    told = json.loads(alone("load", tmp_path / "back", "--json"))
    assert (told["accepted"], told["duplicates"], told["conflicts"]) == (total - there, there, 0)
    assert "all figures recompute" in alone("verify")
    rows = [json.loads(line) for line in alone("sql", SAID, "--format", "JSONEachRow").splitlines()]
    server = [
        json.loads(line) for line in deployment.run("sql", SAID, "--format", "JSONEachRow").splitlines()
    ]
    assert rows == server
