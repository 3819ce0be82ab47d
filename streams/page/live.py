"""Server-sent events: one look at the tables a second for all who watch, and a word to each when they changed."""

import asyncio
import json
from collections.abc import AsyncIterator

from streams.page.asking import BusyError, Connections
from streams.ports import StoreError
from streams.store import QueryError

__all__ = ["Live"]

_LOOK_S = 1.0
_KEEP_ALIVE_S = 15.0
_MOST = 100


class Live:
    """Tells watchers when the tables changed; nobody looks at the tables while nobody watches."""

    def __init__(self, reader: Connections) -> None:
        self._reader = reader
        self._watching = 0
        self._looked_at, self._version = 0.0, ""
        self._looking = asyncio.Lock()
        self._over = False

    @property
    def full(self) -> bool:
        """Whether no more watchers are taken."""
        return self._watching >= _MOST

    def end(self) -> None:
        """Have every stream end within a look."""
        self._over = True

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield events: one at once, one for each change, and a comment in silence, so that proxies keep it open."""
        self._watching += 1
        try:
            known, silent_s = await self._current(), 0.0
            yield _event("ready", known)
            while not self._over:
                await asyncio.sleep(_LOOK_S)
                version = await self._current()
                silent_s += _LOOK_S
                if version != known:
                    known, silent_s = version, 0.0
                    yield _event("changed", version)
                elif silent_s >= _KEEP_ALIVE_S:
                    silent_s = 0.0
                    yield b": still here\n\n"
        finally:
            self._watching -= 1

    async def _current(self) -> str:
        """Return the version of the tables, looked up at most once a look, whoever asks."""
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if now - self._looked_at >= 0.9 * _LOOK_S:
                try:
                    self._version = await self._reader.version()
                except (QueryError, StoreError, BusyError):
                    return self._version  # the store is away: nothing has changed that could be shown
                self._looked_at = now
            return self._version


def _event(name: str, version: str) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'version': version})}\n\n".encode()
