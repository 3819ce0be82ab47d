"""Streams server-sent events to viewers when the tables change: one query a second serves all viewers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from hashlib import blake2b
from secrets import token_bytes

from streams.analysis.brands import version
from streams.store.clickhouse import QueryError
from streams.store.connections import ConnectionPool, OverloadedError, StuckError
from streams.store.port import StoreError

__all__ = ["Live"]

_LOOK_S = 1.0
_KEEP_ALIVE_S = 15.0
_MOST = 100


class Live:
    """A notifier of viewers when the tables changed; it queries nothing while nobody watches.

    Parameters
    ----------
    connection
        Of its own, so that a look waits for no figure.
    """

    def __init__(self, connection: ConnectionPool) -> None:
        self._connection = connection
        self._secret = token_bytes(16)
        self._watching = 0
        self._looked_at, self._version = 0.0, ""
        self._looking = asyncio.Lock()
        self._over = False

    @property
    def watched(self) -> bool:
        """Whether somebody watches."""
        return self._watching > 0

    @property
    def full(self) -> bool:
        """Whether no more viewers are accepted."""
        return self._watching >= _MOST

    def end(self) -> None:
        """Have every stream end within a look."""
        self._over = True

    async def stream(self, may_stay: Callable[[], bool] = lambda: True) -> AsyncIterator[bytes]:
        """Yield events: one at once, one for each change, and a comment in silence, so that proxies keep it open.

        It ends at the next look where `may_stay` says no: of whoever's token was withdrawn.
        """
        self._watching += 1
        try:
            known, silent_s = await self.version(_LOOK_S), 0.0
            yield _event("ready", self.named(known))
            while not self._over and may_stay():
                await asyncio.sleep(_LOOK_S)
                current = await self.version(_LOOK_S)
                silent_s += _LOOK_S
                if current != known:
                    known, silent_s = current, 0.0
                    yield _event("changed", self.named(current))
                elif silent_s >= _KEEP_ALIVE_S:
                    silent_s = 0.0
                    yield b": still here\n\n"
        finally:
            self._watching -= 1

    def named(self, version: str) -> str:
        """Return what a viewer is told of a version: that it is another one, and not the counts that it is made of."""
        return blake2b(version.encode(), key=self._secret, digest_size=8).hexdigest()

    async def version(self, oldest_s: float = 0.0) -> str:
        """Return the version of the tables as it was at most `oldest_s` ago; an old one where the store is away."""
        asked = self._time()
        async with self._looking:
            if not self._version or self._looked_at < asked - 0.9 * oldest_s:
                began = self._time()
                try:
                    self._version = await self._connection.run(version)
                except (QueryError, StoreError, OverloadedError, StuckError):
                    return self._version  # nothing has changed that could be shown
                self._looked_at = began
            return self._version

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()


def _event(name: str, current: str) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'version': current})}\n\n".encode()
