"""The Dockerfile: what it takes, what it leaves out, and its commands run here as far as they can."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.deploy.locks import hashes, names, pins

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
RUNTIME = {"numpy", "pyarrow", "clickhouse-connect", "faust-streaming", "kafka-python", "prometheus-client"}
NOT_AT_RUNTIME = {"chdb", "chdb-core", "pip", "hatchling", "editables", "pytest", "ruff"}


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def of(stage: list[tuple[str, str]], name: str) -> list[str]:
    return [rest for word, rest in stage if word == name]


def ignored_but() -> set[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def test_base_images_are_pinned_and_all_the_same() -> None:
    images = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(set(images)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", images[0])


def test_everything_that_is_copied_is_in_the_repository_and_reaches_the_build() -> None:
    sources = {
        source
        for rest in of(stages()[0], "COPY")
        for source in rest.split()[:-1]
        if not source.startswith("--")
    }
    assert all((ROOT / source).exists() for source in sources)
    assert sources == ignored_but()


def test_the_final_stage_builds_nothing_and_runs_as_nobody_of_note() -> None:
    final = stages()[-1]
    assert of(final, "RUN") == of(final, "ADD") == []
    assert of(final, "COPY") == ["--from=build /opt/journey /opt/journey"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", of(final, "USER")[0])
    assert of(final, "ENTRYPOINT") == ['["journey"]']
    assert "/health" in of(final, "HEALTHCHECK")[0]


def test_every_package_of_the_image_is_locked_with_hashes() -> None:
    for name in ("build.txt", "sbom.txt", "server.txt"):
        assert hashes(name)
        assert all(hashes(name).values())
    assert names("server.txt") >= RUNTIME
    assert not names("server.txt") & NOT_AT_RUNTIME


def test_the_image_has_the_versions_that_were_tested() -> None:
    tested = {(package, version) for (package, _), version in pins("run.txt").items()}
    for name in ("build.txt", "server.txt"):
        assert {(package, version) for (package, _), version in pins(name).items()} <= tested


def test_the_commands_of_the_build_give_a_program_that_runs_by_itself(tmp_path: Path) -> None:
    source, target = tmp_path / "src", tmp_path / "opt"
    target.mkdir()
    for name in ignored_but():
        kept = source / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        original = ROOT / name
        if original.is_dir():
            shutil.copytree(original, kept, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(original, kept)
    for command in of(stages()[0], "RUN"):
        here = command.replace("/opt/", f"{target}/").replace("python -m venv", f"{sys.executable} -m venv")
        quick = os.environ | {"PIP_NO_COMPILE": "no"}  # pip's word for yes; compiling is half of the time
        done = subprocess.run(
            ["sh", "-ec", here], cwd=source, env=quick, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
    python = target / "journey" / "bin" / "python"
    script = (
        "import importlib.metadata as m, os; os.environ |= {'JOURNEY_KAFKA': 'k:1', 'JOURNEY_STORE': 'http://c:1'}\n"
        "import streams.app, streams.kafka.gateway, streams.cli.main\n"
        "print(*sorted(d.name.lower().replace('_', '-') for d in m.distributions()))"
    )
    clean = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [python, "-I", "-W", "ignore", "-c", script],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    installed = set(done.stdout.split())
    assert installed >= RUNTIME | {"customer-journey-engine"}
    assert not installed & NOT_AT_RUNTIME
    bill = json.loads((target / "journey/share/doc/customer-journey-engine/sbom.cdx.json").read_text())
    components = [*bill["components"], bill["metadata"]["component"]]
    assert {one["name"].lower().replace("_", "-") for one in components} == installed
    listed = subprocess.run(
        [python.with_name("journey"), "migrate"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 2
    assert "JOURNEY_STORE" in listed.stderr
