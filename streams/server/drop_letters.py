"""Drops dead letters on a server: those whose frames workers have acknowledged, under a lease."""

import secrets

from schemas.topics import INTERACTIONS
from streams.dead_letters.letters import drop_those
from streams.fencing.lease import ERASING, Lease, in_turn
from streams.log.messages import BETWEEN
from streams.server.server import Server

__all__ = ["drop_across"]


def drop_across(server: Server, reason: str) -> int:
    """Delete the open dead letters of a reason; return how many. Killed anywhere, the next call finishes it.

    Letters whose frames workers have not acknowledged yet stay: they might be read again.

    Raises
    ------
    BrokerError
        Kafka does not say what is acknowledged.
    """
    receipt = secrets.token_hex(16)

    def work(turn: Lease) -> int:
        known = " OR ".join(
            f"(d._partition = {partition:d} AND d._offset <= {offset:d})"
            for partition, offset in _acknowledged(server).items()
        )
        return drop_those(server, turn.insert, receipt, reason, known)

    return in_turn(server.store, ERASING, work)


def _acknowledged(server: Server) -> dict[int, int]:
    """Return, per partition, the offset (from 1) up to which workers have acknowledged frames."""
    from streams.kafka.topics import log_ends, partition_count  # noqa: PLC0415 - needs Kafka's client

    kafka = server.settings.kafka
    spans = log_ends(kafka, INTERACTIONS, range(partition_count(kafka)))
    return {partition: span.acknowledged for partition, span in spans.items()} | {BETWEEN: 2**63}
