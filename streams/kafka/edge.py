"""Builds the edge of publishers and gateways: the deployment's key, and the active model's list of values for nobody."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

from journey.identity.handle_key import HandleKey
from journey.identity.rules import FIRST, HandleRules
from journey.model import Model
from schemas.apath import default_model
from streams.apath import in_force
from streams.clock import system_clock
from streams.edge import Edge
from streams.handles.edges import edge_with
from streams.handles.key import register
from streams.handles.rules import registered
from streams.kafka.set_key import set_key
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse, QueryError

__all__ = ["edge_of", "key_of", "model_of", "rules_of"]

Asked = TypeVar("Asked")

_NOT_YET = (
    "UNKNOWN_DATABASE",
    "UNKNOWN_TABLE",
)  # a store that no worker has prepared: no model can be in force


def key_of(settings: Settings) -> HandleKey:
    """Return the key that hashes handles, as far as it is active in the store, and in the store's mode of brands.

    A store that has no key on record records it.
    Where no store is named, or nobody has prepared it, the mode is that of JOURNEY_BRANDS, separate by default.

    Raises
    ------
    SettingsError
        There is none, or the store's handles are hashed with another.
    StoreError
        JOURNEY_STORE names a server, and it does not answer.
    """
    key = set_key(settings)
    found = _asked(settings, lambda store: register(store, key.secret, system_clock(), settings.brands))
    return found or key


def edge_of(settings: Settings) -> Edge:
    """Return the edge under the active model of the store; under the bundled one, where there is none.

    Raises
    ------
    SettingsError
        There is no key for hashing handles.
    StoreError
        JOURNEY_STORE names a server, and it does not answer.
    """
    return edge_with(settings, key_of(settings), model_of(settings).identity.nobody, rules_of(settings))


def rules_of(settings: Settings) -> HandleRules:
    """Return the rules by which values become handles, with the earlier ones of the store; call it after `key_of`.

    Where no store is named, or it has no table of rules yet, it may have handles under version 1. Raises StoreError.
    """
    ours = settings.handle_rules
    found = _asked(
        settings, lambda store: registered(store, ours, system_clock()), "models, handle_keys, handle_rules"
    )
    return found or replace(ours, earlier=(FIRST,))


def model_of(settings: Settings) -> Model:
    """Return the active model of the store; the bundled one, where there is none. Raises StoreError."""
    found = _asked(settings, lambda store: in_force.in_force(store.client))
    return found.parsed() if found else default_model()


def _asked(
    settings: Settings, ask: Callable[[ClickHouse], Asked], tables: str = "models, handle_keys"
) -> Asked | None:
    """Return what the store answers, None where there is none or nobody has prepared it."""
    if not settings.store:
        return None
    with closing(ClickHouse.of(settings)) as store:
        try:
            store.rows(f"SELECT 1 FROM {tables} LIMIT 0")
        except QueryError as error:
            if any(code in str(error) for code in _NOT_YET):
                return None
            raise
        return ask(store)
