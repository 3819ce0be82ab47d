"""Serves commands that find the data directory in use: over a Unix socket in it that only its owner can open.

Each connection has a thread. Statements run there, on a connection of their own to the engine; frames are appended to the log
there; and what changes the engine's state is a task for its thread, between two batches. A command that ends, or is killed,
has its statements ended, and what it asked for and has not begun is not done.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from journey.errors import UserError
from streams.audiences.upkeep import Refreshed
from streams.beside.wire import NAME, ClosedError, Head, Wire, version, where
from streams.clock import system_clock
from streams.embedded.embedded import Embedded
from streams.handles.key import mode_of
from streams.http.problems import place_of
from streams.log.local import Log
from streams.process.stuck_threads import STUCK
from streams.services.audiences import Between, kept_by
from streams.services.control_tasks import LONG, NAMES, Asked, begun
from streams.services.engine_thread import EngineThread
from streams.services.expiry import ExpiryThread
from streams.services.kept import paths_kept_by
from streams.services.long_work import FINISHED, LongWork
from streams.services.snapshots import Snapshots
from streams.store.cancellation import EngineEnding
from streams.store.clickhouse import DATABASE
from streams.store.statements import Statements
from streams.telemetry.metrics import Sample

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Control", "Running", "Use", "control_served"]

Use = Callable[[Embedded], None]
"""Called in the engine's thread once another key or model is in force."""

_MOST = 32  # connections; a command has one, or two
_AHEAD_FRAMES = 8  # of commands that load: while so many wait, live events are behind no more than these
_FRESH_S = 5.0  # that a command waits for events that were accepted before it
_LOOK_S, _AGAIN_S = 0.1, 0.5
_STOP_S = 1.0
_SPOOL = "beside"
_REFRESH = "refresh"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Running:
    """A command that is being served."""

    words: str
    pid: int
    since_us: int


@dataclass(eq=False, slots=True)
class _Session:
    """A connection: its thread's number, what it asks for now, and whether the command has gone.

    `is_marked` once statements run that carry its mark.
    """

    wire: Wire
    number: int
    stack: ExitStack = field(default_factory=ExitStack)
    gone: threading.Event = field(default_factory=threading.Event)
    busy_since_s: float | None = None
    told_s: float = 0.0
    running: Running | None = None
    database: str = DATABASE
    is_marked: bool = False
    statements: Statements | None = None
    log: Log | None = None

    @property
    def mark(self) -> str:
        """By which its statements are ended."""
        return f"beside-{self.number}"


class Control:
    """The server of a data directory's socket.

    Parameters
    ----------
    embedded
        What `engine` has open, for what never changes of it.
    use
        What else is to go over to another key or model.

    Raises
    ------
    SettingsError
        The file of audiences cannot be used, or a destination in it.
    """

    def __init__(self, engine: EngineThread, embedded: Embedded, use: Use) -> None:
        self._engine, self._embedded, self._use = engine, embedded, use
        self._data = embedded.settings.data
        self._folder = self._data / "clickhouse"
        self._spool = self._data / _SPOOL
        self._ending = EngineEnding(self._folder)
        self._snapshots = Snapshots(self._folder, engine)
        self._threads = max(1, (os.cpu_count() or 1) // 2)  # of a statement: the rest is the engine's
        self._long = LongWork(self._folder, engine, self._snapshots, self._threads)
        self._since_us = system_clock()
        self._lock = threading.Lock()
        self._sessions: dict[_Session, threading.Thread] = {}
        self._numbers = 0
        self._stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._expiry = ExpiryThread(self._long, engine.degraded)
        between = Between(self._long, lambda: str(embedded.losses))
        self._audiences = kept_by(embedded.settings, between, engine.degraded, embedded.clock)
        self._paths = paths_kept_by(embedded.settings, between, engine.degraded, embedded.clock)

    def start(self) -> None:
        """Listen; where that cannot be, go on without."""
        rmtree(self._spool, ignore_errors=True)
        self._spool.mkdir(mode=0o700, exist_ok=True)
        self._expiry.start()
        self._paths.start()
        if self._audiences is not None:
            self._audiences.start()
        try:
            self._listener = _listening(self._data)
        except OSError as error:
            _log.warning(
                "other commands cannot ask this process: no socket can be opened in %s: %s", self._data, error
            )
            return
        for work in (self._accept, self._watch):
            threading.Thread(target=work, name=f"beside{work.__name__}", daemon=True).start()

    def end(self) -> None:
        """Refuse new commands, and have those that run end; returns at once."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._expiry.end()
        self._paths.end()
        if self._audiences is not None:
            self._audiences.end()
        if self._listener is not None:
            with suppress(OSError):
                (self._data / NAME).unlink()
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self._lock:
            sessions = dict(self._sessions)
        self._ending.end(FINISHED)
        for session in sessions:
            session.gone.set()
            session.wire.end()
            if session.is_marked:
                self._ending.end(session.mark)

    def stop(self) -> None:
        """End, and wait a moment for the commands; a task that has begun is finished."""
        self.end()
        with self._lock:
            sessions = dict(self._sessions)
        until_s = time.monotonic() + _STOP_S
        for session, thread in sessions.items():
            thread.join(max(0.0, until_s - time.monotonic()))
            if thread.is_alive() and session.is_marked:
                STUCK.add(thread, f"{_said(session)} does not end when it is told to")
        if self._audiences is not None:
            self._audiences.stop()
        self._paths.stop()
        self._snapshots.close()
        rmtree(self._spool, ignore_errors=True)

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101 - started
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                self._stopping.wait(_LOOK_S)  # of too many open files, say
                continue
            with self._lock:
                self._numbers += 1
                session = _Session(Wire(connection), self._numbers)
                thread = threading.Thread(target=self._serve, args=(session,), name=session.mark, daemon=True)
                self._sessions[session] = thread
            thread.start()

    def _watch(self) -> None:
        """End the statements of commands that have gone."""
        while not self._stopping.wait(_LOOK_S):
            with self._lock:
                sessions = list(self._sessions)
            for session in sessions:
                if session.busy_since_s is None or not (session.gone.is_set() or session.wire.is_gone):
                    continue
                session.gone.set()
                now_s = time.monotonic()
                if session.is_marked and now_s - session.told_s > _AGAIN_S:
                    session.told_s = (
                        now_s  # again, since an order that comes between two statements meets none
                    )
                    self._ending.end(session.mark)

    def _serve(self, session: _Session) -> None:
        try:
            with session.stack:
                session.stack.callback(session.wire.close)
                self._greet(session)
                while not self._stopping.is_set():
                    head, body = session.wire.receive()
                    session.busy_since_s = time.monotonic()
                    self._answer(session, head, body)
                    session.busy_since_s = None
        except ClosedError:
            pass
        except Exception as error:  # noqa: BLE001 - one command's trouble is nobody else's
            _log.error("%s: %s", _said(session), place_of(error))
        finally:
            with self._lock:
                self._sessions.pop(session, None)
            STUCK.ended(threading.current_thread())

    def _greet(self, session: _Session) -> None:
        """Say what this process is; refuse a command of another version, and one too many."""
        head, _ = session.wire.receive()
        told: Head = {"version": version(), "pid": os.getpid()}
        with self._lock:
            count = len(self._sessions)
        if head.get("version") != version():
            session.wire.send(told)
            raise ClosedError
        if count > _MOST:
            session.wire.send(
                told | {"error": f"{count - 1} connections of commands are open: try again in a moment"}
            )
            raise ClosedError
        session.busy_since_s = time.monotonic()
        if head.get("words"):
            session.running = Running(str(head["words"]), int(head.get("pid", 0)), system_clock())
        try:
            self._wait_for(session, self._position(session).last, _FRESH_S)
            told |= self._introduced(session, is_steady=bool(head.get("is_steady")))
        except Exception as error:
            session.wire.send(told | {"error": _told(error)})
            raise ClosedError from error
        session.wire.send(told)
        session.busy_since_s = None

    def _introduced(self, session: _Session, *, is_steady: bool) -> Head:
        embedded, told = self._embedded, Head()
        if is_steady:
            session.database, told["at_us"] = session.stack.enter_context(self._snapshots.taken())
        if embedded.keyless is not None:
            told["keyless"] = str(embedded.keyless)
        else:
            told |= {"key": embedded.key.secret.hex(), "brands": mode_of(embedded.key)}
        said = (str(embedded.keyless or ""), str(embedded.losses), *embedded.damaged)
        told["rules"] = [rules.text for rules in (embedded.rules, *embedded.rules.earlier)]
        return told | {"database": session.database, "warnings": [line for line in said if line]}

    def _position(self, session: _Session) -> Log:
        if session.log is None:
            path = self._data / "log.sqlite"
            session.log = session.stack.enter_context(Log(path, durable=self._embedded.settings.durable))
        return session.log

    def _answer(self, session: _Session, head: Head, body: bytes) -> None:
        wire, what = session.wire, str(head.get("do"))
        try:
            if what == "statement":
                for piece in self._stated(session, head, body):
                    wire.send({}, piece)
                wire.send({"is_last": True})
            elif what == "file":
                wire.send({"path": self._handed_over(session, str(head.get("suffix", "")))})
            elif what == "append":
                wire.send({"offset": self._appended(session, body)})
            elif what == "wait":
                self._wait_for(session, int(head["offset"]))
                wire.send({"offset": self._position(session).committed})
            elif what == "status":
                wire.send({"status": self.status()})
            elif what in NAMES or what == _REFRESH:
                wire.send({"done": self._done(session, what, head)})
            else:
                wire.send({"error": f"there is no {what}"})
        except ClosedError:
            raise
        except Exception as error:  # noqa: BLE001 - told to the command
            wire.send({"error": _told(error)})

    def _stated(self, session: _Session, head: Head, body: bytes) -> Iterator[bytes]:
        """Run a statement. One that writes to a table of which the engine has a state runs between two batches."""
        if session.statements is None:
            session.statements = Statements(self._folder, session.mark, session.database, self._threads)
            session.is_marked = True
            session.stack.callback(session.statements.close)
        statements, sql = session.statements, body.decode()
        is_reading = statements.is_reading(sql)
        spool = self._spool / f"{session.mark}.answer"
        answer = statements.answer(
            sql, str(head["format"]), dict(head["parameters"]), spool, is_reading=is_reading
        )
        if session.database != DATABASE or not statements.changes_state(sql):
            yield from answer
            return
        self._engine.submit(lambda embedded: embedded.doubt()).result()
        with self._long.turn(_said(session)), self._engine.paused():
            pieces = list(answer)
        yield from pieces

    def _handed_over(self, session: _Session, suffix: str) -> str:
        """Take a file of which the next statement inserts; it is deleted when the command ends."""
        with self._lock:
            self._numbers += 1
            number = self._numbers
        path = self._spool / f"{session.mark}-{number}{Path(suffix).name and suffix.replace('/', '')}"
        session.stack.callback(path.unlink, missing_ok=True)
        with path.open("xb") as file:
            while True:
                head, piece = session.wire.receive()
                if head.get("do") != "piece":
                    return str(path)
                file.write(piece)

    def _appended(self, session: _Session, frame: bytes) -> int:
        """Accept a frame, and wait where the engine is behind: live events are to be seen soon all the same."""
        self._embedded.refuse_losses()
        log = self._position(session)
        while log.last - log.committed >= _AHEAD_FRAMES:
            self._check(session)
            self._engine.wait_moved(_LOOK_S)
        return log.append(frame)

    def _wait_for(self, session: _Session, offset: int, at_most_s: float | None = None) -> None:
        """Wait until every table has the frames up to an offset."""
        log = self._position(session)
        until_s = None if at_most_s is None else time.monotonic() + at_most_s
        while log.committed < offset:
            if until_s is not None and (time.monotonic() > until_s or self._engine.trouble()):
                return
            self._check(session)
            if trouble := self._engine.trouble():
                raise UserError(f"what was accepted waits in the log: {trouble[0]}")
            self._engine.wait_moved(_LOOK_S)

    def _check(self, session: _Session) -> None:
        if session.gone.is_set() or self._stopping.is_set():
            raise ClosedError

    def _done(self, session: _Session, what: str, head: Head) -> Any:
        """Have a task done, by the engine's thread or beside it, and pass on how far it is."""
        if what == _REFRESH:
            return [asdict(one) for one in self._refreshed()]
        told: list[Head] = []

        def check() -> None:
            self._check(session)

        asked = Asked(
            head, self._use, told.append, check, self._engine.degraded, _said(session), session.stack.callback
        )
        if what not in LONG:
            return self._done_between(session, begun(what, asked), told)
        with self._long.turn(_said(session)):
            if not self._long.can_do(what, asked):
                with self._snapshots.held():
                    return self._done_between(session, begun(what, asked), told)
            session.is_marked = True
            mine = replace(asked, tell=lambda progress: session.wire.send({"progress": progress}))
            return self._long.done(what, mine, session.mark)

    def _done_between(self, session: _Session, work: Callable[[Embedded], Any], told: list[Head]) -> Any:
        task: Future[Any] = self._engine.submit(work)
        while not task.done():
            self._engine.wait_moved(_LOOK_S)
            if told:
                session.wire.send({"progress": told[-1]})
                told.clear()
            if session.gone.is_set() and task.cancel():
                raise ClosedError
        return task.result()

    def samples(self) -> Iterable[Sample]:
        """Return the metrics of the kept paths, and of audiences and their destinations, where there are any."""
        audiences = self._audiences.samples() if self._audiences is not None else ()
        return (*self._paths.samples(), *audiences)

    def _refreshed(self) -> Sequence[Refreshed]:
        if self._audiences is None:
            raise UserError(
                "the process that has the data directory open keeps no audiences: start it as journey up --audiences FILE"
            )
        return self._audiences.refresh()

    def activate(self, toml: str, who: str) -> None:
        """Have a model activated, as `journey model apply` does; return when it is in force. `who` asks, in words.

        Raises
        ------
        UserError
            Other work is going on, or this process ends: the model before stays active.
        """

        def check() -> None:
            if self._stopping.is_set():
                raise UserError("this process ends: the model before stays active")

        head = {"toml": toml, "name": "the changed model"}
        with ExitStack() as over, self._long.turn(who):
            asked = Asked(head, self._use, lambda _: None, check, self._engine.degraded, who, over.callback)
            if self._long.can_do("apply", asked):
                self._long.done("apply", asked, FINISHED)
                return
            with self._snapshots.held():
                self._engine.submit(begun("apply", asked)).result()

    def status(self) -> Head:
        """Return what runs, and since when."""
        with self._lock:
            running = [one.running for one in self._sessions if one.running is not None]
        return {
            "pid": os.getpid(),
            "since_us": self._since_us,
            "commands": [{"command": one.words, "pid": one.pid, "since_us": one.since_us} for one in running],
            "trouble": list(self._engine.trouble()),
            "degraded": list(self._engine.degraded.sentences()),
        }


def _said(session: _Session) -> str:
    return f"journey {session.running.words}" if session.running else f"a connection ({session.mark})"


def _told(error: Exception) -> str:
    """Return an error as the command would print it: of ClickHouse and ours as they are, of others where they are from."""
    text = str(error)
    if isinstance(error, UserError | OSError) or "Code: " in text:
        return text or type(error).__name__
    _log.error("a command failed: %s", place_of(error))
    return f"{type(error).__name__}: {text}; the log of the process that has the directory open has more"


def _listening(data: Path) -> socket.socket:
    """Return a socket that listens in the directory, in the place of one that a killed process has left."""
    path = data / NAME
    if path.is_socket():
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(OSError):
            os.fchmod(listener.fileno(), 0o600)  # what Linux makes the file with
        with where(data) as address:
            listener.bind(address)
        path.chmod(0o600)
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


@contextmanager
def control_served(engine: EngineThread, embedded: Embedded, use: Use) -> Iterator[Control]:
    """Serve commands meanwhile."""
    control = Control(engine, embedded, use)
    control.start()
    try:
        yield control
    finally:
        control.stop()
