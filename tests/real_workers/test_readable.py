"""Readable handles on a server: workers write what edges have encrypted, once; who has the key reads it; an erasure takes it."""

import csv
import io
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from schemas.topics import EVENTS_IN
from streams.edge.readable import ReadableKey
from tests.fixtures import commands
from tests.privacy.people import BRAND
from tests.privacy.traces import in_files, in_tables
from tests.readable.world import PEOPLE, VALUES, customer, people
from tests.real_workers.test_forget import records

OLD, NEW = bytes(range(40, 72)), bytes(range(80, 112))
PLAIN = [value.encode() for value in (*VALUES, "planted@example.org", "cookie-planted")]


@pytest.fixture
def working(deploy):
    there = deploy(partitions=3, JOURNEY_READABLE="user loyalty", JOURNEY_READABLE_KEY=OLD.hex())
    there.worker(JOURNEY_READABLE="", JOURNEY_READABLE_KEY="")  # they need neither
    there.gateway()
    return there


def exported(there) -> list[tuple[str, str]]:
    told = there.run("readable", "export", "--brand", BRAND)
    return sorted((row[0], row[2]) for row in list(csv.reader(io.StringIO(told)))[1:])


def publish(there, lines) -> None:
    file = there.folder.parent / "raw.ndjson"
    file.write_bytes(b"\n".join(lines))
    there.run("publish", "--raw", str(file))
    there.settle()
    file.unlink()


def test_values_are_kept_once_read_with_the_key_erased_and_encrypted_again(working):
    there = working
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    publish(there, people(when=yesterday))
    with closing(there.store()) as store:

        def kept() -> int:
            return store.rows("SELECT uniqExact(brand, handle, fingerprint) AS n FROM readable_handles")[0][
                "n"
            ]

        assert sorted(value for _, value in exported(there)) == sorted(VALUES)
        assert kept() == 2 * PEOPLE
        assert in_tables(store, PLAIN) == []
        behind = {topic: values for topic, values in records(there).items() if topic != EVENTS_IN}
        assert [one for values in behind.values() for value in values for one in PLAIN if one in value] == []
        assert in_files(there.folder, PLAIN) == []
        told = there.run("feed", "--json", "--readable", "--brand", BRAND)
        found = [json.loads(line)["data"]["handles"] for line in told.splitlines()]
        assert {value for each in found for values in each.values() for value in values} <= set(VALUES)
        assert any(found)

        there.run("forget", f"user:#{customer(3):016x}")
        assert kept() == 2 * PEOPLE - 2
        publish(there, people([3], yesterday))
        assert kept() == 2 * PEOPLE - 2, "what is from before the erasure brings nothing"
        publish(there, people([3], datetime.now(UTC).isoformat()))
        refused = commands.run(
            [commands.JOURNEY, "readable", "rotate"],
            env=there.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (refused.returncode, "has no successor" in refused.stderr) == (2, True)
        there.environment["JOURNEY_READABLE_KEY"] = f"{OLD.hex()} {NEW.hex()}"
        before = exported(there)
        rotated = there.json("readable", "rotate")
        assert rotated["fingerprint"] == ReadableKey(NEW).fingerprint
        there.environment["JOURNEY_READABLE_KEY"] = NEW.hex()
        assert exported(there) == before
        there.environment["JOURNEY_READABLE_KEY"] = OLD.hex()
        refused = commands.run(
            [commands.JOURNEY, "readable", "export", "--brand", BRAND],
            env=there.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"under the key {ReadableKey(NEW).fingerprint}, and ours is" in refused.stderr
    assert there.drift() == []


def test_edges_on_a_server_need_a_key_where_they_are_to_keep_values(deploy):
    there = deploy(partitions=1, JOURNEY_READABLE="user")
    told = commands.run(
        [commands.JOURNEY, "gateway"], env=there.environment, capture_output=True, text=True, check=False
    )
    assert (told.returncode, "JOURNEY_READABLE_KEY is not set" in told.stderr) == (2, True)
