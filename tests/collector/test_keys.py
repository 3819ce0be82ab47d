"""Write keys: made, shown, rotated and revoked while a collector runs; only their hashes are kept."""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from random import Random

import pytest

from streams.collector.write_key_stores import KeyFile
from streams.collector.write_keys import Keyring, WriteKey, made, revoked, rotated
from tests.collector.server import BATCH, event
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until

HOUR_US = 3_600_000_000
GRANT = WriteKey("shop", "", ("lumiere",), ("*",), per_s=10)


def test_a_secret_is_random_and_its_key_has_only_the_hash():
    one, key = made(GRANT, 5)
    other, _ = made(GRANT, 5)
    assert one != other
    assert len(one) >= 43
    assert one not in repr(key)
    assert (key.name, key.brands, key.version) == ("shop", ("lumiere",), 5)


def test_a_rotated_key_ends_in_time_and_its_successor_goes_on():
    _, first = made(GRANT, 0)
    secret, rows = rotated([first], HOUR_US, 2 * HOUR_US)
    (old,) = [row for row in rows if row.digest == first.digest]
    (new,) = [row for row in rows if row.digest != first.digest]
    assert secret
    assert (old.holds(3 * HOUR_US - 1), old.holds(3 * HOUR_US)) == (True, False)
    assert new.holds(10**18)
    assert replace(new, digest="", version=0) == replace(GRANT, digest="", version=0)
    _, again = rotated(rows, 2 * HOUR_US, 2 * HOUR_US)
    (kept,) = [row for row in again if row.digest == first.digest]
    assert kept.until_us == 3 * HOUR_US, "a second rotation does not keep the first key for longer"


def test_a_revoked_key_holds_no_more_and_cannot_be_rotated():
    _, key = made(GRANT, 0)
    (row,) = revoked([key], 1)
    assert not row.holds(0)
    assert row.version > key.version
    assert revoked([row], 2) == []
    with pytest.raises(ValueError, match="no key of that name"):
        rotated([row], 2, 0)


def test_a_keyring_finds_keys_by_their_secret_until_they_end(tmp_path):
    store, now_us = KeyFile(tmp_path), [100]
    secret, key = made(GRANT, 0)
    store.write([replace(key, until_us=200)])
    ring = Keyring(store, clock=lambda: now_us[0])
    assert ring.find(secret).name == "shop"
    assert ring.find(secret + "x") is ring.find("") is ring.find(key.digest) is None
    now_us[0] = 200
    assert ring.find(secret) is None, "without being read again"
    ring.close()


def test_keys_that_cannot_be_read_for_a_while_hold_on(tmp_path):
    class Failing(KeyFile):
        fails = False

        def read(self):
            if self.fails:
                raise OSError("away")
            return super().read()

    store = Failing(tmp_path)
    secret, key = made(GRANT, 0)
    store.write([key])
    ring = Keyring(store)
    ring.start()
    store.fails = True
    wait_until(lambda: ring.error == "away", 5, "it to be noticed")
    assert ring.find(secret) is not None
    store.fails = False
    store.write(revoked([key], 1))
    wait_until(lambda: ring.find(secret) is None and not ring.error, 5, "the keys to be read again")
    ring.close()


def test_commands_change_keys_while_a_collector_runs(collect):
    collector = collect("collector")
    collector.start()
    made = json.loads(
        collector.run("keys", "write", "create", "shop", "--brand", "lumiere", "--rate", "0", "--json")
    )
    first = made["write_key"]

    def takes(key):
        return collector.send([], key, kind=BATCH).status == 202

    wait_until(lambda: takes(first), 5, "the key to be known")
    second = collector.run("keys", "write", "rotate", "shop").strip()
    wait_until(lambda: takes(second), 5, "its successor to be known")
    assert takes(first), "for 24 hours more"
    listed = collector.run("keys", "write", "list")
    assert first not in listed
    assert second not in listed
    shown = json.loads(collector.run("keys", "write", "list", "--json"))
    assert [key["until"] is None for key in shown] == [False, True]
    collector.run("keys", "write", "revoke", "shop")
    wait_until(lambda: not takes(first) and not takes(second), 5, "both to be refused")
    assert collector.send(event(), second).status == 401


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create", "a b", "--brand", "x"], "letters, digits"),
        (["create", "a", "--brand", "x", "--channel", "radio"], "--channel radio"),
        (["create", "a", "--brand", "x", "--origin", "https://x/path"], "--origin"),
        (["rotate", "nobody"], "there is no write key nobody"),
        (["revoke", "nobody"], "there is no write key nobody"),
    ],
)
def test_what_cannot_be_done_is_told(tmp_path, words, said):
    done = command(tmp_path, *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_name_that_is_in_use_is_not_given_twice(tmp_path):
    assert command(tmp_path, "create", "a", "--brand", "x").returncode == 0
    assert "rotate or revoke" in command(tmp_path, "create", "a", "--brand", "x").stderr
    assert command(tmp_path, "revoke", "a").returncode == 0
    assert "revoked already" in command(tmp_path, "revoke", "a").stdout
    assert command(tmp_path, "create", "a", "--brand", "x").returncode == 0


@pytest.mark.parametrize(
    "point", ["keys.open.before", "keys.open.after", "keys.write.before", "keys.write.after"]
)
def test_killed_while_a_key_is_made_the_file_is_whole(tmp_path, point):
    assert command(tmp_path, "create", "a", "--brand", "x", JOURNEY_FAULT=point).returncode == -9
    shown = command(tmp_path, "list", "--json")
    assert len(json.loads(shown.stdout)) == (1 if point == "keys.write.after" else 0)
    assert (tmp_path / "data" / "keys.sqlite").stat().st_mode & 0o077 == 0


def command(folder, *words, **more):
    return commands.run(
        [commands.JOURNEY, "keys", "write", *words, "--data", folder / "data"],
        env=os.environ | more, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def emptied(path):
    path.write_bytes(b"")


def tableless(path):
    path.write_bytes(b"")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")


DAMAGES = [
    emptied,
    tableless,
    lambda path: path.write_bytes(Random(3).randbytes(12_288)),
    lambda path: os.truncate(path, path.stat().st_size // 2),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_keys_are_told_in_one_line_and_made_anew_with_the_file_kept(tmp_path, damage):
    assert command(tmp_path, "create", "a", "--brand", "x").returncode == 0
    path = tmp_path / "data" / "keys.sqlite"
    damage(path)
    was = path.read_bytes()
    done = command(tmp_path, "list")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("journey: the write keys cannot be read, ")
    assert "restore it from a backup, or create the keys again" in line
    assert path.read_bytes() == was
    done = command(tmp_path, "create", "a", "--brand", "x")
    assert done.returncode == 0, done.stderr
    assert "is kept as keys.damaged-" in done.stderr
    (kept,) = path.parent.glob("keys.damaged-*.sqlite")
    assert kept.read_bytes() == was
    assert [key["name"] for key in json.loads(command(tmp_path, "list", "--json").stdout)] == ["a"]


@pytest.mark.parametrize("point", ["keys.aside.before", "keys.aside.after"])
def test_killed_while_a_damaged_file_is_put_aside_the_next_command_goes_on(tmp_path, point):
    assert command(tmp_path, "create", "a", "--brand", "x").returncode == 0
    emptied(tmp_path / "data" / "keys.sqlite")
    assert command(tmp_path, "create", "a", "--brand", "x", JOURNEY_FAULT=point).returncode == -9
    assert command(tmp_path, "create", "a", "--brand", "x").returncode == 0
    assert len(list((tmp_path / "data").glob("keys.damaged-*.sqlite"))) == 1


def test_a_collector_starts_on_damaged_keys_says_so_and_takes_those_that_are_made_anew(collect):
    collector = collect("up")
    first = collector.run("keys", "write", "create", "shop", "--brand", "lumiere").strip()
    path = collector.data / "keys.sqlite"
    path.write_bytes(Random(3).randbytes(12_288))
    collector.start()
    answer = collector.send(event(), first)
    assert answer.status == 503
    assert "the write keys of this collector cannot be read now" in answer.json["detail"]
    assert "no event can be taken: the write keys cannot be read" in str(collector.get("/health").json)
    second = collector.run("keys", "write", "create", "shop", "--brand", "lumiere").strip()
    wait_until(lambda: collector.send(event(), second).status == 202, 10, "the new key to be known")
    assert collector.send(event(), first).status == 401
    collector.stop()
    path.write_bytes(b"")
    done = commands.run(
        [commands.JOURNEY, "verify", "--data", collector.data],
        env=collector._environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "file = keys.sqlite, damaged = it has no table of keys" in done.stdout
