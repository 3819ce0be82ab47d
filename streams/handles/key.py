"""Records which handle key a store uses and whether brands are separate under it, and checks ours against it."""

from journey.identity.handle_key import KEY_BYTES, HandleKey
from streams.clock import from_us
from streams.faults import kill_point
from streams.handles import rules
from streams.settings import SEPARATE, SHARED, SettingsError
from streams.store.clickhouse import ClickHouse

__all__ = [
    "BEGUN",
    "IN_FORCE",
    "READY",
    "agreed",
    "fitting",
    "in_force",
    "in_mode",
    "is_free",
    "keep",
    "mode_of",
    "modes",
    "named_by",
    "ready",
    "register",
]

BEGUN, READY, IN_FORCE = "begun", "ready", "in force"


def in_force(store: ClickHouse) -> str:
    """Return the fingerprint of the active key, "" where none was ever recorded."""
    rows = store.rows("SELECT fingerprint FROM handle_keys WHERE state = 'in force' ORDER BY at DESC LIMIT 1")
    return str(rows[0]["fingerprint"]) if rows else ""


def named_by(store: ClickHouse) -> str | None:
    """Return the fingerprint of the key by which tables name customers, None while those of another take their place."""
    (row,) = store.rows(
        "SELECT argMaxIf(fingerprint, (at, state), state = 'in force') AS fingerprint,"
        " argMax(state, (at, state)) = 'ready' AS is_changing FROM handle_keys"
    )
    return None if row["is_changing"] else str(row["fingerprint"])


def is_free(store: ClickHouse) -> bool:
    """Return whether any key will do: none was recorded, and there are no handles."""
    return not in_force(store) and not store.rows(
        "SELECT 1 FROM identity_map LIMIT 1 UNION ALL SELECT 1 FROM interactions LIMIT 1"
    )


def ready(store: ClickHouse) -> str:
    """Return the fingerprint of the key whose tables are about to take the place of the old ones, "" for none."""
    rows = store.rows("SELECT fingerprint, state FROM handle_keys ORDER BY at DESC, state DESC LIMIT 1")
    return str(rows[0]["fingerprint"]) if rows and rows[0]["state"] == READY else ""


def keep(store: ClickHouse, name: str, state: str, now_us: int) -> None:
    """Record the state of a key, with a time later than all others', whatever the clock shows."""
    (last,) = store.rows("SELECT toUnixTimestamp64Micro(max(at)) AS us FROM handle_keys")
    now_us = max(now_us, int(last["us"]) + 1)
    with kill_point("key.book"):
        store.client.insert(
            "handle_keys", [[name, state, from_us(now_us)]], column_names=["fingerprint", "state", "at"]
        )


def register(store: ClickHouse, key: bytes, now_us: int, brands: str = "") -> HandleKey:
    """Return the key that this store is to be used with; the first one that comes is written down.

    `brands` is the mode of JOURNEY_BRANDS, "" where it is not set: the store's, which is separate for a new one.

    Raises
    ------
    SettingsError
        The store's handles are hashed with another one, or in the other mode.
    """
    found = agreed(store, key, brands)
    if not in_force(store):
        if is_free(store):
            rules.begin(store, now_us)
        keep(store, found.fingerprint, IN_FORCE, now_us)
    return found


def agreed(store: ClickHouse, key: bytes, brands: str = "") -> HandleKey:
    """Return the key that this store is to be used with, as `register` does; nothing is written down."""
    if name := in_force(store):
        return fitting(key, name, brands)
    if store.rows(
        "SELECT 1 FROM interactions LIMIT 1"
    ):  # of a program that had neither keys to tell nor modes
        return in_mode(HandleKey(key), brands)
    return HandleKey(key, separate=brands != SHARED)


def fitting(key: bytes, name: str, brands: str = "") -> HandleKey:
    """Return the part of a key and its successors that has this fingerprint: a successor is set before it is active.

    The fingerprint includes the mode of brands too.

    Raises
    ------
    SettingsError
        None has it, or the mode is not the one that was asked for.
    """
    for end in range(len(key), 0, -KEY_BYTES):
        for found in modes(key[:end]):
            if found.fingerprint == name:
                return in_mode(found, brands)
    raise SettingsError(
        f"JOURNEY_HANDLE_KEY (or handle.key): handles of this store are hashed with the key {name}, and ours is"
        f" {HandleKey(key, separate=brands != SHARED).fingerprint}: everybody would be new. Bring the right one back; see"
        " the runbook, The key is lost, or known to others"
    )


def modes(key: bytes) -> tuple[HandleKey, HandleKey]:
    """Return a key in both modes of brands."""
    return HandleKey(key, separate=True), HandleKey(key)


def mode_of(key: HandleKey) -> str:
    """Return the mode of brands, as JOURNEY_BRANDS names it."""
    return SEPARATE if key.separate else SHARED


def in_mode(key: HandleKey, brands: str) -> HandleKey:
    """Return a key whose mode is the one asked for, if any is. Raises SettingsError."""
    if brands not in {"", mode_of(key)}:
        raise SettingsError(
            f"JOURNEY_BRANDS = {brands!r}: brands of this store are {mode_of(key)}, and its handles are hashed so: "
            "everybody would be new. Unset it; for the other mode load history again into a new store"
        )
    return key
