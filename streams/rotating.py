"""Rotating the key of handles: in a data directory, or on a server whose workers have stopped."""

from contextlib import closing

from journey.handle import KEY_BYTES, fingerprint
from streams import migrations
from streams.embedded import Embedded
from streams.handle_keys import IN_FORCE, in_force, keep
from streams.key_files import promote, successor
from streams.rekeying import RekeyError, finish, rekey
from streams.server import Server, Shell
from streams.settings import Settings
from streams.store import ClickHouse

__all__ = ["resume", "rotate"]


def rotate(shell: Shell) -> str:
    """Put the successor of the key in force; return its fingerprint. Killed anywhere, it can be given again.

    In a data directory the successor is made here, unless JOURNEY_HANDLE_KEY has it; a server's is there alone.

    Raises
    ------
    RekeyError
        There is no successor, or it cannot be put in force now.
    BrokerError
        Kafka does not say whether workers are at rest.
    """
    return _here(shell) if isinstance(shell, Embedded) else _across(shell)


def resume(settings: Settings, now_us: int) -> str:
    """Finish a rotation on a server that was killed; return the fingerprint of the key that is in force with it, or ""."""
    with closing(ClickHouse.of(settings)) as store:
        migrations.check(store.client, settings.cluster)
        if not (name := finish(store, now_us)) and (old := in_force(store)):
            keep(store, old, IN_FORCE, now_us)  # it had only begun: so that the server can be opened
    return name


def _here(embedded: Embedded) -> str:
    if embedded.rotated:
        return embedded.rotated
    given = embedded.settings.handle_key
    key = _next(given, embedded.key) if given else successor(embedded.settings.data)
    embedded.drain()
    rekey(embedded.store, key, embedded.clock())
    embedded.use_key(key)
    if not given:
        promote(embedded.settings.data, fingerprint(key))
    embedded.log.scrub()
    return fingerprint(key)


def _across(server: Server) -> str:
    from streams.kafka.topics import unfinished  # noqa: PLC0415 - needs Kafka's client

    given = server.settings.handle_key or b""
    ours = (
        server.key if in_force(server.store) else given[:KEY_BYTES]
    )  # of a server that has never told its key
    key = _next(given, ours)
    rekey(server.store, key, server.clock(), lambda: unfinished(server.settings.kafka))
    return fingerprint(key)


def _next(given: bytes, ours: bytes) -> bytes:
    if len(given) < len(ours) + KEY_BYTES:
        raise RekeyError(
            "JOURNEY_HANDLE_KEY has no successor of the key in force: put one behind it, with a space between "
            "(openssl rand -hex 32), and give the command again"
        )
    return given[: len(ours) + KEY_BYTES]
