"""What an installation consists of: the locks, the bills of materials that are made from them, and their audit."""

import json
import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.markers import Marker

from tests.deploy.locks import REQUIREMENTS, hashes, pins

ROOT = REQUIREMENTS.parent
BILLS = {"journey.cdx.json": "run.txt", "journey-server.cdx.json": "server.txt"}


def make(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a target of the Makefile with the tools that run this test."""
    command = ["make", "-o", ".venv/.test", f"BIN={Path(sys.executable).parent}", *words]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bills")
    done = make("sbom", f"BUILD={folder}")
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def known(components: list[dict[str, Any]]) -> dict[tuple[str, str], set[str]]:
    return {
        (one["name"], one["version"]): {
            f"{found['alg'].replace('-', '').lower()}:{found['content']}"
            for reference in one["externalReferences"]
            for found in reference["hashes"]
        }
        for one in components
    }


@pytest.mark.parametrize(("bill", "lock"), BILLS.items())
def test_a_bill_of_materials_has_every_locked_package_with_its_hashes_and_no_other(bills, bill, lock):
    found = json.loads((bills / bill).read_text())
    assert known(found["components"]) == hashes(lock)
    assert found["metadata"]["component"]["name"] == "customer-journey-engine"
    assert "serialNumber" not in found  # the same lock gives the same bytes


def test_a_bill_of_materials_is_one_by_the_schema_of_cyclonedx(bills):
    whole = json.loads((bills / "journey.cdx.json").read_text())
    whole["components"] = whole["components"][:3]  # the tool has validated all of them
    whole["dependencies"] = []
    validator = JsonStrictValidator(SchemaVersion.from_version(whole["specVersion"]))
    assert validator.validate_str(json.dumps(whole)) is None
    del whole["components"][0]["name"]
    assert validator.validate_str(json.dumps(whole)) is not None


def test_the_audit_is_of_everything_that_is_locked_and_fails_for_one_that_is_vulnerable():
    asked = []

    class Service(BaseHTTPRequestHandler):
        """Advisories in OSV's form."""

        def do_POST(self):
            name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
            asked.append(name)
            found = {"id": "PYSEC-1", "affected": [{"package": {"name": name, "ecosystem": "PyPI"}}]}
            answer = json.dumps({"vulns": [found]} if name == "starlette" else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        osv = f"-s osv --osv-url http://127.0.0.1:{server.server_port}"
        found = make("audit", f"AUDIT={osv}", NO_PROXY="127.0.0.1")
        passed = make("audit", f"AUDIT={osv} --ignore-vuln PYSEC-1", NO_PROXY="127.0.0.1")
        server.shutdown()
    assert found.returncode != 0
    assert "Found 1 known vulnerability in 1 package" in found.stderr
    assert passed.returncode == 0, passed.stderr[-2000:]
    assert sorted(asked) == sorted(
        2 * [package for package, condition in pins("dev.txt") if holds(condition)]
    )
    for lock in REQUIREMENTS.glob("*.txt"):
        assert hashes(lock.name).keys() <= hashes("dev.txt").keys(), lock.name


def holds(condition):
    return not condition or Marker(condition.removeprefix(";").strip()).evaluate()


def test_an_audit_that_reaches_no_advisory_service_says_so_and_fails():
    nowhere = "http://127.0.0.1:9"
    done = make("audit", HTTPS_PROXY=nowhere, https_proxy=nowhere, NO_PROXY="", no_proxy="")
    assert done.returncode != 0
    assert "the advisory service cannot be asked" in done.stderr
    assert "No known vulnerabilities" not in done.stdout + done.stderr


def test_whatever_is_installed_is_checked_against_a_lock_or_is_this_package():
    text = "".join((ROOT / name).read_text() for name in ("Makefile", "Dockerfile", ".ci/run"))
    installs = [
        command
        for command in re.split(r"&&|\n", text)
        if re.search(r"\$\((PIP|LOUD)\)|\bpip\b.* install\b", command)
        and not command.startswith(("PIP :=", "LOUD :="))
    ]
    assert len(installs) > 5
    assert [command for command in installs if not re.search(r"--require-hashes|--no-deps", command)] == []
