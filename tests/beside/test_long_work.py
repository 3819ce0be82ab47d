"""Long work beside an engine that goes on: what it gives is what it gives where nothing comes meanwhile."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from schemas.apath import default_model_text
from streams.embedded.embedded import Embedded
from streams.log.frame import Frame
from streams.process.degraded import Degraded
from streams.recovery.derived_tables import FOLLOWING
from streams.services.control_tasks import Asked
from streams.services.long_work import BusyError, LongWork
from streams.services.snapshots import Snapshots
from tests.backup.world import ids, journey, streamed, tried
from tests.collector.server import BATCH, KEY, Collector
from tests.collector.server import event as collected
from tests.faults.child import LINES, NOW_US, tables
from tests.faults.child import settings as settings_of
from tests.faults.comparison import assert_same
from tests.faults.runs import event, history
from tests.fixtures.directories import with_tables
from tests.fixtures.servers.process import wait_until
from tests.privacy import people
from tests.privacy.traces import in_files, in_tables, patterns

WITH_KEY = {"JOURNEY_HANDLE_KEY": KEY.hex()}
CHANGED = (
    default_model_text()
    .replace("threshold = 0.5", "threshold = 0.9")
    .replace("weight = 1.5", "weight = 1.75")
)
FRAMES = 40
LATER = "2026-06-05T00:00:00Z"  # the instant that the clock stands at
# Sums, counts, customers and announcements that nothing explains.
DAMAGE = [
    "ALTER TABLE evidence UPDATE affinity = affinity + 1 WHERE affinity IS NOT NULL",
    "ALTER TABLE minute_counts UPDATE touches = touches + 1 WHERE 1",
    "ALTER TABLE identity_map UPDATE customer = handle WHERE 1",
    "ALTER TABLE stage_changes DELETE WHERE customer % 2 = 0",
]
DEFINITIONS = (
    "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name"
)
BEFORE = 24  # frames that come before the command
TOGETHER = 4  # frames of a batch


def lines() -> list[bytes]:
    """Return a history whose second part has late events, two customers that turn out to be one, and one that is parted."""
    part = history(FRAMES).splitlines()
    people = [{"email": [f"p{n}@example.org", f"p{n + 20}@example.org"]} for n in range(4)]
    for number, both in enumerate(people):
        at = LINES * (BEFORE + 2 + number)
        part[at] = event(f"one{number}", "web.purchase", number, both, amount=5, currency="EUR")
        late = event(f"late{number}", "social.share", 0, {"cookie": f"c{number}"}).replace(
            b"2026-01", b"2025-02"
        )
        part[at + 1] = late
        part[at + 2] = event(
            f"new{number}", "social.like", 3, {"social": f"instagram:new{number}"}, content="x"
        )
    return part


class Engine:
    """The thread of an engine, as far as long work needs it: what is to be done is done at once."""

    def __init__(self, embedded: Embedded) -> None:
        self._embedded = embedded
        self.meanwhile: Callable[[], None] = lambda: None  # called between what is to be done

    def submit(self, work: Callable[[Embedded], Any]) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            self.meanwhile()
            done.set_result(work(self._embedded))
        except Exception as error:  # noqa: BLE001 - raised where it was asked for
            self._embedded.let_go_of_state()
            done.set_exception(error)
        return done


class Opened:
    """A data directory with a history that comes in frame by frame, and long work on it."""

    def __init__(self, embedded: Embedded, part: list[bytes]) -> None:
        self.embedded, self._lines = embedded, part
        self._edge = embedded.edge()
        self.number = 0
        engine: Any = Engine(embedded)
        self.engine = engine
        folder = embedded.settings.data / "clickhouse"
        self._snapshots = Snapshots(folder, engine)
        self._work = LongWork(folder, engine, self._snapshots, 1)
        self.told: list[Any] = []

    def come(self, frames: int) -> None:
        """Have the next frames come in, some of them in one batch."""
        for first in range(0, frames, TOGETHER):
            batch = []
            for _ in range(min(TOGETHER, frames - first)):
                part = self._lines[LINES * self.number : LINES * (self.number + 1)]
                self.number += 1
                if part:
                    batch.append(self._packed(part))
            self.embedded.load(batch)

    def load(self, part: list[bytes]) -> None:
        self.embedded.load([self._packed(part)])

    def _packed(self, part: list[bytes]) -> Frame:
        return self._edge.pack(part, topic="file", now_us=NOW_US, first_offset=self.number)

    def do(self, what: str, check: Callable[[], None], **head: Any) -> Any:
        """Do a command, with something that happens at each of its steps."""
        asked = Asked(head, lambda _: None, self.told.append, check, Degraded(), "test", lambda _: None)
        with self._work.turn(f"journey model {what}"):
            assert self._work.can_do(what, asked)
            return self._work.done(what, asked, "mark")

    def forget(self) -> Any:
        """Forget the one who is to be forgotten."""
        return self.do("forget", lambda: None, handles=[people.HERS[0]], reason="asked", consent="")

    def refused(self, who: str) -> None:
        """Have another command find this one at work."""
        words = rf"not now: {who} is at work since .*; give the command again"
        with pytest.raises(BusyError, match=words), self._work.turn("another"):
            pass

    def close(self) -> None:
        self._snapshots.close()


@contextmanager
def opened(data: Path) -> Iterator[Opened]:
    with Embedded(settings_of({"data": with_tables(data)}), clock=lambda: NOW_US) as embedded:
        here = Opened(embedded, lines())
        yield here
        here.close()


def told(value: Any) -> Any:
    """Return what a child would tell."""
    return json.loads(json.dumps(value, default=str))


def test_a_model_that_is_applied_while_events_come_gives_what_it_gives_where_none_come(tmp_path, monkeypatch):
    monkeypatch.setattr("streams.store.slices.SLICE_ROWS", 80)
    found = []
    for meanwhile in (0, 3):
        with opened(tmp_path / f"data-{meanwhile}") as here:
            here.come(BEFORE if meanwhile else BEFORE + 15)
            here.do("apply", partial(here.come, meanwhile), toml=CHANGED, name="changed.toml")
            assert here.embedded.model.hash == here.embedded.engine.journey.model.hash
            assert BEFORE + 10 < here.number <= BEFORE + 15
            here.come(BEFORE + 15 - here.number)
            here.embedded.tick()
            first = told(tables(here.embedded))
            here.come(FRAMES - here.number)
            here.embedded.tick()
            found.append((first, told(tables(here.embedded))))
    for one, other in zip(*found, strict=True):
        assert {row["model"] for row in one["evidence"]} == {row["model"] for row in one["models"]}
        for each in (one, other):  # under the model before, it has what came until then
            each["evidence"] = [
                row for row in each["evidence"] if row["model"] == each["models"][-1]["model"]
            ]
        assert_same(one, other)


def sound(data: Path, acknowledged: set[str]) -> list[str]:
    """Return the ids in a directory of which every figure recomputes, and that has what was acknowledged, once."""
    assert "all figures recompute" in journey("verify", "--data", data, **WITH_KEY).stdout
    stored = ids(data, **WITH_KEY)
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored)
    return stored


def some_of(points: list[str], others: list[str]) -> Any:
    """Have a test run for some points; for the others in `make soak`."""
    return pytest.mark.parametrize("points", [points, pytest.param(others, marks=pytest.mark.soak)])


def killed_at_each(
    up: Collector, points: list[str], *words: Any, first: Callable[[int, str], None] = lambda _, __: None
) -> Iterator[tuple[str, set[str]]]:
    """Have the engine die at each of these points of a command, while events come; yield it, and what it had acknowledged.

    `first` is called before the command, with the number of the point, which the command may have for {}, and a write key.
    """
    key, acknowledged = up.key("shop"), set[str]()
    for number, fault in enumerate(points):
        up._environment["JOURNEY_FAULT"] = fault
        up.start()
        with streamed(up, key) as stream:
            wait_until(lambda: len(stream.acknowledged) > 100, 60, "events")
            first(number, key)
            done = tried(*(str(word).format(number) for word in words), "--data", up.data, **WITH_KEY)
            assert done.returncode == 2, (fault, done.stdout)
            assert "has ended; what it accepted is safe" in done.stderr
            wait_until(lambda: not up.process.running, 60, f"the engine to die at {fault}")
        acknowledged |= set(stream.acknowledged)
        yield fault, acknowledged


# Evidence that is left of an earlier try is deleted, all of it is weighed, copied into the tables, and what came since.
@some_of(
    ["model.evidence.after:3", "model.activate.after"],
    ["model.evidence.before:2", "model.evidence.after:4", "model.activate.before"],
)
def test_an_engine_that_is_killed_while_a_model_is_applied_opens_as_before_or_as_after(tmp_path, points):
    changed, up = tmp_path / "changed.toml", Collector(tmp_path)
    changed.write_text(CHANGED)
    try:
        for fault, acknowledged in killed_at_each(up, points, "model", "apply", changed):
            sound(up.data, acknowledged)
            shown = journey("model", "show", "--data", up.data, **WITH_KEY).stdout
            assert shown == (CHANGED if fault == "model.activate.after" else default_model_text())
    finally:
        up.kill()


class GoneError(Exception):
    """The command has gone."""


def test_a_command_that_goes_leaves_the_model_in_force_and_one_that_finds_another_at_work_is_refused(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("streams.services.long_work._PATIENCE_S", 0.01)
    with opened(tmp_path / "data") as here:
        here.come(9)
        before, asked = told(tables(here.embedded)), iter([0, 1])

        def check() -> None:
            if next(asked, None) is None:
                here.refused("journey model apply")
                raise GoneError

        with pytest.raises(GoneError):
            here.do("apply", check, toml=CHANGED, name="changed.toml")
        after = told(tables(here.embedded))
        in_force = {row["model"] for row in before["models"]}
        for each in (before, after):
            for table in ("evidence", "model_stages", "model_weights"):
                each[table] = [row for row in each[table] if row["model"] in in_force]
        assert_same(after, before)
        here.do("apply", lambda: here.come(1), toml=CHANGED, name="changed.toml")
        assert told(tables(here.embedded))["drift"] == []


def test_a_customer_who_is_forgotten_while_others_come_leaves_what_is_left_where_they_came_before(tmp_path):
    found = []
    for beside in (True, False):
        with opened(tmp_path / f"data-{beside}") as here:
            here.load(people.history())
            parts = [people.others(3, f"more{number}") for number in range(12)]
            if beside:
                here.engine.meanwhile = lambda here=here, parts=parts: here.load(parts.pop(0))
                here.forget()
                here.engine.meanwhile = lambda: None
                assert len(parts) <= 6
            for part in parts:
                here.load(part)
            if not beside:
                here.forget()
            here.embedded.tick()
            found.append(told(tables(here.embedded)))
    assert found[0]["erasures"][0]["events"] > 3
    assert_same(*found)


def test_what_comes_of_a_customer_while_they_are_forgotten_is_not_kept_and_later_they_are_somebody_new(
    tmp_path,
):
    wanted = patterns(people.RAW, people.HERS)
    with opened(tmp_path / "data") as here:
        here.load(people.history(kiosk=40))
        number = iter(range(99))

        def meanwhile() -> None:
            name = f"meanwhile{next(number)}"
            cookie = {"loyalty": name} | people.only("cookie")
            here.load([*people.hers(name, LATER), people.event(f"with-{name}", "web.like", 1, cookie, LATER)])

        here.engine.meanwhile = meanwhile
        receipt = here.forget()["receipt"]
        here.engine.meanwhile = lambda: None
        assert in_tables(here.embedded.store, wanted) == []
        assert in_files(tmp_path, wanted, but=["handle.key"]) == []
        (row,) = here.embedded.store.rows("SELECT count() AS n FROM dead_letters WHERE reason = 'erased'")
        assert row["n"] >= 5 * 4
        (row,) = here.embedded.store.rows("SELECT receipt, what FROM erasures")
        assert row == {"receipt": receipt, "what": "customer"}
        assert told(tables(here.embedded))["drift"] == []
        here.load(people.hers(when=LATER))  # by the ids that they had
        assert told(tables(here.embedded))["drift"] == []
        (row,) = here.embedded.store.rows("SELECT count() AS n, uniqExact(customer) AS customers FROM interactions AS i"
            " INNER JOIN customers AS c ON c.handle = i.handle WHERE startsWith(id, 'hers-')")  # fmt: skip
        assert row == {"n": 5, "customers": 1}
        before = told(tables(here.embedded))
        here.embedded.let_go_of_state()
        here.embedded.tick()
        assert_same(told(tables(here.embedded)), before)


# It is begun; counts of minutes are dropped; rows of four tables are deleted; the tables are copied; it is being let go of.
@some_of(
    ["erasure.minutes.after", "erasure.clear.after"],
    ["erasure.begin.after", "erasure.delete.after:4", "scratch.fill.after:3"],
)
def test_an_engine_that_is_killed_while_a_customer_is_forgotten_finishes_that_when_it_opens(tmp_path, points):
    up = Collector(tmp_path)

    def first(number: int, key: str) -> None:
        theirs = [
            collected(
                f"gone{number}-{n}",
                data={"handles": {"cookie": f"g{n}", "email": f"gone{number}@example.org"}},
            )
            for n in range(3)
        ]
        assert up.send(theirs, key, kind=BATCH).status == 202

    try:
        done = killed_at_each(
            up, points, "forget", "email:gone{}@example.org", "--brand", "lumiere", first=first
        )
        for number, (_, acknowledged) in enumerate(done, 1):
            assert not [name for name in sound(up.data, acknowledged) if name.startswith("gone")]
            told = journey(
                "sql",
                "SELECT sum(events), count() FROM erasures",
                "--format",
                "TSV",
                "--data",
                up.data,
                **WITH_KEY,
            )
            assert told.stdout.split() == [str(3 * number), str(number)]
    finally:
        up.kill()


def test_what_is_rebuilt_while_events_come_is_what_is_rebuilt_where_none_come(tmp_path, monkeypatch):
    monkeypatch.setattr("streams.store.slices.SLICE_ROWS", 80)
    found = []
    for meanwhile in (1, 0):
        with opened(tmp_path / f"data-{meanwhile}") as here:
            here.come(BEFORE if meanwhile else FRAMES)
            store = here.embedded.store
            for damage in DAMAGE:
                store.client.command(damage, settings={"mutations_sync": 2})
            definitions = store.rows(DEFINITIONS)
            done = here.do("rebuild", partial(here.come, meanwhile), tables=FOLLOWING, dry_run=False)
            assert store.rows(DEFINITIONS) == definitions
            assert [one["table"] for one in done] == list(FOLLOWING)
            assert not meanwhile or here.number > BEFORE + 12
            here.embedded.tick()
            assert told(tables(here.embedded))["drift"] == []
            here.come(FRAMES - here.number)
            here.embedded.tick()
            found.append(told(tables(here.embedded)))
            (row,) = store.rows(
                "SELECT countIf(reason = 'evidence') AS n FROM stage_changes WHERE announced_at = (SELECT max(announced_at) FROM stage_changes)"
            )
            assert row["n"] > 0
            here.embedded.let_go_of_state()
            here.embedded.tick()
            assert_same(told(tables(here.embedded)), found[-1])
    assert_same(*found)


def test_a_rebuild_that_only_says_how_many_rows_there_would_be_changes_nothing(tmp_path):
    with opened(tmp_path / "data") as here:
        here.come(BEFORE)
        before = told(tables(here.embedded))
        done = here.do("rebuild", lambda: None, tables=FOLLOWING, dry_run=True)
        assert [one["table"] for one in done] == list(FOLLOWING)
        assert told(tables(here.embedded)) == before


# Five tables are made and switched on a copy; then what came since is added, and they take the place of those in use.
@some_of(
    ["rebuild.switch.after:6", "rebuild.switch.after:8"],
    ["rebuild.switch.after:3", "rebuild.fill.after:9", "rebuild.switch.after:10"],
)
def test_an_engine_that_is_killed_while_tables_are_rebuilt_opens_as_before_or_as_after(tmp_path, points):
    up = Collector(tmp_path)
    try:
        for _, acknowledged in killed_at_each(up, points, "rebuild"):
            sound(up.data, acknowledged)
    finally:
        up.kill()
