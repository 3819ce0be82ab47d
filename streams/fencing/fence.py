"""Fences partitions: the table `fences` names each owner by generation, and inserts of former owners add nothing."""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from urllib3.exceptions import HTTPError

from streams.faults import kill_point
from streams.fencing.port import FencedError, StoreError, Tenure
from streams.log.arrow import to_ipc
from streams.store.clickhouse import ClickHouse, ClickHouseError, QueryError, why

__all__ = ["Fence", "asking"]

_PATIENCE_S = 2.0  # that an insert of a former owner gets before it is killed
_log = logging.getLogger(__name__)

Place = tuple[str, int]  # topic and partition


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Raise every error of ClickHouse, or of the connection to it, as a StoreError."""
    try:
        yield
    except (ClickHouseError, HTTPError, OSError, QueryError, pa.ArrowException) as error:
        raise StoreError(f"{what}: {why(error)}") from error


class Fence:
    """The partitions that one connection owns, each since a generation.

    A generation ends when the next is entered, by whomever: no insert that was made under it adds anything from then
    on, even one that is on its way to the server yet. So an owner that does not know what became of an insert enters
    the next generation itself, and what it reads after that is final.

    Parameters
    ----------
    store
        An open connection.
    wait
        Called with seconds while inserts are waited out.
    """

    def __init__(self, store: ClickHouse, wait: Callable[[float], None]) -> None:
        self._store = store
        self._wait = wait
        self._token = secrets.token_hex(8)
        self._inserts = 0
        self._generations: dict[Place, int] = {}
        self._doubtful: set[Place] = set()

    def next_query(self) -> str:
        """Return an id for an insert, by which it can be found on the server."""
        self._inserts += 1
        return f"journey-{self._token}-{self._inserts}"

    def foreign(self, topic: str, partitions: Collection[int]) -> str:
        """Return SQL that counts those of these partitions that are not owned as they were when it was written."""
        ours = ", ".join(
            f"({p}, {self._generations.get((topic, p), 0)}, '{self._token}')" for p in sorted(partitions)
        )
        return (
            "SELECT count() FROM (SELECT partition, max((generation, token)) AS newest FROM fences"
            f" WHERE topic = '{topic}' AND partition IN ({', '.join(map(str, sorted(partitions)))}) GROUP BY partition)"
            f" WHERE (partition, newest.1, newest.2) NOT IN ({ours})"
        )

    def doubt(self, topic: str, partitions: Collection[int]) -> None:
        """Note that nobody knows what became of an insert for these partitions."""
        self._doubtful |= {(topic, partition) for partition in partitions}

    def settle(self, topic: str, partitions: Collection[int]) -> None:
        """End what is in doubt of these partitions: what they were given is there by now, or never will be.

        Raises
        ------
        FencedError
            One belongs to somebody else by now.
        """
        if doubtful := {partition for partition in partitions if (topic, partition) in self._doubtful}:
            if lost := doubtful - self.held(topic, doubtful):
                raise _taken(topic, lost)
            _log.warning("%s: entering a new generation of partitions %s", topic, sorted(doubtful))
            self.take(topic, doubtful)

    def take(self, topic: str, partitions: Collection[int]) -> None:
        """Become the owner: enter the next generation, then end what older ones have under way."""
        owners = self._owners(topic)
        before = {partition: owners.get(partition, (0, "")) for partition in partitions}
        entered = {partition: before[partition][0] + 1 for partition in sorted(partitions)}
        self._enter(topic, entered, self._token)
        self._generations |= {(topic, partition): number for partition, number in entered.items()}
        # Others may have entered the same generation: of those, the highest token is the owner.
        self._wait_out({token for _, token in before.values()} | self._rivals(topic, partitions))
        if lost := set(partitions) - self.held(topic, partitions):
            raise _taken(topic, lost, " meanwhile")
        self._doubtful -= {(topic, partition) for partition in partitions}

    def _enter(self, topic: str, generations: Mapping[int, int], token: str) -> None:
        rows = pa.table(
            {
                "topic": [topic] * len(generations),
                "partition": pa.array(generations, pa.uint16()),
                "generation": pa.array(generations.values(), pa.uint64()),
                "token": [token] * len(generations),
                "worker": [_myself()] * len(generations),
            }
        )
        with asking(f"cannot take partitions of {topic}"), kill_point("fence.take"):
            self._store.client.command(
                f"INSERT INTO fences ({', '.join(rows.schema.names)}) FORMAT ArrowStream",
                data=to_ipc(rows),
                settings={"async_insert": 0},
            )

    def renew(self, topic: str, partition: int) -> None:
        """Renew the claim on a partition as of now, without effect where somebody else owns it by now."""
        self._enter(topic, {partition: self._generations[topic, partition]}, self._token)

    def leave(self, topic: str, partition: int) -> None:
        """Give up a partition; nobody owns it then, unless somebody else has become the owner since."""
        held = self.held(topic, [partition])
        generation = self._generations.pop((topic, partition))
        if held:  # or else the next generation might end that of somebody who entered this one too
            self._enter(topic, {partition: generation + 1}, "")

    def owner(self, topic: str, partition: int) -> tuple[str, float, int] | None:
        """Return who owns a partition, how many seconds ago they last claimed it, and how often; None for nobody.

        The seconds are by the server's clock, which may have been set since.
        """
        rows = self._query(
            "SELECT token, worker, dateDiff('millisecond', max(taken_at), now64(6)), count() FROM fences"
            " WHERE topic = {topic:String} AND partition = {partition:UInt16}"
            " GROUP BY generation, token, worker ORDER BY generation DESC, token DESC LIMIT 1",
            {"topic": topic, "partition": partition},
        )
        found = [
            (str(worker), int(age_ms) / 1_000, int(times)) for token, worker, age_ms, times in rows if token
        ]
        return found[0] if found else None

    def held(self, topic: str, partitions: Collection[int]) -> set[int]:
        """Return those of these partitions that nobody else owns by now."""
        if not partitions:
            return set()
        owners = self._owners(topic)
        return {partition for partition in partitions if owners.get(partition, (0, ""))[1] == self._token}

    def tenure(self, topic: str) -> dict[int, Tenure]:
        """Return under what this connection owns each of its partitions."""
        token = int(self._token, 16)
        return {p: (number, token) for (name, p), number in self._generations.items() if name == topic}

    def owners(self, topic: str) -> dict[int, Tenure]:
        """Return who owns each partition now; the token of one that was given up is 0, lower than that of any owner."""
        return {p: (number, int(token or "0", 16)) for p, (number, token) in self._owners(topic).items()}

    def _owners(self, topic: str) -> dict[int, tuple[int, str]]:
        rows = self._query(
            "SELECT partition, max((generation, token)) FROM fences WHERE topic = {topic:String} GROUP BY partition",
            {"topic": topic},
        )
        return {int(partition): (int(owner[0]), str(owner[1])) for partition, owner in rows}

    def _rivals(self, topic: str, partitions: Collection[int]) -> set[str]:
        rows = self._query(
            "SELECT DISTINCT f.token FROM fences AS f INNER JOIN (SELECT partition, max(generation) AS newest FROM fences"
            " WHERE topic = {topic:String} GROUP BY partition) AS n ON n.partition = f.partition"
            " WHERE f.topic = {topic:String} AND f.partition IN {partitions:Array(UInt16)} AND f.generation >= n.newest",
            {"topic": topic, "partitions": sorted(partitions)},
        )
        return {str(token) for (token,) in rows}

    def _wait_out(self, tokens: set[str]) -> None:
        """Return when no insert that these tokens had under way runs any more; kill what takes long."""
        pending = self._running(f"journey-{token}-" for token in tokens - {""})
        waited = 0.0
        while pending and waited < _PATIENCE_S:
            self._wait(0.05)
            waited += 0.05
            pending &= self._running(pending)
        if pending:
            _log.warning("ending %d inserts that nobody waits for any more", len(pending))
            with asking("cannot end inserts"), kill_point("fence.kill"):
                self._store.client.command(
                    f"KILL QUERY{self._store.on_cluster} WHERE query_id IN {{ids:Array(String)}} SYNC",
                    parameters={"ids": sorted(pending)},
                )
            while pending & self._running(pending):
                self._wait(0.05)

    def _running(self, prefixes: Iterable[str]) -> set[str]:
        wanted = list(prefixes)
        if not wanted:
            return set()
        rows = self._query(
            f"SELECT query_id FROM {self._store.everywhere('system.processes')}"
            " WHERE arrayExists(p -> startsWith(query_id, p), {prefixes:Array(String)})",
            {"prefixes": wanted},
        )
        return {str(query) for (query,) in rows}

    def _query(self, sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        with asking("the store did not answer"):
            rows: Sequence[Sequence[Any]] = self._store.client.query(sql, parameters=parameters).result_rows
            return rows


def _taken(topic: str, lost: Collection[int], when: str = "") -> FencedError:
    return FencedError(
        f"{topic}: partitions {sorted(lost)} were taken by another worker{when}",
        topic=topic,
        partition=min(lost) if len(lost) == 1 else None,
    )


def _myself() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
