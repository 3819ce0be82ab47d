"""Expires interactions on a server while workers write, and then records of Kafka that are as old.

Workers need not know: a state has no interactions, and what they write later has later offsets.
"""

from collections.abc import Sequence

from streams.apath import in_force
from streams.clock import to_us
from streams.engine.shell import Tell
from streams.fencing.lease import ERASING, Lease, in_turn
from streams.retention.expire import Expired, begin, carry, clear, due, finish, switch
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
        lambda who: tell(f"another command is waited for, by {who}", 0, 1),
    )
    _delete_records(server)
    return done


def _expire(server: Server, turn: Lease, tell: Tell, *, late_too: bool) -> list[Expired]:
    store, clock = server.store, server.clock
    found = in_force.in_force(store.client)  # while this command waited for its turn it may have changed
    model = server.model.hash if found is None else found.hash
    clear(store)
    done = list(finish(store, turn.insert, clock()))
    for wanted in due(store, clock(), late_too=late_too):
        expiry = begin(store, wanted, model, clock())
        carry(store, expiry, wanted.events, lambda: None, tell)
        switch(turn.insert, expiry, clock())
        tell("deletion", 0, 1)
        done += finish(store, turn.insert, clock())
    return done


def _delete_records(server: Server) -> None:
    months = [brand.months for brand in kept(server.store) if brand.months]
    if not server.settings.kafka.servers or not months:
        return
    from streams.kafka.expired_records import delete_before  # noqa: PLC0415 - needs Kafka's client

    delete_before(server.settings.kafka, to_us(horizon_of(server.clock(), min(months))))
