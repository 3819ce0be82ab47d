"""docker-compose.yml: valid for the real program, closed by default, and made of commands and settings that exist."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.alerts.config import read
from streams.audiences.config import read as read_audiences
from streams.settings import ENVIRONMENT, Settings
from tests.destinations.world import of_an_example
from tests.fixtures import commands

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text()
OURS = ("topics", "migrate", "collector", "gateway", "worker", "watcher", "page")
ONCE = ("topics", "migrate")


@cache
def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(TEXT)["services"]


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.lstrip("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line))


def secrets() -> set[str]:
    """Variables without which nothing starts."""
    return set(re.findall(r"\$\{([A-Z_]+):\?", TEXT))


@pytest.fixture
def compose(tmp_path: Path) -> list[str]:
    """The compose program, with a .env that has every secret."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(words[0])
            and subprocess.run([*words, "version"], capture_output=True, check=False).returncode == 0
        ):
            break
    else:
        pytest.skip("neither docker compose nor docker-compose is on PATH")
    filled = tmp_path / "env"
    filled.write_text("".join(f"{name}=secret\n" for name in sorted(secrets())))
    return [*words, "--env-file", str(filled), "--file", str(FILE)]


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in secrets()}
    return subprocess.run(words, env=clean, capture_output=True, text=True, check=False)


def test_the_real_program_takes_the_file(compose: list[str]) -> None:
    done = run([*compose, "config"])
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(services())


@pytest.mark.parametrize("missing", sorted(secrets()))
def test_nothing_starts_while_a_secret_is_missing(compose: list[str], missing: str) -> None:
    filled = Path(compose[compose.index("--env-file") + 1])
    filled.write_text(
        "".join(line for line in filled.read_text().splitlines(keepends=True) if missing not in line)
    )
    done = run([*compose, "config"])
    assert done.returncode != 0
    assert "see .env.example" in done.stderr


def test_every_variable_is_in_the_example_and_no_secret_has_a_value_there() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    assert used == set(example()) - {"COMPOSE_PROJECT_NAME"}
    assert {name for name in secrets() if example()[name]} == set()
    optional = {"JOURNEY_READABLE_KEY"}  # of who keeps values readable
    assert secrets() == {name for name in used if re.search(r"PASSWORD|KEY|_ID|TOKEN", name)} - optional


def test_secrets_come_from_the_environment_only() -> None:
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|HANDLE_KEY|TOKEN", variable):
                assert value.startswith("${"), f"{name}: {variable}"


def test_no_service_has_more_rights_than_it_needs() -> None:
    for name, service in services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "mem_limit", "pids_limit"} <= set(service), name
        assert not {"privileged", "network_mode", "pid", "cap_add", "container_name"} & set(service), name


def test_ports_are_for_this_machine_only_and_workers_have_none() -> None:
    for name, service in services().items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    assert [name for name in OURS if "ports" in services()[name]] == ["collector", "page"]
    assert yaml.safe_load(TEXT)["networks"]["inside"] == {"internal": True}
    assert all(
        services()[name]["networks"] == ["inside"]
        for name in OURS
        if name not in {"collector", "watcher", "page"}
    )


def test_images_are_pinned() -> None:
    for service in services().values():
        assert re.fullmatch(r"[a-z/-]+:v?\d+(\.\d+)+", service["image"])


def test_what_stays_is_watched_and_started_again_and_what_runs_once_is_waited_for() -> None:
    for name, service in services().items():
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
        assert "healthcheck" in service or name in {"collector", "gateway", "worker", "watcher", "page"}, (
            name
        )  # theirs is the image's
    for name in ("collector", "gateway", "worker", "watcher", "page"):
        conditions = {on: each["condition"] for on, each in services()[name]["depends_on"].items()}
        assert conditions == {
            "kafka": "service_healthy",
            "clickhouse": "service_healthy",
            "topics": "service_completed_successfully",
            "migrate": "service_completed_successfully",
        }


def test_files_that_are_mounted_are_there() -> None:
    declared = set(yaml.safe_load(TEXT)["volumes"])
    for service in services().values():
        for mounted in service.get("volumes", []):
            source, _, how = mounted.partition(":")
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                assert how.endswith(":ro"), mounted
            else:
                assert source in declared


def test_prometheus_asks_the_services_that_there_are_under_the_names_that_the_rules_go_by() -> None:
    jobs = {}
    for name in ("compose", "prometheus"):
        parsed = yaml.safe_load((ROOT / "deploy" / name / "prometheus.yml").read_text())
        assert parsed["rule_files"] == ["rules.yml"]
        jobs[name] = {job["job_name"]: job for job in parsed["scrape_configs"]}
    assert set(jobs["compose"]) == set(jobs["prometheus"])
    asked = [where for job in jobs["compose"].values() for where in job["dns_sd_configs"]]
    assert {name for where in asked for name in where["names"]} == {
        "worker",
        "gateway",
        "collector",
        "watcher",
        "page",
    }
    assert {where["port"] for where in asked} == {6066}


NOT_SECRET = {
    "JOURNEY_BRANDS": "shared",
    "JOURNEY_PHONE_REGION": "DE",
    "JOURNEY_PUBLIC_URL": "",
    "JOURNEY_READABLE": "user loyalty",
    "JOURNEY_SENTIMENT": "en",
}


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_there_are_with_settings_that_there_are(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = services()[name]
    command = [word.replace("${JOURNEY_PARTITIONS:-8}", "8") for word in service["command"]]
    commands.run([commands.JOURNEY, *command, "--help"], check=True, capture_output=True)
    assert set(service["environment"]) <= set(ENVIRONMENT)
    for variable, value in service["environment"].items():
        filled = NOT_SECRET.get(variable, "ab" * 32)
        monkeypatch.setenv(variable, filled if value.startswith("${") else value)
    settings = Settings.read()
    assert settings.kafka.protocol == "SASL_PLAINTEXT"
    assert settings.worker.web_host == "0.0.0.0"  # noqa: S104 - of the container


def test_the_watcher_has_no_key_of_handles_and_a_file_of_alerts_that_is_one() -> None:
    watcher = services()["watcher"]
    assert "JOURNEY_HANDLE_KEY" not in watcher["environment"]
    (source, there, _) = watcher["volumes"][0].split(":")
    assert watcher["environment"]["JOURNEY_ALERTS"] == there
    assert read(ROOT / source, {}.get).rules  # type: ignore[arg-type]


def test_the_watcher_has_a_file_of_audiences_whose_example_is_one(tmp_path: Path) -> None:
    watcher = services()["watcher"]
    (source, there, _) = watcher["volumes"][1].split(":")
    assert watcher["environment"]["JOURNEY_AUDIENCES"] == there
    assert read_audiences(ROOT / source) == []
    of_an_example(tmp_path / "audiences.toml", (ROOT / source).read_text())


def test_one_command_fills_the_example_and_completes_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "deploy" / "compose").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "compose" / "fill-env", tmp_path / "deploy" / "compose")
    shutil.copy(ROOT / ".env.example", tmp_path)
    filled = tmp_path / ".env"

    def fill() -> dict[str, str]:
        subprocess.run(["sh", tmp_path / "deploy" / "compose" / "fill-env"], check=True, capture_output=True)
        return dict(
            line.split("=", 1) for line in filled.read_text().splitlines() if re.match(r"[A-Z_]+=", line)
        )

    made = fill()
    assert filled.stat().st_mode & 0o777 == 0o600
    assert secrets() <= set(made)
    values = [made[name] for name in secrets()]
    assert len(set(values)) == len(values)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22,64}", value) for value in values)
    assert len(bytes.fromhex(made["JOURNEY_HANDLE_KEY"])) == 32
    assert fill() == made
    text = filled.read_text()
    filled.write_text(
        re.sub(r"JOURNEY_PAGE_TOKEN=.*\n", "", text).replace(
            "CLICKHOUSE_PAGE_PASSWORD=", "CLICKHOUSE_PAGE_PASSWORD=mine"
        )
    )
    again = fill()
    assert again["CLICKHOUSE_PAGE_PASSWORD"].startswith("mine")
    assert again["JOURNEY_HANDLE_KEY"] == made["JOURNEY_HANDLE_KEY"]
    assert len(again["JOURNEY_PAGE_TOKEN"]) == 48
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", ".env.example", "deploy"]


def test_the_page_has_no_key_of_handles_and_a_user_of_its_own() -> None:
    page = services()["page"]
    assert "JOURNEY_HANDLE_KEY" not in page["environment"]
    assert page["environment"]["JOURNEY_STORE"].startswith("clickhouse://page@")
