"""journey model, whatif, identity, dead-letters: what people change, and change back."""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from schemas.apath import default_model, default_model_text
from streams import clock
from tests.cli.conftest import event
from tests.fixtures import commands
from tests.fixtures.directories import with_tables

JOURNEYS = "SELECT * EXCEPT (attention, attraction, affinity, audience, advocacy) FROM journeys ORDER BY brand, customer"


@pytest.fixture
def changed(tmp_path):
    """A model under which a like is enough for affinity, and what is a store's is the web's."""
    path = tmp_path / "changed.toml"
    text = default_model_text().replace(
        '{ type = "social.like", weight = 0.5 }', '{ type = "social.like", weight = 2.5 }'
    )
    path.write_text(text.replace('store = "store"', 'store = "web"'))
    return path


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A data directory with a simulated month of fifty people; to be copied."""
    folder = tmp_path_factory.mktemp("month")
    data, path = with_tables(folder / "data"), folder / "month.ndjson"
    simulate = ("simulate", "--customers", "50", "--days", "30", "--seed", "3", "--out", path)
    for words in (simulate, ("load", path, "--data", data)):
        commands.run([commands.JOURNEY, *words], check=True, capture_output=True)
    return data


@pytest.fixture
def month(journey, loaded):
    """A simulated month of fifty people."""
    shutil.rmtree(journey.data)
    shutil.copytree(loaded, journey.data, symlinks=True)
    return journey


def population(journey):
    return {
        (row["brand"], row["stage"]): int(row["n"])
        for row in journey.rows("SELECT brand, stage, count() AS n FROM standings GROUP BY brand, stage")
    }


def test_what_if_foretells_what_apply_does_and_changes_nothing_itself(month, changed):
    before = population(month)
    told = month.json("whatif", str(changed))
    assert population(month) == before
    assert month.json("model", "apply", str(changed))["in_force"] == told["then"]
    after = population(month)
    assert after == {(row["brand"], row["stage"]): row["then"] for row in told["population"] if row["then"]}
    assert after != before
    assert month.json("verify")["ok"]


def test_a_model_can_be_put_back_and_everything_is_as_before(month, changed, tmp_path):
    before = month.rows(JOURNEYS)
    month("model", "apply", str(changed))
    assert month.rows("SELECT sum(touches_store) AS n FROM journeys") == [{"n": 0}]
    original = tmp_path / "original.toml"
    original.write_text(month("model", "show", "--bundled"))
    assert month.json("model", "apply", str(original))["in_force"] == default_model().hash
    assert month.rows(JOURNEYS) == before
    assert month.json("verify")["ok"]


def test_events_after_a_change_are_weighed_by_the_new_model(journey, changed, write):
    journey("load", str(write(event(1, "social.like", "2026-01-01T12:00:00Z"))))  # faded by now
    journey("model", "apply", str(changed))
    now = datetime.now(UTC).isoformat()
    journey("load", str(write(event(2, "social.like", now, handles={"cookie": "c-2"}))))
    assert population(journey)[("acme", "affinity")] == 1
    assert journey.json("verify")["ok"]


def test_a_model_with_a_mistake_is_refused_with_its_key(journey, write):
    path = write(default_model_text().replace("threshold = 0.75", "threshold = 0"), name="bad.toml")
    journey("model", "apply", str(path), code=2)
    assert "stages.affinity.threshold" in journey.errors
    journey("whatif", "nowhere.toml", code=2)
    assert "nowhere.toml" in journey.errors


def test_an_apply_that_is_killed_leaves_the_old_model_and_can_be_repeated(month, changed):
    before = population(month)
    kill(month, "model.evidence.after", "model", "apply", str(changed))
    assert population(month) == before
    assert month.json("verify")["ok"]
    month("model", "apply", str(changed))
    assert population(month) != before
    assert month.json("verify")["ok"]


def test_an_apply_that_is_killed_once_the_model_is_in_force_is_finished_by_the_next_command(month, changed):
    kill(month, "model.activate.after", "model", "apply", str(changed))
    assert month.json("verify")["ok"]
    assert "weight = 2.5" in month("model", "show")


def kill(journey, point, *words):
    """Run a command that dies at a write boundary."""
    command = [commands.JOURNEY, *words, "--data", journey.data]
    done = commands.run(command, env=os.environ | {"JOURNEY_FAULT": point}, check=False, capture_output=True)
    assert done.returncode == -9, done


def test_a_withdrawn_link_parts_a_customer_for_all_of_history_and_a_restored_one_joins_it_exactly(journey):
    journey.evening()
    before = journey.rows(JOURNEYS)
    told = journey.json("identity", "unlink", "social:instagram:ann.l", "cookie:c-4f21a9d07b")
    assert told["one"] != told["other"]
    parted = journey.rows(JOURNEYS)
    assert len(parted) > len(before)
    assert sum(row["touches"] for row in parted) == sum(row["touches"] for row in before)
    assert journey.json("verify")["ok"]
    shown = journey.json("identity", "show", "cookie:c-4f21a9d07b")
    assert any(link["is_withdrawn"] for link in shown["links"])
    journey("identity", "link", "social:instagram:ann.l", "cookie:c-4f21a9d07b")
    assert journey.rows(JOURNEYS) == before
    assert journey.json("verify")["ok"]


def test_only_a_link_that_is_there_can_be_withdrawn(journey):
    journey.evening()
    journey("identity", "unlink", "social:instagram:ann.l", "social:x:ben_k", code=2)
    assert "no link between" in journey.errors


def test_a_dead_letter_whose_cause_has_passed_is_replayed_once(journey, write, monkeypatch):
    soon = (datetime.now(UTC) + timedelta(days=1, hours=1)).isoformat()
    journey("load", str(write(event(1, time=soon, handles={"email": "ann@example.com"}), "{broken")))
    assert journey.json("dead-letters", "list")["reasons"][0]["letters"] == 1
    two_hours_on = time.time_ns() + 7200 * 10**9
    monkeypatch.setattr(clock, "time", SimpleNamespace(time_ns=lambda: two_hours_on))
    replayed = journey.json("dead-letters", "replay", "--reason", "time_ahead")
    assert (replayed["tried"], replayed["refused"], replayed["outcome"]["stored"]) == (1, 0, 1)
    assert [row["reason"] for row in journey.json("dead-letters", "list")["reasons"]] == ["not_json"]
    assert journey.json("dead-letters", "replay") == {"tried": 1, "refused": 1, "outcome": replayed["outcome"] | {
        "received": 0, "stored": 0, "duplicates": 0, "stage_changes": 0}}  # fmt: skip
    known = journey.json("identity", "show", "email:ann@example.com")
    assert len(known["handles"]) == 1
    assert journey.json("verify")["ok"]


def test_dead_letters_show_no_raw_handles(journey, write):
    bad = event(1, "nonsense", handles={"email": "ann@example.com", "phone": "+33 6 12 34 56 78"})
    journey("load", str(write(bad)))
    shown = journey("dead-letters", "list") + journey(
        "sql", "SELECT bytes FROM dead_letters", "--format", "TSV"
    )
    assert "ann@example" not in shown
    assert "12 34" not in shown
    journey("dead-letters", "list", "--reason", "nonsense", code=2)
    assert "not_json" in journey.errors


def test_forget_tells_what_it_would_take_and_then_takes_it(journey, write):
    lines = [event(n, handles={"email": "ann@example.org", "cookie": "a"}) for n in range(3)]
    journey("load", str(write(*lines, event(9, handles={"email": "bob@example.org"}))))
    would = journey.json("forget", "email:ann@example.org", "--dry-run")
    assert (would["receipt"], would["erased"]["handles"], would["erased"]["events"]) == ("", 2, 3)
    assert "would erase 2 handles, 3 events" in journey("forget", "cookie:a", "--dry-run")
    done = journey.json("forget", "email:ann@example.org", "--reason", "asked for")
    assert done["erased"] == would["erased"]
    assert journey.rows("SELECT receipt, reason FROM erasures") == [
        {"receipt": done["receipt"], "reason": "asked for"}
    ]
    assert "nothing is known" in journey("forget", "cookie:a")
    assert "no such brand" not in journey("forget", "cookie:zoe", "--brand", "acme")
    for more in ([], ["--dry-run"], ["--json"]):
        journey("forget", "cookie:a", "--brand", "acne", *more, code=2)
        assert (
            "nothing is known of that handle; --brand acne: there is no such brand; there are acme"
            in journey.errors
        )
    journey("explain", "email:ann@example.org", "--brand", "acme", code=2)
    assert "all figures recompute" in journey("verify")


def test_dead_letters_are_told_by_fault_and_source_shown_whole_and_dropped(journey, write):
    bad = {**event(1, handles={"email": "ann@example.org"}), "time": "yesterday"}
    journey("load", str(write(bad, {**bad, "id": "e-2"}, {**bad, "source": "till"}, "{", event(7))))
    faults = journey.json("dead-letters", "list")["faults"]
    assert [(row["reason"], row["source"], row["letters"]) for row in faults] == [
        ("bad_time", "test", 2), ("bad_time", "till", 1), ("not_json", "", 1),
    ]  # fmt: skip
    assert "2 × bad_time /time" in journey("dead-letters", "list")
    shown = journey("dead-letters", "show", "--reason", "bad_time")
    assert '"time":["#","xxxxxxxxx"]' in shown
    assert "ann@" not in shown
    assert len(journey.json("dead-letters", "show", "--limit", "9")) == 4
    assert journey.json("dead-letters", "drop", "--reason", "bad_time") == {"dropped": 3}
    assert [row["reason"] for row in journey.json("dead-letters", "list")["reasons"]] == ["not_json"]
    assert journey.rows("SELECT what, dead_letters FROM erasures") == [
        {"what": "dead letters", "dead_letters": 3}
    ]
    assert "0 dropped" in journey("dead-letters", "drop", "--reason", "bad_time")
    journey("dead-letters", "drop", code=2)
    assert "all figures recompute" in journey("verify")


def test_a_model_file_may_begin_with_a_byte_order_mark_and_another_encoding_is_named(journey, tmp_path):
    text = journey("model", "show", "--bundled")
    for name, encoding in (("marked", "utf-8-sig"), ("wide", "utf-16"), ("latin", "latin-1")):
        (tmp_path / f"{name}.toml").write_bytes(
            (text + ("# \u00e9\n" if name == "latin" else "")).encode(encoding, "replace")
        )
    journey("whatif", str(tmp_path / "marked.toml"))
    journey("whatif", str(tmp_path / "wide.toml"), code=2)
    assert "it is UTF-16: save it as UTF-8" in journey.errors
    journey("whatif", str(tmp_path / "latin.toml"), code=2)
    assert "it is not UTF-8" in journey.errors
