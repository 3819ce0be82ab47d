"""Keeps what a listener has to remember in SQLite: how far it has read, and what may still be taken back.

Both change in one transaction, which is synced to disk: a listener that is killed goes on from where the collector has
everything. What the network calls a record is kept as a keyed hash; that name, and who did it, are kept only where a removal
does not say who, and then encrypted.
"""

import fcntl
import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from journey.errors import UserError
from journey.identity.handle_key import KEY_BYTES
from streams.faults import kill_point
from streams.listen.acts import Original
from streams.mood.moods import Mood
from streams.process.private_files import private_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["State", "StateError"]

_KEY_FILE = "listen.key"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS position (id INTEGER PRIMARY KEY CHECK (id = 1), cursor TEXT NOT NULL, origin TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS owner (id INTEGER PRIMARY KEY CHECK (id = 1), account TEXT NOT NULL, secret TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS originals (place INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, original TEXT NOT NULL,
    version TEXT NOT NULL, is_removed INTEGER NOT NULL);
"""
_PUT = """
INSERT INTO originals (key, original, version, is_removed) VALUES (?, ?, ?, 0)
ON CONFLICT (key) DO UPDATE SET original = excluded.original, version = excluded.version, is_removed = 0
"""
_REMOVE = "UPDATE originals SET version = ?, is_removed = 1 WHERE key = ?"
_OLDEST = "FROM originals WHERE place <= (SELECT max(place) FROM originals) - ?"
_OVER = f"SELECT count(*) {_OLDEST} AND NOT is_removed"
_FORGET = f"DELETE {_OLDEST}"
_MOVE = """
INSERT INTO position VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET cursor = excluded.cursor, origin = excluded.origin
"""
_NONCE = 12  # bytes


class StateError(UserError, RuntimeError):
    """An error of the state of a listener: in use, damaged, of another account, or under another key."""


class State:
    """The state of one listener, in a file of its own; one process at a time has it open.

    Parameters
    ----------
    name
        Of the file in `folder`: one for each listener that runs there.
    account
        Whose state it is, where it is of no use to another; "" for anybody's.
    handle_key
        What the keys of this file are made from, where there is one; else from a file beside it.
    most
        How many acts are remembered; then the oldest are forgotten.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        account: str = "",
        handle_key: bytes | None = None,
        most: int = 1_000_000,
    ) -> None:
        self.forgotten = 0
        self._path, self._most, self._stack = folder / f"{name}.sqlite", most, ExitStack()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock(folder / f"{name}.lock")
            self._secret = _secret(folder, handle_key)
            self._db = self._opened()
            self._check_owner(account)
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise StateError(f"{self._path}: {error}") from error
        except StateError:
            self.close()
            raise
        row = self._db.execute("SELECT cursor, origin FROM position").fetchone()
        self.cursor, self.origin = (str(row[0]), str(row[1])) if row else ("", "")
        self.remembered = int(
            self._db.execute("SELECT count(*) FROM originals WHERE NOT is_removed").fetchone()[0]
        )

    def _lock(self, path: Path) -> None:
        private_file(path)
        file = self._stack.enter_context(path.open("a+", encoding="utf-8"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                f"{self._path} is in use by another process: one listener at a time, or one directory each (--state)"
            ) from None

    def _opened(self) -> sqlite3.Connection:
        private_file(self._path)
        db = sqlite3.connect(self._path, isolation_level=None)
        self._stack.callback(db.close)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
        with kill_point("listen.open"):
            db.executescript(_SCHEMA)
            self.forgotten = int(db.execute(_OVER, (self._most,)).fetchone()[0])
            db.execute(_FORGET, (self._most,))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return db

    def _check_owner(self, account: str) -> None:
        """Have the file be this account's. Raises StateError where it is another's, or under another key."""
        mark = hmac.digest(self._secret, b"mark", "sha256").hex()[:16]
        with kill_point("listen.own"):
            self._db.execute("INSERT OR IGNORE INTO owner VALUES (1, ?, ?)", (account, mark))
        owner, under = self._db.execute("SELECT account, secret FROM owner").fetchone()
        wrong = ""
        if under != mark:
            wrong = (
                f"{self._path} was written under another key: set the JOURNEY_HANDLE_KEY that it was begun with (or none, and"
                f" bring {_KEY_FILE} back), or begin in an empty directory"
            )
        elif owner != account:
            wrong = f"{self._path} is of another account: give each account a directory (--state)"
        if wrong:
            raise StateError(wrong)

    def close(self) -> None:
        """Close the file, and let another process have it."""
        self._stack.close()

    def original(self, name: str) -> Original | None:
        """Return what is remembered under the name of a record; None where nothing is."""
        row = self._db.execute(
            "SELECT original, version, is_removed FROM originals WHERE key = ?", (self._key(name),)
        ).fetchone()
        if row is None:
            return None
        id_, type_, time, content, *mood, sealed = json.loads(row[0])
        return Original(
            id_,
            type_,
            time,
            content,
            self._unsealed(sealed)[1],
            row[1],
            bool(row[2]),
            Mood(*mood) if mood else None,
        )

    def names(self, most: int) -> list[str]:
        """Return the names of the records that were remembered last with whom they are of, the newest first."""
        rows = self._db.execute(
            "SELECT original FROM originals WHERE NOT is_removed ORDER BY place DESC LIMIT ?", (most,)
        ).fetchall()
        return [name for (text,) in rows if (name := self._unsealed(json.loads(text)[-1])[0])]

    def commit(
        self, cursor: str, origin: str, made: Mapping[str, Original], removed: Mapping[str, str]
    ) -> None:
        """Remember how far the collector has everything, what was made, and what was taken back: all or nothing.

        Parameters
        ----------
        made, removed
            By the name of the record: what is to be remembered of it; the version by which it was removed.
        """
        rows = [(self._key(name), self._packed(name, one), one.version) for name, one in made.items()]
        gone = [(version, self._key(name)) for name, version in removed.items()]
        try:
            with kill_point("listen.commit"):
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(_PUT, rows)
                self._db.executemany(_REMOVE, gone)
                forgotten = int(self._db.execute(_OVER, (self._most,)).fetchone()[0])
                if rows:
                    self._db.execute(_FORGET, (self._most,))
                self._db.execute(_MOVE, (cursor, origin))
                self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StateError(f"{self._path}: {error}") from error
        self.cursor, self.origin = cursor, origin
        self.forgotten += forgotten
        self.remembered += len(rows) - len(gone) - forgotten

    def _key(self, name: str) -> bytes:
        return hmac.digest(self._secret, b"key\0" + name.encode("utf-8", "surrogatepass"), "sha256")[:16]

    def _packed(self, name: str, one: Original) -> str:
        sealed = self._sealed(name, one.who) if one.who else ""
        mood = [one.mood.sentiment, one.mood.by] if one.mood else []
        return json.dumps([one.id, one.type, one.time, one.content, *mood, sealed])

    def _sealed(self, name: str, who: str) -> str:
        nonce = secrets.token_bytes(_NONCE)
        return (nonce + self._cipher().encrypt(nonce, json.dumps([name, who]).encode(), None)).hex()

    def _unsealed(self, sealed: str) -> tuple[str, str]:
        """Return the name of a record and who it is of, "" where that is not remembered."""
        if not sealed:
            return "", ""
        data = bytes.fromhex(sealed)
        name, who = json.loads(self._cipher().decrypt(data[:_NONCE], data[_NONCE:], None))
        return name, who

    def _cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - only where somebody is remembered

        return AESGCM(hmac.digest(self._secret, b"who", "sha256"))


def _secret(folder: Path, handle_key: bytes | None) -> bytes:
    """Return what keys are made from: the first handle key, which stays when it is rotated, or a file's random bytes."""
    if handle_key is not None:
        return hmac.digest(handle_key[:KEY_BYTES], b"journey listen", "sha256")
    path = folder / _KEY_FILE
    if not path.exists():
        draft = path.with_name(f"{_KEY_FILE}.draft-{os.getpid()}")
        private_file(draft)
        with kill_point("listen.key"):
            draft.write_text(secrets.token_hex(KEY_BYTES), encoding="ascii")
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another listener of this directory was first
                os.link(draft, path)
        draft.unlink()
    return sha256(path.read_bytes()).digest()
