"""The page's search on a server: by value with the key that is set, by hash without."""

from contextlib import closing

import pytest

from streams.handles.find import find
from streams.server.server import Server
from streams.settings import Settings, SettingsError
from streams.store.clickhouse import ClickHouse
from tests.on_server.conftest import KEY


@pytest.fixture
def dsn(twins):
    return twins["server"].environment["JOURNEY_STORE"]


@pytest.fixture
def tables(dsn):
    with closing(ClickHouse(dsn)) as opened:
        yield opened


def test_a_customer_is_found_by_value_with_the_key_and_by_hash_without(dsn, tables, tmp_path):
    with Server(Settings(tmp_path, store=dsn, handle_key=bytes.fromhex(KEY))) as keyed:
        (ann,) = find(keyed, tables, "lum 100482", "lumiere")
        assert ann.kinds == ("loyalty",)
        assert find(keyed, tables, "@ann.l", "lumiere")[0].customer == ann.customer
        assert find(keyed, tables, "nobody@example.com", "lumiere") == []
    with Server(Settings(tmp_path, store=dsn)) as keyless:
        assert find(keyless, tables, f"#{ann.customer:016x}", "lumiere")[0].customer == ann.customer
        with pytest.raises(SettingsError, match="JOURNEY_HANDLE_KEY"):
            find(keyless, tables, "LUM-100482", "lumiere")
