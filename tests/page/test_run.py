"""What `make run` starts: one address, a page that lives, and an end on Ctrl-C."""

import csv
import os
import re
import signal
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from tests.fixtures.servers.process import wait_until
from tests.real_workers.process import Process

DEMO = Path(__file__).parents[2] / "deploy" / "demo.py"


def test_an_empty_start_with_made_up_events_fills_the_page_until_ctrl_c(tmp_path):
    environment = os.environ | {
        "JOURNEY_COLLECTOR_PORT": "0",
        "JOURNEY_WEB_PORT": "0",
        "JOURNEY_SQL_PORT": "0",
    }
    command = [sys.executable, str(DEMO), "--data", str(tmp_path / "data"), "--empty", "--demo"]
    process = Process(command, environment, tmp_path / "run.log")
    try:
        wait_until(lambda: process.said("shows the journeys"), 60, process.told(), every_s=0.1)
        addresses = re.findall(r"(http://127\.0\.0\.1:\d+)\S*  shows the journeys", process.log.read_text())
        assert len(addresses) == 1
        port = int(addresses[0].rpartition(":")[2])
        wait_until(lambda: customers(port) >= 3, 60, "made-up customers", every_s=0.3)
        activated(port)
        os.kill(process._child.pid, signal.SIGINT)
        wait_until(lambda: not process.running, 30, "it to end", every_s=0.1)
        assert process._child.returncode == 0, process.told()
        assert not process.said("Traceback"), process.told()
    finally:
        process.kill()


def activated(port):
    """Activate a changed model on the page, beside the events that come in."""
    (before,) = models(port)
    fields = {"threshold_advocacy": "0.7", "base": before["model"], "name": "bolder", "by": "Ada", "back": ""}
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    own = {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/view/model/activate", urlencode(fields), own)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.status == 303, said
    wait_until(lambda: models(port)[0]["name"] == "bolder", 60, "the model to come into force", every_s=0.3)
    assert models(port)[0]["about"].startswith("Changed on the page by Ada, ")


def models(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/view/model/models.csv")
    rows = list(csv.DictReader(connection.getresponse().read().decode().splitlines()))
    connection.close()
    return rows


def customers(port):
    """Return how many the page counts."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/view/flow/population.csv")
    lines = connection.getresponse().read().decode().splitlines()[1:]
    connection.close()
    return sum(int(line.split(",")[1]) for line in lines)
