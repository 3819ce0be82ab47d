"""Opens a server for work on its tables, once they are checked to be this program's, under a key that nobody changes."""

from streams.settings import Settings
from streams.store import migrations
from streams.store.clickhouse import ClickHouse
from streams.store.port import StoreError

__all__ = ["open_server"]

_LAST_KEY = "SELECT state FROM handle_keys ORDER BY at DESC LIMIT 1"


def open_server(settings: Settings) -> ClickHouse:
    """Open the server that the settings name, for work on its tables.

    Raises
    ------
    StoreError
        The key of its handles is being changed, or it cannot be opened.
    MigrationError
        Its tables are not those of this program; nothing but `journey migrate` changes them.
    """
    store = ClickHouse.of(settings)
    try:
        migrations.check(store.client, settings.cluster)
        _check_key(store)
    except BaseException:
        store.close()
        raise
    return store


def _check_key(store: ClickHouse) -> None:
    if any(row["state"] != "in force" for row in store.rows(_LAST_KEY)):
        raise StoreError("the key of handles is being changed; killed, journey keys rotate finishes it")
