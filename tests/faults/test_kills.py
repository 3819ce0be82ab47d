"""A process killed at any write, or at any time, ends with the tables of one that was not (law 4; figures 1 and 3)."""

import pytest

from streams import faults
from tests.faults.comparison import assert_same, assert_sound
from tests.faults.runs import FILE_FRAMES, kill_at_each, kill_at_random, run
from tests.fixtures.directories import with_tables

# Boundaries that loading a file passes, in the order in which a new directory comes to them.
OPENING = (
    "log.open", "store.open", "migration.open", "migration.apply", "migration.book", "store.damage", "model.write", "model.activate",
)  # fmt: skip
LOADING = (
    "log.append", "insert.interactions", "insert.identity_links", "insert.identity_map", "insert.evidence",
    "insert.minute_counts", "insert.stage_changes", "insert.dead_letters", "insert.conflicts",
    "insert.deliveries", "log.commit",
    "whole.mark",
)  # fmt: skip
# Passed once in the life of a directory, when the log is lost, with JOURNEY_DURABLE: each has a test of its own.
RARE = ("key.write", "log.skip", "store.durable")
# Passed where files were lost: see test_lost_files and test_rebuild.
LOSSES = ("log.salvage", "log.replace", "log.aside", "rebuild.create", "rebuild.fill", "rebuild.switch", "rebuild.clear", "rebuild.books")  # fmt: skip
# Passed by commands other than load: see test_commands.
DROPPING = ("letters.drop", "letters.receipt", "letters.delete", "letters.clear")
ERASING = (
    "erasure.begin", "erasure.bury", "erasure.receipt", "erasure.minutes", "erasure.delete", "log.scrub", "erasure.scrub", "erasure.clear",
)  # fmt: skip
ROTATING = ("key.book", "rekey.fill", "rekey.replace", "rekey.clear")
# Struck in tests/alerts, tests/feed, tests/audiences, tests/destinations and tests/kept.
ALERTS = (
    "insert.alerts", "insert.alert_marks", "insert.alert_deliveries", "insert.alert_figures", "insert.feed_positions",
    "insert.audience_changes", "insert.kept_paths", "insert.kept_marks", "kept.drop",
)  # fmt: skip
COMMANDS = (
    "model.evidence",
    "insert.dead_letter_replays",
    "sql.insert",
    "store.merges",
    *ERASING,
    *DROPPING,
    *ROTATING,
)
# Passed by workers, gateways and commands on a server only: see tests/real_workers and tests/kafka.
DISTRIBUTED = (
    "fence.take", "fence.kill", "erasure.send", "erasure.book", "kafka.delete", "change.begin", "change.send", "change.evidence", "change.book", "worker.send",
    "worker.acknowledge", "topics.create", "topics.grow", "kafka.send", "kafka.commit", "rules.book",
)  # fmt: skip
# Passed by commands on write keys: see tests/collector.
KEYS = ("keys.open", "keys.write", "keys.aside")
# Passed where a definition was damaged: see tests/cli/test_definitions.py.
DEFINITIONS = ("definition.aside", "definition.version")

# Passed by backup and restore: see tests/backup.
BACKUP = ("backup.image", "backup.freeze", "backup.discard", "backup.clear", "backup.copy", "backup.manifest", "backup.rename", "backup.note", "export.rename",
          "restore.begin", "restore.clear", "restore.finish")  # fmt: skip

# Passed by an expiry and by what lets go of handles: see tests/retention.
RETENTION = (
    "retention.set",
    "expiry.clear",
    "expiry.carry",
    "expiry.enter",
    "expiry.delete",
)

# Passed by commands beside a process that has the directory open: see tests/beside.
BESIDE = ("beside.statement", "scratch.make", "scratch.fill", "scratch.empty", "scratch.drop")

# Passed where handles are kept readable: see tests/readable.
READABLE = ("insert.readable_handles", "readable.delete")

# Passed by listeners to networks: see tests/listen.
LISTENING = ("listen.key", "listen.open", "listen.own", "listen.send", "listen.commit")

# Passed where audiences are written to files and object stores: see tests/destinations.
DESTINATIONS = ("destination.rename", "destination.put")


def hits(number: int, name: str) -> int:
    """Return at which pass of a boundary the process is killed: the first or the second, where there is one."""
    return 1 if name == "whole.mark" else 1 + number % 2


def both_sides(names):
    return [f"{name}.{side}" for name in names for side in ("before", "after")]


def one_side(names, first):
    """Return one side of each boundary, before and after by turns; `first` says which side begins."""
    sides = ("before", "after")
    return [f"{name}.{sides[(number + first) % 2]}" for number, name in enumerate(names)]


# One side of each boundary; the other in `make soak`.
@pytest.fixture
def data(tmp_path):
    """Return a directory with tables and nothing in them: to make them is what a first start does, which has its own tests."""
    return with_tables(tmp_path / "data")


by_turns = pytest.mark.parametrize("first", [0, pytest.param(1, marks=pytest.mark.soak)])


def test_every_point_there_is_belongs_to_one_of_these_tests():
    assert sorted(faults.points()) == sorted(
        both_sides(
            OPENING
            + LOADING
            + RARE
            + LOSSES
            + COMMANDS
            + DISTRIBUTED
            + KEYS
            + DEFINITIONS
            + ALERTS
            + BESIDE
            + BACKUP
            + RETENTION
            + LISTENING
            + DESTINATIONS
            + READABLE
        )
    )


@by_turns
def test_killed_at_every_write_of_its_first_start_it_ends_as_if_nothing_had_happened(
    tmp_path, file, undisturbed, first
):
    # The second of the migrations too, and one in the middle: a start goes on where the last one stood.
    often = {"migration.apply.before": 2, "migration.apply.after": 7, "migration.book.after": 2}
    chain = [(point, often.get(point, 1)) for point in one_side(OPENING, first)]
    assert_same(kill_at_each(chain, tmp_path / "data", file), undisturbed)


@by_turns
def test_killed_at_every_write_it_ends_as_if_nothing_had_happened(data, file, undisturbed, first):
    points = one_side(LOADING, first)
    chain = [(point, hits(number, LOADING[number])) for number, point in enumerate(points)]
    assert_same(kill_at_each(chain, data, file), undisturbed)


def test_killed_while_it_makes_up_for_a_lost_log_it_never_gives_an_offset_twice(
    tmp_path, data, file, undisturbed
):
    half = tmp_path / "half.ndjson"
    half.write_bytes(b"\n".join(file.read_bytes().splitlines()[: 6 * (FILE_FRAMES // 2)]))
    run("load", data, input=half)
    for lost in data.glob("log.sqlite*"):
        lost.unlink()
    found = kill_at_each([("log.skip.before", 1), ("log.skip.after", 1)], data, file)
    assert_same(found, undisturbed)


def test_killed_while_it_is_made_durable_it_ends_as_if_nothing_had_happened(data, file, undisturbed):
    chain = [("store.durable.before", 1), ("store.durable.after", 1)]
    assert_same(kill_at_each(chain, data, file, durable=True), undisturbed)


def test_killed_while_it_makes_its_key_it_has_one_key_ever_after(tmp_path, file):
    data = tmp_path / "data"
    for point in ("key.write.before", "key.write.after"):
        assert run("load", data, input=file, own_key=True, arm=[point, 1]) is None or point.endswith("after")
    found, again = (run("load", data, input=file, own_key=True) for _ in range(2))
    assert found["key"] == again["key"] == (data / "handle.key").read_text().strip()
    assert len(bytes.fromhex(found["key"])) == 32
    assert (data / "handle.key").stat().st_mode & 0o077 == 0
    assert_same(again, found)


def test_what_was_accepted_survives_a_kill_and_is_processed_at_the_next_start(data, file, undisturbed):
    assert run("accept_and_die", data, input=file) is None
    assert_same(run("load", data, input=file), undisturbed)


def test_what_load_acknowledged_survives_a_kill(data, file, undisturbed):
    assert run("load_and_die", data, input=file) is None
    assert_same(run("load", data, input=file), undisturbed)


def test_after_a_store_that_took_nothing_for_a_while_the_same_process_goes_on_right(data, file, undisturbed):
    assert_same(run("fail_and_go_on", data, input=file), undisturbed)


def test_under_kills_at_random_times_nothing_acknowledged_is_lost_doubled_or_made_up(data):
    found = kill_at_random(seed=1, kills=6, data=data)
    assert_audit(found)
    assert found["acknowledged"] > 0


def assert_audit(found) -> None:
    assert found["stored"] == found["sent"]
    assert found["stored"]["n"] >= found["acknowledged"]
    assert_sound(found)
