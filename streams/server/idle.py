"""Lets go of idle handles on a server whose workers are stopped: their state has these handles too."""

from functools import partial

from streams.audiences.alone import end_writes
from streams.engine.shell import Tell
from streams.fencing.lease import ERASING, Lease, in_turn, waiting_for_turn
from streams.retention import idle
from streams.retention.terms import horizon_of, idle_months
from streams.server.rebuild import Fenced, refuse_workers
from streams.server.server import Server

__all__ = ["let_go_across"]


def let_go_across(server: Server, tell: Tell) -> int:
    """Let go of handles that are idle; return how many. Killed anywhere, the next call finishes it.

    Raises
    ------
    RebuildError
        Workers are at work, or one has begun meanwhile: stop it, since its state has handles that are gone.
    """
    months = idle_months(server.store)
    before = horizon_of(server.clock(), months)
    if not idle.is_pending(server.store) and not (months and len(idle.idle(server.store, before))):
        return 0
    refuse_workers(server)

    def work(turn: Lease) -> int:
        with Fenced(server.store) as fence:
            begun = partial(end_writes, server.store)
            idle.finish(server.store, turn.insert, server.clock(), begun)
            count = idle.let_go(server.store, turn.insert, before, server.clock(), begun) if months else 0
            fence.check()
        return count

    return in_turn(server.store, ERASING, work, waiting_for_turn(tell))
