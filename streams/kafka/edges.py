"""The edge as publishers and gateways run it: the deployment's key, and the model's list of values that are nobody."""

from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from journey.model import Model
from schemas.apath import default_model
from streams import models
from streams.edge import Edge
from streams.handle_keys import fitting, in_force
from streams.settings import Settings, SettingsError
from streams.store import ClickHouse, QueryError

__all__ = ["edge_of", "key_of", "model_of"]

Asked = TypeVar("Asked")

_NOT_YET = (
    "UNKNOWN_DATABASE",
    "UNKNOWN_TABLE",
)  # a store that no worker has prepared: no model can be in force


def key_of(settings: Settings) -> bytes:
    """Return the key that handles are hashed with, as far as it is in force in the store.

    Raises
    ------
    SettingsError
        There is none, or the store's handles are hashed with another.
    StoreError
        JOURNEY_STORE names a server, and it does not answer.
    """
    if settings.handle_key is None:
        raise SettingsError(
            "JOURNEY_HANDLE_KEY is not set: publishers, gateways and workers must hash handles with the same key, "
            "64 hex digits (for a new deployment: openssl rand -hex 32)"
        )
    name = _asked(settings, in_force) if settings.store else None
    return fitting(settings.handle_key, name) if name else settings.handle_key


def edge_of(settings: Settings) -> Edge:
    """Return the edge under the model in force in the store; under the bundled one, where there is none.

    Raises
    ------
    SettingsError
        There is no key for hashing handles.
    StoreError
        JOURNEY_STORE names a server, and it does not answer.
    """
    return Edge(key_of(settings), model_of(settings).identity.nobody)


def model_of(settings: Settings) -> Model:
    """Return the model in force in the store; the bundled one, where there is none. Raises StoreError."""
    found = _asked(settings, lambda store: models.in_force(store.client)) if settings.store else None
    return found.parsed() if found else default_model()


def _asked(settings: Settings, ask: Callable[[ClickHouse], Asked]) -> Asked | None:
    """Return what the store answers, None where nobody has prepared it."""
    with closing(ClickHouse.of(settings)) as store:
        try:
            store.rows("SELECT 1 FROM models, handle_keys LIMIT 0")
        except QueryError as error:
            if any(code in str(error) for code in _NOT_YET):
                return None
            raise
        return ask(store)
