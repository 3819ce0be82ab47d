"""Runs `journey collector` into Kafka: events over HTTP become frames of the topic `interactions`."""

from collections.abc import Callable

from streams.alerts.access import opened_routes
from streams.collector.adapters.files import load
from streams.collector.server import Parts, serve
from streams.collector.write_key_table import KeyTable
from streams.handles.readable_key_file import sealing_of
from streams.kafka.edge import key_of, model_of, rules_of
from streams.kafka.sink import KafkaSink
from streams.mood.moods import moods_of
from streams.settings import Settings, SettingsError
from streams.store.open_server import open_server

__all__ = ["collect"]


def collect(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `say` gets the URL once the port is open.

    Raises
    ------
    SettingsError
        No server is set, which has the write keys; or another setting cannot be used.
    """
    if not settings.store:
        raise SettingsError("JOURNEY_STORE: must be the server whose table write_keys says who may write")
    key, model = key_of(settings), model_of(settings)
    keys = KeyTable(open_server(settings))
    parts = Parts(
        key,
        model,
        keys,
        lambda: KafkaSink(settings.kafka),
        rules=rules_of(settings),
        sealing=sealing_of(settings),
    )
    with opened_routes(settings) as alerts:
        serve(
            settings,
            parts,
            adapters=load(settings.adapters, moods_of(settings.languages)),
            routes=alerts,
            say=say,
        )
