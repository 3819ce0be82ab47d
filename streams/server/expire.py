"""Expires interactions on a server while workers write, and then records of Kafka that are as old.

Workers need not know: a state has no interactions, and what they write later has later offsets.
"""

from collections.abc import Sequence

from streams.apath import in_force
from streams.clock import to_us
from streams.engine.shell import Tell
from streams.fencing.lease import ERASING, Lease, in_turn, waiting_for_turn
from streams.retention.expire import Course, Expired, expire
from streams.retention.terms import horizon_of, kept
from streams.server.server import Server

__all__ = ["expire_across"]


def expire_across(server: Server, tell: Tell, *, late_too: bool = True) -> Sequence[Expired]:
    """Expire what is due; killed anywhere, the next call finishes it.

    Raises
    ------
    ExpiryError
        The tables are those of a cluster.
    BrokerError
        Kafka is set, and its records cannot be deleted; what has expired has.
    """
    done = in_turn(
        server.store,
        ERASING,
        lambda turn: _expire(server, turn, tell, late_too=late_too),
        waiting_for_turn(tell),
    )
    _delete_records(server)
    return done


def _expire(server: Server, turn: Lease, tell: Tell, *, late_too: bool) -> Sequence[Expired]:
    def model() -> str:
        found = in_force.in_force(
            server.store.client
        )  # while this command waited for its turn it may have changed
        return server.model.hash if found is None else found.hash

    course = Course(insert=turn.insert, clock=server.clock, model=model, tell=tell)
    return expire(server.store, course, late_too=late_too)


def _delete_records(server: Server) -> None:
    months = [brand.months for brand in kept(server.store) if brand.months]
    if not server.settings.kafka.servers or not months:
        return
    from streams.kafka.read_records import delete_read  # noqa: PLC0415 - needs Kafka's client

    delete_read(server.settings.kafka, to_us(horizon_of(server.clock(), min(months))))
