"""Runs calls to the store on a pool of threads, where a stuck query blocks neither other calls nor the shutdown."""

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

from streams.clock import from_us, system_clock
from streams.process.stuck_threads import STUCK
from streams.store.calls import Ending, Limits, OverloadedError, QueryCall, QueryThread, StuckError

__all__ = ["Pool"]

Answer = TypeVar("Answer")

_LONG_S = 0.5  # a call that has run for so long keeps no place from the others, where there are more threads
_CROWDED_S = 2.0  # calls may wait so long before it is said
_LATE_S = 1.0  # after its own limit of time a query ought to have ended
_GRACE_S = 2.0  # between the order to end and giving the thread up
_LOOK_S = 0.1
_AGAIN_S = 0.5  # between orders to end: one that comes between two queries meets none
_numbers = itertools.count(1)


class Pool:
    """A thread pool with timeouts: a call that goes on past its limit is ended, and if it does not end, given up.

    Parameters
    ----------
    name
        Of the threads.
    what
        Whose queries they are, in words, for /health.
    ending
        Ends queries.
    leaving
        Called in each thread before it ends, as to close a connection of its own.
    """

    def __init__(
        self,
        name: str,
        what: str,
        limits: Limits,
        ending: Ending,
        leaving: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._what, self._limits = name, what, limits
        self._ending, self._leaving = ending, leaving
        self._changed = threading.Condition()
        self._queue: deque[QueryCall] = deque()
        self._workers: set[QueryThread] = set()
        self._stuck: dict[QueryThread, str] = {}
        self._orders: set[threading.Thread] = set()
        self._watch: threading.Thread | None = None
        self._crowded_s: float | None = None
        self._closed = False

    def submit(
        self, work: Callable[[], Answer], about: str = "", run_s: float | None = None
    ) -> Future[Answer]:
        """Have a call run; its future has what it returned or raised, or StuckError.

        Parameters
        ----------
        about
            What it is, for /health, should it not end; the same is not run again meanwhile.
        run_s
            Its limit of time, where that is less than the pool's.

        Raises
        ------
        OverloadedError
            Too many are under way, every thread is stuck, what it is about is itself stuck, or the pool is closed.
        """
        with self._changed:
            self._refuse(about)
            call = QueryCall(work, about, run_s if run_s is not None else self._limits.run_s)
            self._queue.append(call)
            self._hire()
            self._changed.notify_all()
        return call.answer

    def _refuse(self, about: str) -> None:
        if self._closed:
            raise OverloadedError("this process is ending")
        if about and about in self._stuck.values():
            raise OverloadedError(
                "this query was given up, as it cannot be interrupted, and it still runs: change it"
            )
        if not self._places():
            raise OverloadedError(
                f"{len(self._stuck)} queries cannot be interrupted and hold every thread: try again later"
            )
        under_way = len(self._queue) + sum(worker.call is not None for worker in self._workers)
        if under_way >= self._limits.waiting:
            raise OverloadedError(f"{under_way} queries are under way: try again in a moment")

    async def run(self, work: Callable[[], Answer], about: str = "", run_s: float | None = None) -> Answer:
        """Have a call run and wait for it, as `submit`; who stops waiting has it ended."""
        answer = self.submit(work, about, run_s)
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            self._end_call(answer)
            raise

    def _places(self) -> int:
        return min(self._limits.threads, self._limits.threads + self._limits.spare - len(self._stuck))

    def _hire(self) -> None:
        """Start threads where calls wait for none that is free; the lock is held."""
        if self._watch is None:
            self._watch = threading.Thread(target=self._keep_watch, name=f"{self._name}-watch", daemon=True)
            self._watch.start()
        free = sum(worker.call is None for worker in self._workers)
        while free < len(self._queue) and len(self._workers) < self._most():
            worker = QueryThread(f"{self._name}-{next(_numbers)}", self._work)
            self._workers.add(worker)
            worker.start()
            free += 1

    def _most(self) -> int:
        """Return how many threads there may be now, besides those that are stuck; the lock is held."""
        places, now_s = self._places(), time.monotonic()
        long = sum(
            worker.call is not None and now_s - worker.call.began_s > _LONG_S for worker in self._workers
        )
        bound = self._limits.threads + self._limits.more - len(self._stuck)
        return max(places, min(places + long, bound)) if places > 0 else 0

    def _work(self, worker: QueryThread) -> None:
        while (call := self._next(worker)) is not None:
            if call.answer.set_running_or_notify_cancel():
                self._answer(call)
            with self._changed:
                worker.call = None
        self._leaving()
        with self._changed:
            self._workers.discard(worker)
            self._stuck.pop(worker, None)
            STUCK.ended(worker)
            self._hire()
            self._changed.notify_all()

    def _next(self, worker: QueryThread) -> QueryCall | None:
        """Return the next call for a thread; None where there is to be none."""
        with self._changed:
            while not (self._queue or self._closed or worker.told_s is not None or self._is_too_many()):
                self._changed.wait()
            if self._closed or worker.told_s is not None or not self._queue:
                return None
            busy = (one for one in self._workers if one.call is not None)
            taken = {one.place for one in (*busy, *self._stuck)}
            worker.place = next(number for number in itertools.count() if number not in taken)
            call = worker.call = self._queue.popleft()
            call.began_s, call.began_us = time.monotonic(), system_clock()
            self._changed.notify_all()
            return call

    def _is_too_many(self) -> bool:
        """Return whether there is a thread more than there may be, now that calls that took long have ended."""
        return self._limits.more > 0 and len(self._workers) > self._most()

    @staticmethod
    def _answer(call: QueryCall) -> None:
        try:
            found = call.work()
        except BaseException as error:  # noqa: BLE001 - raised to who waits
            with suppress(InvalidStateError):  # it was given up
                call.answer.set_exception(error)
        else:
            with suppress(InvalidStateError):
                call.answer.set_result(found)

    def _keep_watch(self) -> None:
        """End calls that are past their limit, and give up those that do not end."""
        with self._changed:
            while not (self._closed and not self._workers):
                busy = [worker for worker in self._workers if worker.call is not None]
                for worker in busy:
                    self._look_at(worker, time.monotonic())
                if self._limits.more:
                    self._hire()
                    self._tell_of_crowd(len(busy))
                self._changed.wait(_LOOK_S if busy or self._queue else None)
            STUCK.tell_of(("crowded", self._name), "")

    def _tell_of_crowd(self, running: int) -> None:
        """Report on /health when every thread that there may be is busy, or calls wait; the lock is held."""
        key, now_s = ("crowded", self._name), time.monotonic()
        waiting, bound = len(self._queue), self._limits.threads + self._limits.more
        if waiting <= running:
            self._crowded_s = None
        elif self._crowded_s is None:
            self._crowded_s = now_s
        if running + len(self._stuck) >= bound:
            STUCK.tell_of(
                key,
                f"all {bound} threads for queries of {self._what} are taken: {waiting} wait, and more are refused",
            )
        elif self._crowded_s is not None and now_s - self._crowded_s > _CROWDED_S:
            STUCK.tell_of(key, f"{waiting} queries of {self._what} wait, and {running} run")
        else:
            STUCK.tell_of(key, "")

    def _look_at(self, worker: QueryThread, now_s: float) -> None:
        call = worker.call
        assert call is not None  # noqa: S101 - the lock is held since it was looked at
        if worker.told_s is not None:
            if now_s - worker.told_s > _GRACE_S:
                self._give_up(worker, call)
        elif call.run_s is not None and now_s - call.began_s > call.run_s + _LATE_S:
            self._tell_to_end(worker)

    def _end_call(self, answer: Future[Any]) -> None:
        with self._changed:
            for worker in self._workers:
                if worker.call is not None and worker.call.answer is answer and worker.told_s is None:
                    self._tell_to_end(worker)

    def _tell_to_end(self, worker: QueryThread) -> None:
        """Have what a thread runs ended by another thread; the lock is held."""
        worker.told_s = time.monotonic()
        order = threading.Thread(target=self._order, args=(worker,), name=f"{worker.name}-end", daemon=True)
        self._orders.add(order)
        order.start()

    def _order(self, worker: QueryThread) -> None:
        while worker in self._workers:
            self._ending.end(worker.name)
            with self._changed:
                self._changed.wait_for(lambda: worker not in self._workers, _AGAIN_S)
        if worker in self._stuck and not self._closed:
            self._ending.demote(worker.name)
        with self._changed:
            self._orders.discard(threading.current_thread())

    def _give_up(self, worker: QueryThread, call: QueryCall) -> None:
        """Go on without a thread; the lock is held."""
        self._workers.discard(worker)
        self._stuck[worker] = call.about
        about = f" ({call.about})" if call.about else ""
        STUCK.add(
            worker,
            f"a query of {self._what}{about} runs since {from_us(call.began_us):%Y-%m-%d %H:%M:%S} UTC and cannot be"
            " interrupted: it is being ended; it has the least priority, and ends with this process at the latest",
        )
        taken_s = time.monotonic() - call.began_s
        with suppress(InvalidStateError):
            call.answer.set_exception(
                StuckError(f"the query ran for {taken_s:.0f} s and cannot be interrupted: it was given up")
            )
        if not self._places():
            self._empty("queries that cannot be interrupted hold every thread: try again later")
        self._hire()
        self._changed.notify_all()

    def _empty(self, why: str) -> None:
        while self._queue:
            with suppress(InvalidStateError):
                self._queue.popleft().answer.set_exception(OverloadedError(why))

    def end(self) -> None:
        """Take no more calls, answer those that wait with OverloadedError, and end those that may be; returns at once."""
        with self._changed:
            self._closed = True
            self._empty("this process is ending")
            for worker in self._workers:
                call = worker.call
                if call is None or call.run_s is None:
                    continue
                with suppress(InvalidStateError):
                    call.answer.set_exception(OverloadedError("this process is ending"))
                if worker.told_s is None:
                    self._tell_to_end(worker)
            self._changed.notify_all()

    def close(self, wait_s: float = 1.0) -> None:
        """End, and wait so long for what runs; what still does is given up."""
        self.end()
        with self._changed:
            self._changed.wait_for(lambda: not self._workers, wait_s)
            for worker in list(self._workers):
                if worker.call is not None:
                    self._give_up(worker, worker.call)
            orders = list(self._orders)
        for order in orders:
            order.join(wait_s)
