"""Every command that changes something does so on a server too: through Kafka, by the workers."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from schemas.apath import default_model_text
from tests.fixtures import commands

EVENING = Path(__file__).parents[2] / "schemas" / "examples" / "evening.ndjson"


@pytest.fixture
def working(deployment):
    deployment.worker()
    return deployment


def test_load_tells_what_became_of_events_and_every_other_command_answers(working, tmp_path):
    first = working.json("load", str(EVENING))
    assert (first["input"], first["accepted"], first["duplicates"]) == (167, 165, 2)
    again = working.json("load", str(EVENING))
    assert (again["accepted"], again["duplicates"]) == (0, 167)

    bad = tmp_path / "bad.ndjson"
    bad.write_bytes(b'{"id": 1}\nnot json\n')
    assert working.json("load", str(bad))["dead_letters_by_reason"] == {"wrong_type": 1, "not_json": 1}
    assert working.json("dead-letters", "replay")["refused"] == 2

    working.settle()
    one, other = "social:instagram:ann.l", f"cookie:#{_handle(working, 'cookie'):016x}"
    of = ("--brand", "lumiere")
    joined = working.json("identity", "show", one, *of)["customer"]
    parted = working.json("identity", "unlink", one, other, *of)
    assert parted["one"] != parted["other"]
    rejoined = working.json("identity", "link", one, other, *of)
    assert rejoined == {"one": joined, "other": joined, "brand": "lumiere"}
    working.settle()
    assert "all figures recompute" in working.run("verify")


def test_a_changed_model_comes_into_force_for_all_workers_and_everything_recomputes(working, tmp_path):
    working.worker()
    working.json("load", str(EVENING))
    model = tmp_path / "model.toml"
    model.write_text(default_model_text().replace("threshold = 0.75", "threshold = 1.25"))
    told = working.json("model", "apply", str(model))
    assert told["before"] != told["in_force"]
    working.json("load", str(EVENING))
    working.settle()
    assert "all figures recompute" in working.run("verify")
    assert working.json("model", "apply", str(model))["before"] == told["in_force"], "again is nothing"


def test_a_changed_model_without_workers_is_refused_and_the_one_before_stands(
    deployment, tmp_path, monkeypatch
):
    from schemas.apath import parse_model  # noqa: PLC0415
    from streams.server.change_model import ChangeError, change_model  # noqa: PLC0415
    from streams.server.server import Server  # noqa: PLC0415

    text = default_model_text().replace("threshold = 0.75", "threshold = 1.25")
    with Server(deployment.settings) as server:
        with pytest.raises(ChangeError, match="are workers running"):
            change_model(server, parse_model(text), text, lambda *_: None, silence_s=1.0)
        before = server.model.hash
    with Server(deployment.settings) as server:
        assert server.model.hash == before


def _handle(deployment, kind: str) -> int:
    shown = deployment.json("identity", "show", "social:instagram:ann.l", "--brand", "lumiere")
    return next(row["handle"] for row in shown["handles"] if row["kind"] == kind)


def test_killed_at_any_write_of_a_change_the_model_before_stands_and_the_next_try_succeeds(working, tmp_path):
    model = tmp_path / "model.toml"
    model.write_text(default_model_text().replace("threshold = 0.75", "threshold = 1.25"))
    working.json("load", str(EVENING))
    before = working.run("model", "show")
    apply = [commands.JOURNEY, "model", "apply", str(model)]
    for point in ("change.begin.after", "change.send.before", "change.send.after", "model.evidence.after"):
        killed = commands.run(
            apply, env=working.environment | {"JOURNEY_FAULT": point}, capture_output=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, point
        assert working.run("model", "show") == before
    working.processes[-1].kill()

    with commands.Command(apply, env=working.environment, stdout=subprocess.DEVNULL) as applying:
        for point in ("change.evidence.after", "change.book.after"):
            worker = working.worker(JOURNEY_FAULT=point)
            until = time.monotonic() + 60
            while worker.running:
                assert time.monotonic() < until, point
                time.sleep(0.1)
            assert working.run("model", "show") == before
        working.worker()
        assert applying.wait(90) == 0
    working.json("load", str(EVENING))
    working.settle()
    assert working.run("model", "show") == model.read_text()
    assert "all figures recompute" in working.run("verify")
