"""A client of the embedded engine in a process of its own, made to be killed. Started as a script by `runs`.

The one argument is JSON: `data` (directory) and `do` (name of a function here), and whatever that one reads.
"""

import json
import os
import signal
import sys
from pathlib import Path

from schemas.apath import default_model_text, parse_model
from streams import faults
from streams.analysis.verify import verify
from streams.clock import from_us
from streams.dead_letters import letters
from streams.embedded import change_model
from streams.embedded.embedded import DirectoryInUseError, Embedded
from streams.embedded.expire import expire as expired
from streams.embedded.expire import let_go as gone
from streams.embedded.forget import forget as forgotten
from streams.embedded.rotate import rotate as rotated
from streams.recovery.losses import REBUILT
from streams.recovery.rebuild import Order
from streams.retention.terms import set_idle, set_term
from streams.settings import Settings
from streams.store.port import StoreError

NOW_US = 1_780_617_600_000_000  # 2026-06-05; the clock stands still, so that runs can be compared
KEY = bytes(range(32))
LINES = 6  # of a frame
FRAMES = 3  # between two drains

TABLES = {
    "interactions": "SELECT * FROM interactions ORDER BY event",
    "dead_letters": "SELECT * FROM dead_letters ORDER BY _partition, _offset, _index",
    "conflicts": "SELECT * FROM conflicts ORDER BY ALL",
    "deliveries": "SELECT * FROM deliveries ORDER BY _partition, _offset",
    "customers": "SELECT * FROM customers ORDER BY handle",
    "minute_counts": "SELECT brand, minute, type, sum(touches) AS touches FROM minute_counts"
    " GROUP BY brand, minute, type ORDER BY brand, minute, type",
    "identity_links": "SELECT left_handle, right_handle, left_kind, right_kind, source, sum(said) AS said,"
    " min(first_seen) AS first, max(last_seen) AS last, max(withdrawn_at) AS withdrawn, max(restored_at) AS restored"
    " FROM identity_links GROUP BY ALL ORDER BY left_handle, right_handle, source",
    "evidence": "SELECT model, brand, handle, sum(attention) AS s1, sum(attraction) AS s2, sum(affinity) AS s3,"
    " sum(audience) AS s4, sum(advocacy) AS s5, sum(touches_social) AS n1, sum(touches_web) AS n2,"
    " sum(touches_store) AS n3, sum(touches_support) AS n4, sum(touches_direct) AS n5, sum(touches_other) AS n6,"
    " sumMap(revenue) AS money, min(first_seen) AS first, max(last_seen) AS last"
    " FROM evidence GROUP BY model, brand, handle ORDER BY model, brand, handle",
    "stages": "SELECT brand, customer, argMax(to_stage, sequence) AS stage FROM stage_changes"
    " GROUP BY brand, customer HAVING stage != 'none' ORDER BY brand, customer",
    "dead_letter_replays": "SELECT letter_partition, letter_offset, letter_index FROM dead_letter_replays FINAL"
    " ORDER BY ALL",
    "models": "SELECT * FROM models ORDER BY sequence",
    "model_stages": "SELECT * FROM model_stages FINAL ORDER BY ALL",
    "model_weights": "SELECT * FROM model_weights FINAL ORDER BY ALL",
    "erasures": "SELECT * EXCEPT receipt FROM erasures ORDER BY at",
    "dead_letter_drops": "SELECT * FROM dead_letter_drops",
    "erasing": "SELECT * FROM erasing",
    "migrations": "SELECT name, statement, checksum FROM migrations FINAL ORDER BY name, statement",
}
BROKEN_CHAINS = """
    SELECT * FROM (
        SELECT *, lagInFrame(toString(to_stage), 1, 'none') OVER (PARTITION BY brand, customer ORDER BY sequence
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before,
            count() OVER (PARTITION BY brand, customer, sequence) AS times
        FROM stage_changes
    ) WHERE toString(from_stage) != before OR times > 1
"""


def settings(task) -> Settings:
    key = None if task.get("own_key") else KEY + bytes.fromhex(task.get("successor", ""))
    return Settings(data=Path(task["data"]), handle_key=key, durable=task.get("durable", False))


def opened(task) -> Embedded:
    if task.get("arm"):
        faults.arm(*task["arm"])
    now_us = NOW_US + task.get("later_us", 0)
    return Embedded(settings(task), clock=lambda: now_us)


def load(task) -> None:
    """Load what the log has not had of a file, and tell what the tables say."""
    with opened(task) as embedded:
        load_rest(embedded, Path(task["input"]).read_bytes().splitlines())
        tell(task, tables(embedded))


def load_rest(embedded: Embedded, lines: list[bytes]) -> None:
    """Frames of a file are numbered as offsets of the log are; so the log says where to go on."""
    edge = embedded.edge()
    for number, start in enumerate(range(0, len(lines), LINES), 1):
        if number > embedded.log.last:
            part = lines[start : start + LINES]
            embedded.accept(edge.pack(part, topic="file", now_us=NOW_US, first_offset=start + 1))
            if number % FRAMES == 0:
                embedded.drain()
    embedded.drain()
    embedded.tick()


def apply(task) -> None:
    """Put a changed model in force."""
    text = (
        default_model_text()
        .replace("threshold = 0.5", "threshold = 0.9")
        .replace("weight = 1.5", "weight = 1.75")
    )
    with opened(task) as embedded:
        change_model.apply(embedded, parse_model(text), text)
        tell(task, tables(embedded))


def replay(task) -> None:
    """Send dead letters through the edge again."""
    with opened(task) as embedded:
        letters.replay(embedded)
        embedded.tick()
        tell(task, tables(embedded))


def forget(task) -> None:
    """Erase a customer; whoever was killed at it before, it may be done when the directory is open."""
    with opened(task) as embedded:
        forgotten(embedded, task["handle"])
        embedded.tick()
        tell(task, tables(embedded))


def rotate(task) -> None:
    """Put the successor of the key in force; whoever was killed at it before, it may be so when the directory is open."""
    with opened(task) as embedded:
        rotated(embedded)
        if embedded.key.secret == KEY:
            raise AssertionError("the successor is not in force")
        tell(task, tables(embedded))


def rebuild(task) -> None:
    """Make every table that follows from the interactions anew, and the books where rows of them are lost."""
    with opened(task) as embedded:
        embedded.rebuild(Order(REBUILT, NOW_US))
        embedded.tick()
        embedded.write_off()
        tell(task, tables(embedded))


def expire(task) -> None:
    """Expire what is older than a month; whoever was killed at it before, it may be done when the directory is open."""
    with opened(task) as embedded:
        for brand in task["brands"]:
            set_term(embedded.store, brand, 1, NOW_US)
        expired(embedded, lambda *_: None)
        look_at(task, embedded)


def let_go(task) -> None:
    """Let go of handles of which nothing was heard for a month."""
    with opened(task) as embedded:
        set_idle(embedded.store, 1, NOW_US)
        gone(embedded)
        look_at(task, embedded)


def look(task) -> None:
    """Tell what everybody is like, and what drifts."""
    with opened(task) as embedded:
        look_at(task, embedded)


def look_at(task, embedded: Embedded) -> None:
    everybody = "SELECT * FROM standing_under(model = {model:String}, at = {at:DateTime64(6, 'UTC')}) ORDER BY brand, customer"
    found = {
        "everybody": embedded.store.rows(everybody, {"model": embedded.model.hash, "at": from_us(NOW_US)}),
        "there": embedded.store.rows("SELECT count() AS n FROM interactions_kept"),
        "keys": embedded.store.rows(
            "SELECT count() AS n FROM expired_events WHERE number IN (SELECT number FROM expiries)"
        ),
        "left": embedded.store.rows("SELECT count() AS n FROM erasing"),
        "drift": [(check.name, check.rows) for check in verify(embedded) if check.drift],
    }
    tell(task, found)


def drop(task) -> None:
    """Delete dead letters; whoever was killed at it before, it may be done when the directory is open."""
    with opened(task) as embedded:
        letters.drop(embedded, "missing_field")
        tell(task, tables(embedded))


def tables(embedded: Embedded) -> dict:
    """Return what the tables say, and which of it drifts."""
    return as_stored(embedded) | {"drift": [check.name for check in verify(embedded) if check.drift]}


def as_stored(embedded: Embedded) -> dict:
    """Return what the tables say, which is most of what `tables` tells at a fifth of its price."""
    found = {name: embedded.store.rows(sql) for name, sql in TABLES.items()}
    return found | {"broken_chains": embedded.store.rows(BROKEN_CHAINS), "key": embedded.key.secret.hex()}


def tell(task, value) -> None:
    Path(task["tell"]).write_text(json.dumps(value, default=str), encoding="utf-8")


def accept_and_die(task) -> None:
    """Accept every frame, process none of them, and die."""
    embedded = opened(task)
    lines, edge = Path(task["input"]).read_bytes().splitlines(), embedded.edge()
    for start in range(0, len(lines), LINES):
        embedded.accept(
            edge.pack(lines[start : start + LINES], topic="file", now_us=NOW_US, first_offset=start + 1)
        )
    os.kill(os.getpid(), signal.SIGKILL)


def load_and_die(task) -> None:
    """Load everything, and die as soon as it is acknowledged."""
    embedded = opened(task)
    load_rest(embedded, Path(task["input"]).read_bytes().splitlines())
    os.kill(os.getpid(), signal.SIGKILL)


def fail_and_go_on(task) -> None:
    """Meet a store that takes nothing for a while; go on in the same process."""
    with opened(task) as embedded:
        lines = Path(task["input"]).read_bytes().splitlines()
        load_rest(embedded, lines[: len(lines) // 2])
        insert, refused = embedded.store.insert, []
        embedded.engine._wait = lambda _seconds: None

        def away(table, rows):
            refused.append(table)
            if table == "minute_counts" and len(refused) < 20:
                raise StoreError("away")
            insert(table, rows)

        embedded.store.insert = away
        for _ in range(9):
            try:
                load_rest(embedded, lines)
            except StoreError:
                embedded.engine._wait = lambda _seconds: None
        assert "minute_counts" in refused
        load_rest(embedded, lines)
        tell(task, tables(embedded))


def hold(task) -> None:
    """Keep the directory open until told to end."""
    with opened(task):
        print("open", flush=True)
        sys.stdin.read()


def try_to_open(task) -> None:
    try:
        opened(task).close()
    except DirectoryInUseError as error:
        tell(task, str(error))


def endless(task) -> None:
    """Load events without end. Ids of each accepted frame go to the ledger, which is synced to disk."""
    with opened(task) as embedded, Path(task["ledger"]).open("a+b") as ledger:
        edge, number = embedded.edge(), acknowledged(ledger)
        print("open", flush=True)
        while True:
            frame = edge.pack([event(n) for n in range(number, number + 40)], topic="t", now_us=NOW_US)
            waiting = embedded.accept(frame)
            number += 40
            ledger.write(b"%d\n" % number)
            ledger.flush()
            os.fsync(ledger.fileno())
            if waiting >= FRAMES:
                embedded.drain()


def acknowledged(ledger) -> int:
    """Return how many events were acknowledged: the last whole line of the ledger."""
    ledger.seek(0)
    whole = ledger.read().rpartition(b"\n")[0]
    return int(whole.split(b"\n")[-1]) if whole else 0


def event(number: int) -> bytes:
    kind, value = ("cookie", f"c{number % 97}") if number % 3 else ("email", f"p{number % 97}@example.org")
    handles = {kind: value} | ({"cookie": f"c{number % 97}"} if number % 7 == 0 else {})
    types = ("web.page_view", "web.click", "social.share", "web.purchase", "web.refund")
    text = {
        "id": f"e{number}",
        "source": "ledger",
        "type": types[number % 5],
        "time": f"2026-0{1 + number % 5}-{1 + number % 28:02}T00:00:{number % 60:02}Z",
        "data": {"brand": "maison", "handles": handles},
    }
    return json.dumps(text).encode()


def audit(task) -> None:
    """Compare the store with the ledger, without FINAL: how many, how many distinct, and a sum of hashes."""
    with opened(task) as embedded, Path(task["ledger"]).open("rb") as ledger:
        number = acknowledged(ledger)
        (stored,) = embedded.store.rows(
            "SELECT count() AS n, uniqExact(event) AS distinct, sum(cityHash64(id)) AS hashes,"
            " if(n > 0, max(toUInt64(substring(id, 2))) + 1, 0) AS sent FROM interactions"
        )
        (sent,) = embedded.store.rows(
            "SELECT count() AS n, count() AS distinct, sum(cityHash64(concat('e', toString(number)))) AS hashes,"
            " count() AS sent FROM numbers({n:UInt64})",
            {"n": stored["sent"]},
        )
        checks = verify(embedded)
        tell(
            task,
            {
                "acknowledged": number,
                "stored": stored,
                "sent": sent,
                "broken_chains": embedded.store.rows(BROKEN_CHAINS),
                "drift": [check.name for check in checks if check.drift],
            },
        )


if __name__ == "__main__":
    todo = json.loads(sys.argv[1])
    globals()[todo["do"]](todo)
