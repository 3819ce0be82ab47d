"""Runs work on large bodies on one thread, so that it does not block the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from streams.collector.adapters import Request
from streams.collector.limits import OUTCOME_S
from streams.http.compression import is_compressed
from streams.http.problems import Problem

__all__ = ["Beside"]

_SMALL_BYTES = 4_096  # of a body that costs less than to hand it over
Made = TypeVar("Made")


class Beside:
    """A thread that runs functions on requests; `name` is the thread's."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, request: Request, work: Callable[..., Made], *given: object) -> Made:
        """Return what a function makes of a request: at once where that is small, else from the thread.

        Raises
        ------
        Problem
            What came before it takes too long; then it is not begun.
        """
        if len(request.body) <= _SMALL_BYTES and not is_compressed(
            request.headers.get("content-encoding", "")
        ):
            return work(*given)
        try:
            async with asyncio.timeout(OUTCOME_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)
        except TimeoutError:
            raise Problem(
                "busy", "more large bodies than can be read; send smaller batches", retry_s=5
            ) from None
