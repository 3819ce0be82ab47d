"""Which key a store's handles are hashed with, and whether ours is that one."""

from journey.handle import KEY_BYTES, fingerprint
from streams.clock import from_us
from streams.faults import boundary
from streams.settings import SettingsError
from streams.store import ClickHouse

__all__ = ["BEGUN", "IN_FORCE", "READY", "fitting", "in_force", "keep", "ready", "register"]

BEGUN, READY, IN_FORCE = "begun", "ready", "in force"


def in_force(store: ClickHouse) -> str:
    """Return the fingerprint of the key in force, "" where none was ever told."""
    rows = store.rows("SELECT fingerprint FROM handle_keys WHERE state = 'in force' ORDER BY at DESC LIMIT 1")
    return str(rows[0]["fingerprint"]) if rows else ""


def ready(store: ClickHouse) -> str:
    """Return the fingerprint of the key whose tables are about to take the place of the old ones, "" for none."""
    rows = store.rows("SELECT fingerprint, state FROM handle_keys ORDER BY at DESC, state DESC LIMIT 1")
    return str(rows[0]["fingerprint"]) if rows and rows[0]["state"] == READY else ""


def keep(store: ClickHouse, name: str, state: str, now_us: int) -> None:
    """Write down what a key is now; later than whatever was written, wherever the clock stands."""
    (last,) = store.rows("SELECT toUnixTimestamp64Micro(max(at)) AS us FROM handle_keys")
    now_us = max(now_us, int(last["us"]) + 1)
    with boundary("key.book"):
        store.client.insert(
            "handle_keys", [[name, state, from_us(now_us)]], column_names=["fingerprint", "state", "at"]
        )


def register(store: ClickHouse, key: bytes, now_us: int) -> bytes:
    """Return the key that this store is to be used with; the first one that comes is written down.

    Raises
    ------
    SettingsError
        The store's handles are hashed with another one.
    """
    name = in_force(store)
    if not name:
        keep(store, fingerprint(key), IN_FORCE, now_us)
        return key
    return fitting(key, name)


def fitting(key: bytes, name: str) -> bytes:
    """Return as much of a key and its successors as has this fingerprint: a successor is there before it is in force.

    Raises
    ------
    SettingsError
        None has it.
    """
    for end in range(len(key), 0, -KEY_BYTES):
        if fingerprint(key[:end]) == name:
            return key[:end]
    raise SettingsError(
        f"JOURNEY_HANDLE_KEY (or handle.key): handles of this store are hashed with the key {name}, and ours is"
        f" {fingerprint(key)}: everybody would be new. Bring the right one back; see the runbook, The key is lost, or known to others"
    )
