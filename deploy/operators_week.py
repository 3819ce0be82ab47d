"""An operator's week in minutes: every job that `journey up` is kept running for, beside a stream of events, and then the accounts.

    python deploy/operators_week.py /tmp/week --rate 400

Loads history, changes the model, forgets a customer, replays dead letters, backs up, restores elsewhere and compares, sets a
target, upgrades (stops, and starts again), expires two months, rebuilds, verifies. It ends with the events that were sent and stored, and with the
slowest acknowledgement of each job, and how long events took from there to the tables; it ends with status 1 where an event is missing or doubled, or where figures do not
recompute.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from signal import SIGTERM
from typing import Any

JOURNEY = Path(sys.executable).with_name("journey")
SOURCE = "operators-week"
_LISTENS = re.compile(r"events are taken on http://127\.0\.0\.1:(\d+)")
_SENDERS = 4
_TOGETHER = 20  # events of one request
_START_S, _END_S, _AGAIN_S, _LOOK_S = 120, 30, 0.2, 1.0
_TYPES = ("web.page_view", "web.product_view", "social.like", "store.visit", "web.purchase", "social.share", "support.ticket")  # fmt: skip


class WeekError(RuntimeError):
    """An error of the week: a command failed, or the accounts do not hold."""


@dataclass
class Job:
    """A job of the operator, with the acknowledgements of what was due in it (s, from when a request was due).

    And how long after its acknowledgement an event was visible, of some of them.
    """

    name: str
    began_s: float
    took_s: float = 0.0
    said: str = ""
    acknowledged_s: list[float] = field(default_factory=list)
    visible_s: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Return the acknowledgement that a share of them did not exceed, s; 0 without any."""
        ordered = sorted(self.acknowledged_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    @property
    def latest_seen_s(self) -> float:
        """How long after its acknowledgement an event was visible in the tables, at most, s; 0 where none was looked for."""
        return max(self.visible_s, default=0.0)


class Stream:
    """Senders that keep events coming, and send each request again until it is answered.

    Parameters
    ----------
    port
        Returns where the collector listens now.
    rate
        Events a second.
    is_there
        Returns whether the event of an id is in the tables; asked about one event a second or less.
    """

    def __init__(
        self, port: Callable[[], int], key: str, rate: int, is_there: Callable[[str], bool] | None = None
    ) -> None:
        self._port, self._key, self._is_there = port, key, is_there
        self._newest = ""  # of the events that were acknowledged
        self._every_s = _SENDERS * _TOGETHER / rate
        self._stopping, self._given_up = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self.job = Job("start", time.monotonic())
        self.sent, self.accepted, self.duplicates, self.again = 0, 0, 0, 0
        self.refused: list[Any] = []
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(_SENDERS)]
        if is_there is not None:
            self._threads.append(threading.Thread(target=self._look))

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, give_up: bool = False) -> None:
        """Stop, once everything that was begun is acknowledged; or `give_up` what is not."""
        self._stopping.set()
        if give_up:
            self._given_up.set()
        for thread in self._threads:
            thread.join()

    def _send(self, sender: int) -> None:
        due_s = time.monotonic() + self._every_s * sender / _SENDERS
        request = 0
        while not self._stopping.wait(max(0.0, due_s - time.monotonic())):
            job = self.job
            lines = [_event(sender, request * _TOGETHER + place) for place in range(_TOGETHER)]
            body, tries = b"\n".join(lines), 0
            while (answer := self._answer(body)) is None and not self._given_up.is_set():
                tries += 1
                time.sleep(_AGAIN_S)
            if answer is None:
                return
            self._note(answer, job, time.monotonic() - due_s, tries)
            self._newest = json.loads(lines[-1])["id"]
            due_s, request = due_s + self._every_s, request + 1

    def _look(self) -> None:
        """Look, again and again, how long the newest event takes from its acknowledgement to the tables."""
        assert self._is_there is not None  # noqa: S101 - asked for
        while not self._stopping.wait(_LOOK_S):
            name, job, begun_s = self._newest, self.job, time.monotonic()
            while name and not self._stopping.is_set() and not self._is_there(name):
                time.sleep(_AGAIN_S / 4)
            if name and not self._stopping.is_set():
                job.visible_s.append(time.monotonic() - begun_s)

    def _answer(self, body: bytes) -> Any:
        """Return what a request was answered with; None where it is to be sent again."""
        connection = HTTPConnection("127.0.0.1", self._port(), timeout=10)
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/x-ndjson"}
        try:
            connection.request("POST", "/v1/events", body, headers)
            response = connection.getresponse()
            said = response.read()
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
        return json.loads(said) if response.status in {200, 202, 422} else None

    def _note(self, answer: Any, job: Job, took_s: float, tries: int) -> None:
        statuses = [item["status"] for item in answer["items"]]
        with self._lock:
            self.sent += _TOGETHER
            self.accepted += statuses.count("accepted")
            self.duplicates += statuses.count("duplicate")
            self.again += tries
            self.refused += [
                item for item in answer["items"] if item["status"] not in {"accepted", "duplicate"}
            ]
            job.acknowledged_s.append(took_s)


def _event(sender: int, number: int) -> bytes:
    """Return an event of one of five thousand customers, whom one in three events names by e-mail too."""
    customer = (sender * 7_919 + number * 31) % 5_000
    handles = {"user": f"week-{customer}"} | (
        {"email": f"week-{customer}@example.com"} if number % 3 == 0 else {}
    )
    kind = _TYPES[(number + customer) % len(_TYPES)]
    data: dict[str, Any] = {"brand": "lumiere", "handles": handles, "content": f"page-{number % 40}"}
    if kind == "web.purchase":
        data |= {"amount": 10 + number % 90, "currency": "EUR"}
    event = {
        "specversion": "1.0", "id": f"{sender}-{number}", "source": SOURCE, "type": kind,
        "time": datetime.now(UTC).isoformat(), "data": data,
    }  # fmt: skip
    return json.dumps(event).encode()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Engine:
    """`journey up` on a data directory."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._process: subprocess.Popen[str] | None = None
        self.port, self.sql_port = 0, free_port()

    def is_there(self, name: str) -> bool:
        """Return whether an event of the stream is in the tables, as whoever queries over HTTP sees them."""
        sql = f"SELECT count() FROM interactions WHERE source = '{SOURCE}' AND id = '{name}'"
        connection = HTTPConnection("127.0.0.1", self.sql_port, timeout=10)
        try:
            connection.request("POST", "/", sql)
            return connection.getresponse().read().strip() == b"1"
        except (OSError, HTTPException):  # it is started again
            return False
        finally:
            connection.close()

    def start(self, program: Path = JOURNEY) -> None:
        """Start, on the port of before, and wait until events are taken."""
        words = ["up", "--port", str(self.port), "--sql-port", str(self.sql_port), "--web-port", "0"]
        self._process = subprocess.Popen(
            [program, *words, "--data", self._data],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        found = threading.Event()
        threading.Thread(target=self._read, args=(self._process, found), daemon=True).start()
        if not found.wait(_START_S):
            raise WeekError(f"journey up takes no events after {_START_S} s")

    def _read(self, process: "subprocess.Popen[str]", found: threading.Event) -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe
        for line in process.stdout:
            if listens := _LISTENS.search(line):
                self.port = int(listens[1])
                found.set()

    def stop(self) -> None:
        """Stop it as systemd does."""
        if self._process is None:
            return
        self._process.send_signal(SIGTERM)
        try:
            status = self._process.wait(_END_S)
        except subprocess.TimeoutExpired as error:
            raise WeekError(f"journey up did not end within {_END_S} s of SIGTERM") from error
        if status:
            raise WeekError(f"journey up ended with status {status}")
        self._process = None

    def kill(self) -> None:
        """End it in any case."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Week:
    """The week: a folder, the engine in it, the stream into that, and the jobs that were done."""

    def __init__(self, folder: Path, history: int, program: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.history, self._program = history, program
        self.engine = Engine(self.data)
        self.stream: Stream | None = None
        self.jobs: list[Job] = []

    def journey(self, *words: str, data: Path | None = None, program: Path = JOURNEY) -> str:
        """Run a command beside the engine, and return what it prints."""
        environment = os.environ | {"JOURNEY_STORE": f"chdb://{(data or self.data).resolve()}"}
        done = subprocess.run([program, *words], capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise WeekError(
                f"journey {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}"
            )
        return done.stdout.strip()

    def value(self, sql: str, data: Path | None = None) -> int:
        """Return the one number of a query."""
        rows = json.loads(self.journey("sql", sql, "--format", "JSONEachRow", data=data))
        return int(rows["n"])

    @contextmanager
    def job(self, name: str) -> Iterator[Job]:
        """Do a job: what is acknowledged meanwhile counts as during it."""
        job = Job(name, time.monotonic())
        before = self.stream.job if self.stream else None
        if self.stream:
            self.stream.job = job
        yield job
        job.took_s = time.monotonic() - job.began_s
        if self.stream and before:
            self.stream.job = before
        self.jobs.append(job)
        print(
            f"{name:34} {job.took_s:6.1f} s   acknowledged: p99 {job.percentile(0.99):5.2f} s, slowest"
            f" {job.percentile(1):5.2f} s, visible within {job.latest_seen_s:5.2f} s   {job.said}",
            flush=True,
        )

    def begin(self, rate: int) -> None:
        """Make keys, start the engine, and let events come."""
        self.data.mkdir(mode=0o700, parents=True)
        key = self.journey(
            "keys", "write", "create", "week", "--brand", "lumiere", program=self._program
        ).split()[-1]
        self.engine.start(self._program)
        self.stream = Stream(lambda: self.engine.port, key, rate, self.engine.is_there)
        self.stream.start()


def load_history(week: Week) -> None:
    """Load five months of history from before."""
    month = week.folder / "history.ndjson"
    people = max(week.history // 120, 10)
    week.journey("simulate", "--customers", str(people), "--days", "150", "--seed", "7", "--out", str(month))
    loaded = f"SELECT count() AS n FROM interactions WHERE source != '{SOURCE}'"
    with week.job("load history") as job:
        week.journey("load", str(month))
        job.said = f"{week.value(loaded):,} events"
    with week.job("load it again") as job:
        before = week.value(loaded)
        week.journey("load", str(month))
        if week.value(loaded) != before:
            raise WeekError("history was doubled")
        job.said = "all were duplicates"


def change_the_model(week: Week) -> None:
    """Try a changed model, put it in force, and go back."""
    bundled = week.journey("model", "show", "--bundled")
    ours, changed = week.folder / "ours.toml", week.folder / "changed.toml"
    ours.write_text(bundled + "\n")
    changed.write_text(re.sub(r"half_life_days = \d+", "half_life_days = 45", bundled) + "\n")
    with week.job("whatif"):
        week.journey("whatif", str(changed))
    for name, file in (("model apply", changed), ("model apply, back", ours)):
        with week.job(name) as job:
            job.said = json.loads(week.journey("model", "apply", str(file), "--json"))["in_force"]


def forget_someone(week: Week) -> None:
    """Erase a customer of the history."""
    lines = (week.folder / "history.ndjson").read_text().splitlines()
    handles = (json.loads(line)["data"]["handles"] for line in lines)
    address = next(value for each in handles if isinstance(value := each.get("email"), str))
    with week.job("forget a customer") as job:
        told = json.loads(week.journey("forget", f"email:{address}", "--reason", "asked by letter", "--json"))
        job.said = f"{told['erased']['events']:,} events"
    if not told["erased"]["events"]:
        raise WeekError("nothing of the customer was there")


def replay_letters(week: Week) -> None:
    """Send what a till's key may not say, which is refused, and take it all the same."""
    till = week.journey("keys", "write", "create", "till", "--brand", "lumiere", "--for", "till").split()[-1]
    event = {
        "specversion": "1.0", "id": "refused-1", "source": "till", "type": "web.page_view",
        "time": datetime.now(UTC).isoformat(), "data": {"brand": "lumiere", "handles": {"user": "week-1"}},
    }  # fmt: skip
    said = _said_to(week.engine.port, till, event)
    with week.job("replay dead letters") as job:
        stored = "SELECT count() AS n FROM interactions WHERE source = 'till'"
        if week.value(stored):
            raise WeekError(f"the till may say more than its key: {said}")
        week.journey("dead-letters", "replay", "--reason", "not_granted")
        job.said = f"{week.value(stored)} taken"
    if week.value(stored) != 1:
        raise WeekError(f"the letter was not taken: {said}")


def _said_to(port: int, key: str, event: dict[str, Any]) -> str:
    """Return the answer to an event under a key that was just made: the collector knows it within seconds."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/cloudevents+json"}
    for _ in range(50):
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/v1/events", json.dumps(event), headers)
        response = connection.getresponse()
        said = response.read().decode()
        connection.close()
        if response.status != 401:  # noqa: PLR2004 - no key
            return said
        time.sleep(_AGAIN_S)
    raise WeekError(f"a new key is not known after ten seconds: {said}")


def back_up(week: Week) -> None:
    """Back up, back up again by what has changed, restore elsewhere, and compare."""
    first, second, elsewhere = (week.folder / name for name in ("backup-1", "backup-2", "restored"))
    with week.job("backup"):
        week.journey("backup", str(first), "--with-key")
    with week.job("backup of what has changed"):
        week.journey("backup", str(second), "--since", str(first), "--with-key")
    with week.job("restore elsewhere and verify") as job:
        week.journey("restore", str(second), str(elsewhere))
        week.journey("verify", data=elsewhere)
        last = week.value("SELECT max(_offset) AS n FROM interactions", elsewhere)
        sums = f"SELECT sum(cityHash64(event, time, handle, type)) AS n FROM interactions WHERE _offset <= {last}"
        if week.value(sums) != week.value(sums, elsewhere):
            raise WeekError("the restored interactions are other ones")
        job.said = (
            f"{week.value('SELECT count() AS n FROM interactions', elsewhere):,} events, the same as here"
        )


def set_a_target(week: Week) -> None:
    """Set a target, and look how far it is."""
    with week.job("set a target"):
        week.journey(
            "sql",
            "INSERT INTO targets (brand, stage, due, customers) VALUES ('lumiere', 'audience', today() + 60, 700)",
        )
        week.value("SELECT actual AS n FROM target_progress WHERE brand = 'lumiere'")


def upgrade(week: Week) -> None:
    """Stop, and start the program of today: senders wait, and send again."""
    with week.job("upgrade: stop and start"):
        week.engine.stop()
        week.engine.start()
        time.sleep(1.0)  # until those who waited have been answered


def expire_two_months(week: Week) -> None:
    """Keep two months beside the current one: two of the five of history expire, and every stage stays as it is."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    stages = ("stages", "--brand", "lumiere", "--at", at, "--json")
    before = json.loads(week.journey(*stages))
    with week.job("expire two months") as job:
        week.journey("retention", "set", "--brand", "lumiere", "--months", "2")
        (done,) = json.loads(week.journey("retention", "run", "--json"))["brands"]
        job.said = f"{done['events']:,} events"
    if json.loads(week.journey(*stages)) != before:
        raise WeekError("the stages are other ones after the expiry")
    with week.job("load history again") as job:
        there = "SELECT count() AS n FROM interactions WHERE source NOT IN ('till', 'operators-week')"
        kept = week.value(there)
        week.journey("load", str(week.folder / "history.ndjson"))
        if week.value(there) != kept:
            raise WeekError("what has expired came again")
        job.said = "what has expired does not come again"


def look_after(week: Week) -> None:
    """Rebuild a table, and recompute everything."""
    with week.job("rebuild evidence"):
        week.journey("rebuild", "evidence")
    with week.job("verify") as job:
        job.said = week.journey("verify").splitlines()[-1]
    with week.job("status") as job:
        job.said = week.journey("status").splitlines()[0]


def account(week: Week) -> str:
    """Compare what was sent with what is stored, once the stream has ended.

    Raises
    ------
    WeekError
        Something is missing or doubled.
    """
    stream = week.stream
    assert stream is not None  # noqa: S101 - begun
    if stream.refused:
        raise WeekError(f"{len(stream.refused):,} events were refused, such as {stream.refused[0]}")
    stored = week.value(f"SELECT count() AS n FROM interactions WHERE source = '{SOURCE}'")
    distinct = week.value(f"SELECT uniqExact(id) AS n FROM interactions WHERE source = '{SOURCE}'")
    if not stored == distinct == stream.sent:
        raise WeekError(
            f"{stream.sent:,} events were sent, {stored:,} are stored, of them {distinct:,} distinct"
        )
    slowest = max(week.jobs, key=lambda job: job.percentile(1))
    latest = max(week.jobs, key=lambda job: job.latest_seen_s)
    return (
        f"{stream.sent:,} events sent, {stored:,} stored, none missing, none doubled; {stream.again:,} requests were sent again."
        f" Slowest acknowledgement: {slowest.percentile(1):.2f} s, during: {slowest.name};"
        f" longest from there to the tables: {latest.latest_seen_s:.2f} s, during: {latest.name}"
    )


JOBS: tuple[Callable[[Week], None], ...] = (
    load_history, change_the_model, forget_someone, replay_letters, back_up, set_a_target, upgrade, expire_two_months, look_after,
)  # fmt: skip


def main() -> None:
    """Do the week in an empty folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="an empty folder, or one that is not there yet")
    parser.add_argument("--rate", type=int, default=400, help="events a second beside the jobs (400)")
    parser.add_argument("--history", type=int, default=50_000, help="events of history, about (50,000)")
    parser.add_argument("--before", type=Path, default=JOURNEY, help="the program that the week begins with")
    asked = parser.parse_args()
    week = Week(asked.folder, asked.history, asked.before)
    try:
        week.begin(asked.rate)
        for work in JOBS:
            work(week)
        if week.stream:
            week.stream.stop()
        print(account(week))
        week.engine.stop()
        print(week.journey("verify").splitlines()[-1])
    except (WeekError, OSError) as error:
        sys.exit(f"operators_week: {error}")
    finally:
        week.engine.kill()
        if week.stream:
            week.stream.stop(give_up=True)


if __name__ == "__main__":
    main()
