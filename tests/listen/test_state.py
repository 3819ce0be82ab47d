"""The state of a listener: private, of one account and process, and of no use without the key."""

import pytest

from streams.listen.acts import Original
from streams.listen.state import State, StateError

ONE = Original("1", "social.comment", "2026-10-17T12:00:00Z", "https://m.example/@l/1", "ann@m.example", "5")


def test_it_is_there_again_when_it_is_opened_again(tmp_path):
    with_key = State(tmp_path / "new", "x")
    with_key.commit("7", "server", {"a": ONE, "b": ONE}, {})
    with_key.commit("8", "server", {}, {"b": "9"})
    with_key.close()
    again = State(tmp_path / "new", "x")
    assert (again.cursor, again.origin, again.remembered) == ("8", "server", 1)
    assert again.original("a") == ONE
    assert again.original("b") == Original(
        *[getattr(ONE, name) for name in ("id", "type", "time", "content", "who")], "9", is_removed=True
    )
    assert again.original("c") is None
    again.close()
    files = list((tmp_path / "new").iterdir())
    assert {path.name for path in files} >= {"x.sqlite", "listen.key"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert not any(b"ann" in path.read_bytes() for path in files)


def test_with_a_smaller_bound_what_is_beyond_it_is_overwritten_at_the_start(tmp_path):
    first = State(tmp_path, "x", handle_key=b"1" * 32)
    first.commit("7", "", dict.fromkeys("abc", ONE), {})
    rows = [row[0].encode() for row in first._db.execute("SELECT original FROM originals ORDER BY place")]
    first.close()
    again = State(tmp_path, "x", handle_key=b"1" * 32, most=1)
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("x.sqlite*"))
    assert [row in kept for row in rows] == [False, False, True]
    assert (again.forgotten, again.remembered, again.names(5)) == (2, 1, ["c"])
    again.close()


def test_it_stays_when_the_handle_key_is_rotated(tmp_path):
    first = State(tmp_path, "x", handle_key=b"1" * 32)
    first.commit("7", "", {"a": ONE}, {})
    first.close()
    rotated = State(tmp_path, "x", handle_key=b"1" * 32 + b"2" * 32)
    assert rotated.original("a") == ONE
    rotated.close()
    assert not (tmp_path / "listen.key").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"handle_key": b"2" * 32}, "another key"),
        ({"account": "bob", "handle_key": b"1" * 32}, "another account"),
    ],
)
def test_another_key_or_account_is_refused(tmp_path, more, said):
    State(tmp_path, "x", account="ann", handle_key=b"1" * 32).close()
    with pytest.raises(StateError, match=said):
        State(tmp_path, "x", **({"account": "ann"} | more))


def test_one_process_at_a_time_has_it(tmp_path):
    one = State(tmp_path, "x")
    with pytest.raises(StateError, match="in use"):
        State(tmp_path, "x")
    State(tmp_path, "y").close()
    one.close()
    State(tmp_path, "x").close()


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "x.sqlite").write_bytes(b"no database" * 1_000)
    with pytest.raises(StateError, match=r"x\.sqlite: file is not a database"):
        State(tmp_path, "x")
