"""`journey` commands on a server, and a server with the tables of a data directory."""

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from streams.apath import in_force
from streams.clock import system_clock
from streams.store.clickhouse import ClickHouse
from streams.store.port import TABLES

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

KEY = "0f" * 32
# The evening's brands have their customers in common.
SHARED = {"JOURNEY_HANDLE_KEY": KEY, "JOURNEY_BRANDS": "shared"}
MODEL_TABLES = ("models", "model_stages", "model_weights")
COPIED = (
    *TABLES,
    *MODEL_TABLES,
    "dead_letter_replays",
    "targets",
    "handle_keys",
    "handle_rules",
    "audience_changes",
)


class Command:
    """Runs `journey` commands in this process, with the same environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.errors = ""

    def __call__(self, *words: str, code: int = 0, **more: str) -> str:
        """Run a command, assert its exit code, return what it printed."""
        from streams.cli.main import run  # noqa: PLC0415 — Kafka's client warns where pytest cannot yet let it

        out, errors = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment | more),
            mock.patch.object(sys, "argv", ["journey", *words]),
            redirect_stdout(out),
            redirect_stderr(errors),
            pytest.raises(SystemExit) as stopped,
        ):
            run()
        out.flush()
        printed, self.errors = out.buffer.getvalue().decode(), errors.getvalue()
        assert (stopped.value.code or 0) == code, printed + self.errors
        return printed

    def json(self, *words: str, code: int = 0) -> Any:
        """Run a command with --json and return what it printed."""
        return json.loads(self(*words, "--json", code=code))


@contextmanager
def embedded(data: Path) -> Iterator["Client"]:
    """Ask a data directory's engine itself."""
    with closing(ClickHouse(f"chdb://{(data / 'clickhouse').resolve()}")) as store:
        yield store.client


def copy(source: "Client", target: "Client") -> None:
    """Fill the tables of a server with the rows of another store's."""
    for table in MODEL_TABLES:
        target.command(f"TRUNCATE TABLE {table}")
    for table in COPIED:
        rows = source.raw_query(f"SELECT * FROM {table}", fmt="Native")
        if rows:
            target.raw_insert(table, insert_block=rows, fmt="Native")


@pytest.fixture
def dsn(clickhouse) -> str:
    """DSN of a database that nobody has made yet."""
    return clickhouse.fresh_database()


@pytest.fixture
def journey(dsn) -> Command:
    """Commands on a database that nobody has made yet."""
    return Command({"JOURNEY_STORE": dsn, "JOURNEY_HANDLE_KEY": KEY})


@pytest.fixture
def store(dsn, clickhouse) -> Iterator[ClickHouse]:
    """A server's store with all tables and the default model in force."""
    clickhouse.make_tables(dsn)
    with closing(ClickHouse(dsn)) as opened:
        in_force.activate_default(opened.client, system_clock())
        yield opened


@pytest.fixture(scope="session")
def loaded(tmp_path_factory) -> Path:
    """A data directory with the bundled evening, a simulated month, and events that were refused."""
    folder = tmp_path_factory.mktemp("loaded")
    journey = Command({"JOURNEY_STORE": f"chdb://{folder}/data"} | SHARED)
    broken = folder / "broken.ndjson"
    broken.write_text('{broken\n{"id": "1"}\n')
    journey(
        "simulate", "--customers", "60", "--days", "40", "--seed", "5", "--out", str(folder / "month.ndjson")
    )
    journey("load", "schemas/examples/evening.ndjson", str(folder / "month.ndjson"), str(broken))
    journey("audience", "refresh", JOURNEY_AUDIENCES="schemas/examples/audiences.toml")
    return folder / "data"


@pytest.fixture(scope="session")
def twins(clickhouse, loaded) -> dict[str, Command]:
    """The same rows in a data directory and on a server."""
    found = {
        "embedded": Command({"JOURNEY_STORE": f"chdb://{loaded}"} | SHARED),
        "server": Command({"JOURNEY_STORE": clickhouse.database_with_tables()} | SHARED),
    }
    with (
        embedded(loaded) as source,
        closing(ClickHouse(found["server"].environment["JOURNEY_STORE"])) as target,
    ):
        copy(source, target.client)
    return found
