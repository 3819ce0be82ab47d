"""A backup holds a data directory as of one instant, and is whole or refused; what came later can be sent again."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from streams.backup.manifest import FILES, MANIFEST
from tests.backup.world import ids, journey, streamed, tried
from tests.collector.server import KEY, Collector, event
from tests.faults.runs import KILLED
from tests.fixtures.directories import with_evening
from tests.fixtures.servers.process import wait_until

WITH_KEY = {"JOURNEY_HANDLE_KEY": KEY.hex()}


@pytest.fixture
def evening(tmp_path) -> Path:
    return with_evening(tmp_path / "evening")


def assert_clean(data, **environment):
    assert "all figures recompute" in journey("verify", "--data", data, **environment).stdout


def files_of(backup):
    return {
        path.relative_to(backup / FILES).as_posix(): path
        for path in (backup / FILES).rglob("*")
        if path.is_file()
    }


def test_a_backup_of_a_running_engine_has_all_that_was_acknowledged_and_later_events_are_sent_again(tmp_path):
    up = Collector(tmp_path)
    key = up.key("shop")
    up.start()
    backups = []
    try:
        with streamed(up, key) as stream:
            for number in range(2):
                wait_until(lambda: len(stream.acknowledged) > 200 * (len(backups) + 1), 60, "events")
                known = len(stream.acknowledged)
                since = ("--since", backups[-1][0]) if backups else ()
                told = json.loads(
                    journey(
                        "backup", tmp_path / f"b{number}", *since, "--data", up.data, "--json", **WITH_KEY
                    ).stdout
                )
                backups.append((tmp_path / f"b{number}", set(stream.acknowledged[:known]), told))
        everything = sorted(set(stream.acknowledged))
        assert len(everything) > 400
        up.kill()
    finally:
        up.kill()
    history = tmp_path / "history.ndjson"
    history.write_text("\n".join(map(json.dumps, stream.sent)))
    for backup, known, told in backups:
        data = tmp_path / f"restored-{backup.name}"
        journey("restore", backup, data, **WITH_KEY)
        assert_clean(data, **WITH_KEY)
        found = ids(data, **WITH_KEY)
        assert len(found) == len(set(found))
        assert known <= set(found) <= {each["id"] for each in stream.sent}
        assert told["events"] <= len(found)
        assert not (data / "handle.key").exists()
        again = json.loads(journey("load", history, "--data", data, "--json", **WITH_KEY).stdout)
        assert again["duplicates"] == len(found)
        assert ids(data, **WITH_KEY) == sorted({each["id"] for each in stream.sent})
        assert_clean(data, **WITH_KEY)


def test_write_keys_and_what_waits_in_the_log_are_in_it_and_the_key_only_when_asked_for(tmp_path, evening):
    evening.rename(tmp_path / "data")
    up = Collector(tmp_path, "collector", JOURNEY_HANDLE_KEY="")
    key = up.key("shop")
    up.start()
    try:
        with streamed(up, key) as stream:
            wait_until(lambda: len(stream.acknowledged) > 100, 60, "events")
            known = set(stream.acknowledged)
            journey("backup", tmp_path / "with", "--with-key", "--data", up.data)
            journey("backup", tmp_path / "without", "--since", tmp_path / "with", "--data", up.data)
    finally:
        up.kill()
    for name in ("with", "without"):
        assert (tmp_path / name / "manifest.json").stat().st_mode & 0o777 == 0o600
        assert ("handle.key" in files_of(tmp_path / name)) == (name == "with")
        data = tmp_path / f"{name}-data"
        said = journey("restore", tmp_path / name, data).stdout
        assert ("the handle key is not in the backup" in said) == (name == "without")
        assert (data.stat().st_mode & 0o777, (data / "clickhouse").stat().st_mode & 0o777) == (0o700, 0o700)
        if name == "without":
            assert "handle.key is lost" in journey("sql", "SELECT 1", "--data", data).stderr
            shutil.copy(up.data / "handle.key", data / "handle.key")
        assert known < set(ids(data))
        assert "shop" in journey("keys", "write", "list", "--data", data).stdout
        assert_clean(data)


def test_what_has_not_changed_is_linked_to_the_last_backup_which_may_be_deleted(tmp_path, evening):
    journey("verify", "--data", evening)
    first = json.loads(journey("backup", tmp_path / "1", "--data", evening, "--json").stdout)
    assert first["copied_bytes"] == first["bytes"]
    events = tmp_path / "one.ndjson"
    one = {"id": "one", "source": "s", "type": "web.page_view", "time": "2026-10-18T00:00:00Z"}
    events.write_text(json.dumps(one | {"data": {"brand": "other", "handles": {"cookie": "c"}}}))
    journey("load", events, "--data", evening)
    second = json.loads(
        journey("backup", tmp_path / "2", "--since", tmp_path / "1", "--data", evening, "--json").stdout
    )
    assert second["since"] == first["at"]
    before, after = files_of(tmp_path / "1"), files_of(tmp_path / "2")
    shared = [name for name in after if name in before and after[name].samefile(before[name])]
    parts = {Path(name).parent for name in shared}
    assert len(parts) > 5
    assert second["copied_bytes"] < second["bytes"]
    shutil.rmtree(tmp_path / "1")
    journey("restore", tmp_path / "2", tmp_path / "data")
    shutil.copy(evening / "handle.key", tmp_path / "data" / "handle.key")
    assert len(ids(tmp_path / "data")) == 166
    assert_clean(tmp_path / "data")


def test_a_part_of_the_same_name_with_other_rows_is_copied(tmp_path, evening):
    """As after a restoration: the numbers of parts are given again."""
    journey("backup", tmp_path / "1", "--data", evening, "--with-key")
    journey("restore", tmp_path / "1", tmp_path / "other")
    for data, brand in ((evening, "here"), (tmp_path / "other", "there")):
        line = {"id": brand, "source": "s", "type": "web.page_view", "time": "2026-10-18T00:00:00Z"}
        (tmp_path / "line").write_text(
            json.dumps(line | {"data": {"brand": brand, "handles": {"cookie": "c"}}})
        )
        journey("load", tmp_path / "line", "--data", data)
    journey("backup", tmp_path / "2", "--since", tmp_path / "1", "--data", evening)
    journey("backup", tmp_path / "3", "--since", tmp_path / "2", "--with-key", "--data", tmp_path / "other")
    assert set(files_of(tmp_path / "2")) & set(files_of(tmp_path / "3"))
    journey("restore", tmp_path / "3", tmp_path / "third")
    found = ids(tmp_path / "third")
    assert (len(found), found.count("there")) == (166, 1)
    assert_clean(tmp_path / "third")


def tampered(backup, how):
    files = files_of(backup)
    name = max(files, key=lambda each: files[each].stat().st_size)
    match how:
        case "a bit":
            content = bytearray(files[name].read_bytes())
            content[len(content) // 2] ^= 1
            files[name].write_bytes(content)
        case "cut":
            files[name].write_bytes(files[name].read_bytes()[:-1])
        case "gone":
            files[name].unlink()
        case "more":
            (backup / FILES / "handle.key.next").write_text("00" * 32)
        case "link":
            files[name].unlink()
            files[name].symlink_to("/etc/hostname")
        case "no manifest":
            (backup / MANIFEST).unlink()
        case "manifest":
            path = backup / MANIFEST
            path.write_text(path.read_text().replace('"has_key": true', '"has_key": false'))
        case "torn manifest":
            path = backup / MANIFEST
            path.write_text(path.read_text()[:-100])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("a bit", "is damaged"),
        ("cut", "is damaged"),
        ("gone", "is missing"),
        ("more", "does not name handle.key.next"),
        ("link", "is no file of a backup"),
        ("no manifest", "is no whole backup"),
        ("manifest", "is not as it was written"),
        ("torn manifest", "is damaged"),
    ],
)
def test_a_backup_that_was_changed_is_refused_and_nothing_is_made_of_it(made, tmp_path, how, said):
    backup = Path(shutil.copytree(made, tmp_path / "b"))
    tampered(backup, how)
    assert said in journey("restore", backup, tmp_path / "data", code=2).stderr
    assert not (tmp_path / "data").exists()
    assert said in journey("restore", backup, "--check", code=2).stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    journey("backup", folder / "b", "--with-key", "--data", with_evening(folder / "data"))
    return folder / "b"


def test_a_manifest_that_names_files_elsewhere_is_refused(made, tmp_path):
    from streams.backup.manifest import Entry, read, write  # noqa: PLC0415 - of this test only

    backup = Path(shutil.copytree(made, tmp_path / "b"))
    (tmp_path / "outside").write_text("x")
    manifest = read(backup)
    (backup / MANIFEST).unlink()
    changed = {**manifest.files, "../../outside": Entry(1, "0" * 64)}
    write(
        type(manifest)(**{**{n: getattr(manifest, n) for n in manifest.__slots__}, "files": changed}), backup
    )
    assert "outside of the backup" in journey("restore", backup, tmp_path / "data", code=2).stderr


def test_places_that_are_taken_and_wrong_words_are_refused(made, tmp_path, evening):
    journey("restore", made, "--check")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "is not empty" in journey("restore", made, tmp_path / "full", code=2).stderr
    assert "is not empty" in journey("restore", made, evening, code=2).stderr
    assert [each.name for each in (tmp_path / "full").iterdir()] == ["x"]
    assert "is there already" in journey("backup", tmp_path / "full", "--data", evening, code=2).stderr
    assert "make it first" in journey("backup", tmp_path / "no" / "b", "--data", evening, code=2).stderr
    assert (
        "no whole backup"
        in journey("backup", tmp_path / "b", "--since", tmp_path / "full", "--data", evening, code=2).stderr
    )
    assert "only checks" in journey("restore", made, code=2).stderr
    wrong = journey("restore", made, tmp_path / "d", JOURNEY_HANDLE_KEY="11" * 32)
    assert "whole" in wrong.stdout  # the key is in it
    told = journey(
        "backup", tmp_path / "k", "--with-key", "--data", tmp_path / "new", code=2, **WITH_KEY
    ).stderr
    assert "leave out --with-key" in told
    journey("backup", tmp_path / "k", "--data", tmp_path / "new", **WITH_KEY)
    another = journey("restore", tmp_path / "k", tmp_path / "e", code=2, JOURNEY_HANDLE_KEY="11" * 32).stderr
    assert "everybody would be new" in another
    assert not (tmp_path / "e").exists()


WRITER = ("backup.copy.before:1", "backup.copy.after:9", "backup.manifest.before", "backup.manifest.after",
          "backup.rename.before", "backup.rename.after", "backup.note.before", "backup.note.after")  # fmt: skip
# The last ones of the engine leave an image, which the next opening discards.
ENGINE = ("backup.discard.after", "backup.discard.before", "backup.image.before:1", "backup.image.after:1", "backup.freeze.before:2",
          "backup.freeze.after:5", "backup.image.after:2", "backup.image.after:3")  # fmt: skip


def left(data):
    return [
        path
        for path in (data / "images", *(data / "clickhouse" / "shadow").glob("*[0-9a-f]"))
        if path.exists()
    ]


def test_a_command_that_is_killed_at_any_write_leaves_what_is_refused_and_the_next_is_whole(
    tmp_path, evening
):
    for number, fault in enumerate((*ENGINE, *WRITER)):
        target = tmp_path / f"b{number}"
        journey("backup", target, "--data", evening, code=KILLED, JOURNEY_FAULT=fault)
        if not target.exists():
            draft = target.with_name(target.name + ".unfinished")
            if draft.exists() and not fault.startswith(("backup.manifest.after", "backup.rename")):
                assert "no whole backup" in journey("restore", draft, tmp_path / "d", code=2).stderr
            if number % 3 == 0:
                journey("backup", target, "--data", evening, "--with-key", code=0)
                assert not draft.exists()
    journey("backup", tmp_path / "last", "--data", evening, "--with-key")
    assert left(evening) == []
    journey("restore", tmp_path / "last", tmp_path / "restored")
    assert_clean(tmp_path / "restored")
    assert_clean(evening)


# Every second write; the others in `make soak`. A command alone is killed at each of them.
@pytest.mark.parametrize("first", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_beside_an_engine_either_may_be_killed_and_the_next_backup_is_whole(tmp_path, first):
    up = Collector(tmp_path)
    key = up.key("shop")
    try:
        for number, fault in enumerate(ENGINE[first::2]):
            up._environment["JOURNEY_FAULT"] = fault
            up.start()
            with streamed(up, key) as stream:
                wait_until(lambda: len(stream.acknowledged) > 100, 60, "events")
                done = tried("backup", tmp_path / f"b{number}", "--data", up.data, **WITH_KEY)
                if "discard" in fault:  # the image goes once the command has ended
                    assert done.returncode == 0, done.stderr
                else:
                    assert done.returncode == 2, fault
                    assert "has ended; what it accepted is safe" in done.stderr
                    assert not (tmp_path / f"b{number}").exists()
                wait_until(lambda: not up.process.running, 60, f"the engine to die at {fault}")
        up._environment.pop("JOURNEY_FAULT")
        up.start()
        for number, fault in enumerate(WRITER[first::2]):
            done = tried(
                "backup", tmp_path / f"w{number}", "--data", up.data, JOURNEY_FAULT=fault, **WITH_KEY
            )
            assert done.returncode == KILLED
            wait_until(lambda: left(up.data) == [], 10, "the image to go")
        journey("backup", tmp_path / "last", "--data", up.data, **WITH_KEY)
    finally:
        up.kill()
    journey("restore", tmp_path / "last", tmp_path / "restored", **WITH_KEY)
    assert_clean(tmp_path / "restored", **WITH_KEY)
    assert ids(tmp_path / "restored", **WITH_KEY) == ids(up.data, **WITH_KEY)


def test_a_restoration_that_is_killed_at_any_write_opens_nowhere_and_is_given_again(made, tmp_path):
    data = tmp_path / "data"
    for fault in ("restore.begin.before", "restore.begin.after", "backup.copy.after:5", "restore.clear.before",
                  "restore.clear.after", "restore.finish.before"):  # fmt: skip
        journey("restore", made, data, code=KILLED, JOURNEY_FAULT=fault)
        if fault != "restore.begin.before":
            for words in (("verify",), ("status",), ("up",), ("collector",)):
                assert "has half of a backup" in journey(*words, "--data", data, code=2).stderr
    journey("restore", made, data, code=KILLED, JOURNEY_FAULT="restore.finish.after")
    assert_clean(data)
    assert "is not empty" in journey("restore", made, data, code=2).stderr


def copied_by_cp(source, target, *, between=lambda: None):
    """Copy a directory with cp -a: the tables first, as `cp` may meet them, then the rest."""
    target.mkdir()
    names = sorted(path.name for path in source.iterdir() if not path.is_socket())
    for name in ["clickhouse", *(each for each in names if each != "clickhouse")]:
        subprocess.run(["cp", "-a", source / name, target / name], check=False, capture_output=True)
        if name == "clickhouse":
            between()


def test_a_copy_with_cp_of_a_stopped_engine_is_whole_and_of_a_running_one_lacks_what_was_acknowledged(
    tmp_path,
):
    up = Collector(tmp_path)
    key = up.key("shop")
    up.start()
    try:
        assert up.send(event("early"), key).status == 202
        assert ids(up.data, **WITH_KEY) == ["early"]

        def meanwhile():
            assert up.send(event("late"), key).status == 202
            assert ids(up.data, **WITH_KEY) == ["early", "late"]

        copied_by_cp(up.data, tmp_path / "running", between=meanwhile)
        assert up.stop() == 0
    finally:
        up.kill()
    copied_by_cp(up.data, tmp_path / "stopped")
    assert ids(tmp_path / "stopped", **WITH_KEY) == ["early", "late"]
    assert_clean(tmp_path / "stopped", **WITH_KEY)
    assert ids(tmp_path / "running", **WITH_KEY) == [
        "early"
    ]  # the log let the late one go, and no table has it


def test_status_names_the_last_backup(tmp_path, evening):
    assert json.loads(journey("status", "--data", evening, "--json").stdout)["last_backup"] is None
    assert "no backup is known" in journey("status", "--data", evening).stdout
    told = json.loads(journey("backup", tmp_path / "b", "--data", evening, "--json").stdout)
    found = json.loads(journey("status", "--data", evening, "--json").stdout)["last_backup"]
    assert found == {"at": told["at"], "path": str(tmp_path / "b"), "bytes": told["bytes"]}
    assert f"last backup of {told['at'][:10]}" in journey("status", "--data", evening).stdout
    (evening / "backup").write_text("{")
    assert "no backup is known" in journey("status", "--data", evening).stdout
