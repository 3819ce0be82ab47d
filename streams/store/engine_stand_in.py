"""Stands for the module chdb in ClickHouse's client, so that half a gigabyte is loaded only where the engine is asked."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["connected_by"]

_CLIENT = "clickhouse_connect.driver._backend.chdb_backend"  # the one module of the client that imports chdb


class _Unloaded(ModuleType):
    """Loads chDB when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module("chdb"), name)


@contextmanager
def connected_by(connect: Callable[[str], Any]) -> Iterator[None]:
    """Have a client for `chdb://` that is made meanwhile connect by this, in place of `chdb.connect`."""
    client: Any = _client()
    engine, client.chdb = client.chdb, ModuleType("chdb")
    client.chdb.connect = connect
    try:
        yield
    finally:
        client.chdb = engine


def _client() -> ModuleType:
    """Import the client's module, without chDB where that is not loaded."""
    if "chdb" in sys.modules:
        return import_module(_CLIENT)
    sys.modules["chdb"] = _Unloaded("chdb")
    try:
        return import_module(_CLIENT)
    finally:
        del sys.modules["chdb"]
