"""A data directory is for its owner alone, whatever the umask; the key may be in a file."""

import os
import stat

import pytest

from streams.collector.write_key_stores import KeyFile
from streams.embedded.embedded import Embedded
from streams.handles.key_file import successor
from streams.process.private_files import private_directory
from streams.settings import Settings, SettingsError

KEY = bytes(range(32))
OPEN = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture(params=[0o022, 0o000], ids=["022", "000"])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def rights(path):
    return stat.S_IMODE(path.stat().st_mode)


def made(data):
    """Open a directory that makes every file of ours, and return those that others could use while it is open."""
    keys = KeyFile(data)
    with Embedded(Settings(data)) as embedded:
        embedded.accept(embedded.edge().pack([b"{"], topic="t", now_us=embedded.clock()))
        successor(data)
        found = [path.name for path in (data, data / "clickhouse", *data.iterdir()) if rights(path) & OPEN]
        assert {
            "log.sqlite",
            "log.sqlite-wal",
            "log.sqlite-shm",
            "keys.sqlite",
            "handle.key",
            "handle.key.next",
            "lock",
        } <= {path.name for path in data.iterdir()}
    keys.close()
    return found


def test_nobody_else_can_enter_or_read(tmp_path, umask):
    assert made(tmp_path / "data") == []


def test_what_is_open_to_others_is_closed_with_a_word_when_it_is_opened(tmp_path, umask, caplog):
    data = tmp_path / "data"
    made(data)
    for path in (data, *data.iterdir()):
        path.chmod(0o755)
    assert made(data) == []
    assert f"data directory {data} was open to others (755)" in caplog.text
    assert "log.sqlite" in caplog.text


def test_a_directory_of_other_files_is_not_closed_and_what_is_ours_in_it_is(tmp_path, umask, caplog):
    (tmp_path / "thesis.txt").write_text("…")
    (tmp_path / "clickhouse").mkdir(0o755)
    tmp_path.chmod(0o755)
    private_directory(tmp_path)
    assert rights(tmp_path) == 0o755
    assert rights(tmp_path / "clickhouse") == 0o700
    assert "holds other files" in caplog.text


def test_the_key_may_come_from_a_file(tmp_path, monkeypatch, caplog):
    path = tmp_path / "key"
    path.write_text(f"\n {KEY.hex()} \n")
    path.chmod(0o400)
    monkeypatch.delenv("JOURNEY_HANDLE_KEY", raising=False)
    monkeypatch.setenv("JOURNEY_HANDLE_KEY_FILE", str(path))
    assert Settings.read(tmp_path).handle_key == KEY
    assert caplog.text == ""
    path.chmod(0o444)
    assert Settings.read(tmp_path).handle_key == KEY
    assert "can be read by every user" in caplog.text
    assert KEY.hex() not in caplog.text


@pytest.mark.parametrize(
    ("text", "other", "message"),
    [
        ("zz", "", "64 hex digits"),
        ("", "", "64 hex digits"),
        (None, "", "cannot be read"),
        (KEY.hex(), KEY.hex(), "not both"),
    ],
)
def test_a_file_without_a_key_is_refused_without_quoting_it(tmp_path, monkeypatch, text, other, message):
    path = tmp_path / "key"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("JOURNEY_HANDLE_KEY", other)
    monkeypatch.setenv("JOURNEY_HANDLE_KEY_FILE", str(path))
    with pytest.raises(SettingsError, match=message) as told:
        Settings.read(tmp_path)
    assert "zz" not in str(told.value).replace(str(path), "")
