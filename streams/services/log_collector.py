"""Runs `journey collector` without Kafka: events over HTTP go into the log of a data directory.

Commands open the tables meanwhile, and process what waits in the log.
"""

from collections.abc import Callable
from contextlib import ExitStack

from journey.identity.handle_key import HandleKey
from schemas.apath import default_model
from streams.collector.adapters.files import load
from streams.collector.server import Parts, serve
from streams.collector.write_key_stores import KeyFile
from streams.embedded.lock import lock, lock_log
from streams.handles.key import in_mode
from streams.handles.key_file import brands_file, key_file
from streams.handles.readable_key_file import sealing_of
from streams.handles.rules_file import rules_file
from streams.log.sink import FileSink
from streams.mood.moods import moods_of
from streams.process.private_files import private_directory
from streams.recovery.salvage import check
from streams.settings import SEPARATE, Settings

__all__ = ["collect"]


def collect(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `say` gets the URL once the port is open.

    Raises
    ------
    DirectoryInUseError
        Another process has the directory open.
    SettingsError
        A setting cannot be used.
    """
    data = settings.data
    private_directory(data)
    with ExitStack() as stack:
        lock_log(data, stack)
        with ExitStack() as starting:
            lock(data, starting)  # nobody else makes a key or a log now
            parts = _parts(settings)
        serve(settings, parts, adapters=load(settings.adapters, moods_of(settings.languages)), say=say)


def _parts(settings: Settings) -> Parts:
    data = settings.data
    brands = brands_file(data, settings.brands)
    rules = rules_file(data, settings.handle_rules)
    check(data / "log.sqlite")
    given = settings.handle_key or key_file(data, make=not (data / "clickhouse").exists())
    key = in_mode(HandleKey(given, separate=brands == SEPARATE), settings.brands)
    log = data / "log.sqlite"
    sealing = sealing_of(settings, data)
    return Parts(key, default_model(), KeyFile(data), lambda: FileSink(log), rules=rules, sealing=sealing)
