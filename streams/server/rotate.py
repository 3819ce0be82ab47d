"""Rotates the handle key of a server without losing identities; its workers must have stopped."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial

from streams.audiences.alone import end_writes
from streams.handles.key import IN_FORCE, in_force, keep
from streams.handles.readable_key_file import kept
from streams.handles.rekey import finish, next_key, rekey
from streams.server.server import Server
from streams.settings import Settings
from streams.store import migrations
from streams.store.clickhouse import ClickHouse

__all__ = ["resume", "rotate_across"]


def resume(settings: Settings, now_us: int) -> str:
    """Finish a rotation on a server that was killed; return the fingerprint of the key that it activates, or ""."""
    with closing(ClickHouse.of(settings)) as store:
        migrations.check(store.client, settings.cluster)
        if not (name := finish(store, now_us)) and (old := in_force(store)):
            keep(store, old, IN_FORCE, now_us)  # it had only begun: so that the server can be opened
    return name


def rotate_across(server: Server) -> str:
    """Activate the successor key in JOURNEY_HANDLE_KEY; return its fingerprint. Killed anywhere, it can be given again.

    Raises
    ------
    RekeyError
        There is no successor, or it cannot be activated now.
    BrokerError
        Kafka does not say whether the workers have stopped.
    """
    from streams.kafka.topics import unfinished  # noqa: PLC0415 - needs Kafka's client

    ours = server.key
    if not in_force(server.store):  # of a server that has never told its key
        ours = ours.first(1)
    key = next_key(server.settings.handle_key or b"", ours)

    def busy() -> Sequence[str]:
        end_writes(server.store)
        return unfinished(server.settings.kafka)

    rekey(server.store, key, server.clock(), busy, partial(kept, server.settings))
    return key.fingerprint
