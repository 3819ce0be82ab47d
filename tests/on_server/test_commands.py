"""What commands answer on a server is what they answer on a data directory with the same rows."""

import json
from contextlib import closing

import pytest

from schemas.apath import default_model_text
from streams.store.clickhouse import ClickHouse
from tests.on_server.conftest import SHARED, Command, copy, embedded

NIGHT = "2026-10-17T23:59:00+02:00"
ANN = "social:instagram:ann.l"
PREVIEW = "SELECT * FROM touchpoints ORDER BY time, event LIMIT 50"


def alike(value):
    """Return an answer with its floats to be compared to what adding them in another order may change."""
    if isinstance(value, dict):
        return {name: alike(part) for name, part in value.items()}
    if isinstance(value, list):
        return [alike(part) for part in value]
    return pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value


def both(twins, *words):
    """Run a command with --json on both, assert the same answer, and return it."""
    answers = [twins[name].json(*words) for name in ("embedded", "server")]
    assert answers[1] == alike(answers[0])
    return answers[1]


@pytest.mark.parametrize("brand", ["lumiere", "trattoria-sole", "chez-nous"])
def test_stages_at_any_instant(twins, brand):
    for at in (NIGHT, "2026-11-15"):
        both(twins, "stages", "--brand", brand, "--at", at)


def test_stages_now(twins):
    answers = [twins[name].json("stages", "--brand", "lumiere")["stages"] for name in ("embedded", "server")]
    assert answers[0] == answers[1]
    assert sum(row["customers"] for row in answers[0]) >= 17


@pytest.mark.parametrize("handle", [ANN, "phone:+33 6 39 98 01 01", "cookie:c-4f21a9d07b"])
def test_explain(twins, handle):
    found = both(twins, "explain", handle, "--brand", "lumiere", "--at", NIGHT)
    assert found["touches"] > 3
    assert any(stage["contributions"] for stage in found["stages"])


def test_explain_as_people_read_it(twins):
    words = ("explain", ANN, "--brand", "lumiere", "--at", NIGHT)
    assert twins["server"](*words) == twins["embedded"](*words)


def test_identity_show(twins):
    found = both(twins, "identity", "show", ANN)
    assert len(found["links"]) > 1


def test_cascades(twins):
    assert len(both(twins, "cascades", "list", "--limit", "5")) == 5
    shown = both(twins, "cascades", "show", "ann-share", "--brand", "lumiere")
    assert len(shown["tree"]["brought"]) == 4
    words = ("cascades", "show", "ann-share", "--brand", "lumiere")
    assert twins["server"](*words) == twins["embedded"](*words)


def test_dead_letters_list(twins):
    found = both(twins, "dead-letters", "list")
    assert {row["reason"] for row in found["reasons"]} >= {"not_json"}
    both(twins, "dead-letters", "list", "--reason", "not_json", "--limit", "1")


def test_model_show(twins):
    assert twins["server"]("model", "show") == twins["embedded"]("model", "show") == default_model_text()


def test_whatif(twins, tmp_path):
    changed = tmp_path / "changed.toml"
    like = '{ type = "social.like", weight = 0.5 }'
    changed.write_text(default_model_text().replace(like, like.replace("0.5", "2.5")))
    answers = [twins[name].json("whatif", str(changed)) for name in ("embedded", "server")]
    for answer in answers:
        for move in answer["moves"]:
            del move["some"]  # three of them, drawn
    assert answers[0] == answers[1]
    assert answers[1]["moves"]


def test_verify_finds_that_all_recomputes(twins):
    here, there = (twins[name].json("verify") for name in ("embedded", "server"))
    assert here["checks"].pop(0)["name"] == "files"  # of a data directory alone
    assert there == here
    assert there["ok"]
    assert len(there["checks"]) > 8


@pytest.mark.parametrize(
    "output", ["JSONEachRow", "CSVWithNames", "PrettyCompactMonoBlock", "TSV", "Vertical"]
)
def test_sql_prints_the_same_in_any_format(twins, output):
    words = ("sql", PREVIEW, "--format", output)
    assert twins["server"](*words) == twins["embedded"](*words) != ""


@pytest.mark.parametrize(
    "view",
    [
        "customers",
        "touchpoints",
        "touches_by_minute",
        "stage_history",
        "stage_population",
        "channel_switches",
        "showrooming(window_days = 30)",
        "webrooming(window_days = 30)",
        "zombies(days = 2)",
        "unmapped_types",
    ],
)
def test_a_view_gives_the_same_rows(twins, view):
    words = ("sql", f"SELECT * FROM {view}", "--format", "JSONEachRow")
    answers = [sorted(twins[name](*words).splitlines()) for name in ("embedded", "server")]
    assert answers[0] == answers[1] != []


def test_a_handle_is_found_by_its_hash_without_the_key_and_by_its_value_only_with_it(twins):
    server = twins["server"]
    shown = server.json("identity", "show", ANN, "--brand", "lumiere")
    hashed = next(f"{row['kind']}:#{row['handle']:016x}" for row in shown["handles"])
    assert json.loads(server("identity", "show", hashed, "--json", JOURNEY_HANDLE_KEY="")) == shown
    server("identity", "show", ANN, code=2, JOURNEY_HANDLE_KEY="")
    assert "JOURNEY_HANDLE_KEY: must be set" in server.errors
    server("identity", "show", ANN, code=2, JOURNEY_HANDLE_KEY="1e" * 32)
    assert "handles of this store are hashed with the key" in server.errors


def test_on_a_server_whose_clock_is_elsewhere_nothing_is_another_hour(own_clickhouse, loaded, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    elsewhere = own_clickhouse()
    monkeypatch.delenv("TZ")
    with closing(elsewhere.client()) as client:
        assert client.command("SELECT timezone()") == "America/New_York"
    server = Command({"JOURNEY_STORE": elsewhere.fresh_database()} | SHARED)
    server("migrate")
    with embedded(loaded) as source, closing(ClickHouse(server.environment["JOURNEY_STORE"])) as target:
        copy(source, target.client)
    here = Command({"JOURNEY_STORE": f"chdb://{loaded}"} | SHARED)
    for words in (
        ("stages", "--brand", "lumiere", "--at", NIGHT),
        ("explain", ANN, "--brand", "lumiere", "--at", NIGHT),
        ("identity", "show", ANN),
        ("dead-letters", "list"),
    ):
        assert server.json(*words) == alike(here.json(*words))
    verified = here.json("verify")
    verified["checks"] = [one for one in verified["checks"] if one["name"] != "files"]  # of a directory alone
    assert server.json("verify") == alike(verified)


@pytest.mark.parametrize(
    "words",
    [
        ("load", "schemas/examples/evening.ndjson"),
        ("identity", "unlink", ANN, "cookie:c-4f21a9d07b"),
        ("identity", "link", ANN, "cookie:c-4f21a9d07b"),
    ],
    ids=" ".join,
)
def test_a_command_that_writes_events_asks_for_the_kafka_that_takes_them_to_the_workers(twins, words):
    server = twins["server"]
    before = server("sql", "SELECT count() FROM interactions", "--format", "TSV")
    server(*words, code=2)
    assert "JOURNEY_KAFKA is not set" in server.errors
    assert server("sql", "SELECT count() FROM interactions", "--format", "TSV") == before


def test_a_refused_query_is_told_in_the_servers_own_words(twins):
    twins["server"]("sql", "SELECT nothing_of_that_name", code=2)
    assert twins["server"].errors.startswith("journey: Code: 47. DB::Exception:")
    assert "http" not in twins["server"].errors


def test_a_server_is_backed_up_by_clickhouse_itself(twins, tmp_path):
    twins["server"]("backup", str(tmp_path / "b"), code=2)
    assert "ClickHouse's BACKUP" in twins["server"].errors
    assert not (tmp_path / "b").exists()
