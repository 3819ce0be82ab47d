"""The places of an evening, with real servers: a network that is listened to, a page of Facebook, a shop; and either shell of the engine."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey.identity.handle_key import HandleKey
from streams.beside.beside import Beside
from streams.edge.handles import HandleHasher
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from tests.alerts.receiver import Receiver, listening
from tests.collector.adapters.payloads_social import facebook
from tests.collector.adapters.signing import SECRET, signed_by
from tests.collector.server import BATCH, KEY, Answer, Collector
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until
from tests.listen.jetstream import BRAND as ACCOUNT
from tests.listen.jetstream import JetstreamServer, Network
from tests.listen.listener import Listener
from tests.privacy.traces import in_files, in_tables
from tests.real_workers.process import Process

if TYPE_CHECKING:
    from tests.real_workers.deployment import Deployment

__all__ = ["BRAND", "FILES", "Evening", "in_one_process", "on_a_server"]

BRAND = "lumiere"
FILES = Path(__file__).parent
READABLE_KEY = bytes(range(40, 72))
_SETTINGS = {
    "JOURNEY_READABLE": f"{BRAND}=loyalty",
    "JOURNEY_READABLE_KEY": READABLE_KEY.hex(),
    "JOURNEY_SENTIMENT": "en",
    "JOURNEY_WEBHOOK_FACEBOOK_SECRET": SECRET,
    "JOURNEY_AUDIENCES": str(FILES / "audiences.toml"),
    "JOURNEY_ALERTS": str(FILES / "alerts.toml"),
}


class Evening:
    """An engine that has begun, what speaks to it, and what it speaks to.

    Attributes
    ----------
    collector
        Takes events; its commands ask the engine.
    network
        What people say on Bluesky, which a listener sends to the collector.
    on_call, crm, lists
        Receivers of alerts, of changes of stage, and of who enters and leaves audiences.
    folders
        Where the engine, and what listens for it, keep anything.
    joins_at_once
        Whether handles that an event names together are one customer before anything is announced of them.
    """

    def __init__(self, collector: Collector, key: str, hooks: Sequence[Receiver], network: Network) -> None:
        self.collector, self._key, self.network = collector, key, network
        self.on_call, self.crm, self.lists = hooks
        self.folders: list[Path] = []
        self.joins_at_once = True
        self.open_store: Callable[[], ClickHouse] = lambda: ClickHouse(self._directory)
        self.store: ClickHouse  # of the engine while it runs
        self._directory = f"chdb://{(collector.data / 'clickhouse').resolve()}"
        self._hasher = HandleHasher(HandleKey(KEY, separate=True))
        self._sent = 0

    def run(self, *words: str) -> str:
        return self.collector.run(*words)

    def rows(self, query: str) -> list[dict[str, Any]]:
        return self.store.rows(query)

    def handle(self, kind: str, value: str) -> int:
        return self._hasher.id(kind, value, BRAND)

    def customers(self) -> dict[int, int]:
        """Return the customer of each handle."""
        return {
            int(row["handle"]): int(row["customer"])
            for row in self.rows("SELECT handle, customer FROM customers")
        }

    def shop(self, kind: str, handles: dict[str, str], at: datetime | None = None, **more: Any) -> None:
        """Have the shop's back end say what somebody did."""
        self._sent += 1
        data = {"brand": BRAND, "handles": handles, "place": "lumiere-bastille"} | more
        event = {"specversion": "1.0", "id": f"shop-{self._sent}", "source": "https://lumiere.example/shop"}
        event |= {"type": kind, "time": (at or datetime.now(UTC)).isoformat(), "data": data}
        answer = self.collector.send([event], self._key, kind=BATCH)
        assert (answer.status, answer.statuses) == (202, ["accepted"]), answer

    def facebook(self, *changes: dict[str, Any], secret: str = SECRET) -> Answer:
        """Deliver changes of the brand's page, signed as Facebook signs them."""
        body = json.dumps(facebook(*changes)).encode()
        headers = {"content-type": "application/json"} | signed_by(
            "facebook", body, datetime.now(UTC), secret
        )
        return self.collector.ask("POST", f"/v1/webhooks/facebook?writeKey={self._key}", body, headers)

    def traces(self, wanted: Sequence[bytes]) -> list[str]:
        """End, and return where any of these bytes are left: in every table, and in what the engine keeps in files."""
        assert self.collector.stop() == 0
        with closing(self.open_store()) as store:
            return in_tables(store, wanted) + in_files(self.collector.data, wanted, but=["handle.key"])

    def wait(self, done: Callable[[], Any], what: str, seconds: float = 40) -> None:
        """Wait for something; when it does not happen, show the log."""
        try:
            wait_until(done, seconds, what, every_s=0.5)
        except TimeoutError as error:
            raise AssertionError(f"{error}; {self.collector.log[-5_000:]}") from None


@contextmanager
def in_one_process(folder: Path, history: Sequence[bytes], target: str) -> Iterator[Evening]:
    """Run `journey up`."""
    with ExitStack() as stack:
        hooks = [stack.enter_context(listening()) for _ in range(3)]
        collector = Collector(folder, **_environment(hooks))
        stack.callback(collector.kill)
        collector.run("load", _written(folder, history))
        collector.run("sql", target)
        evening = _begun(stack, folder, collector, hooks)
        evening.store = stack.enter_context(Beside(Settings(collector.data))).store
        evening.folders = [folder]
        evening.wait(_at_work(evening), "the watcher at work")
        yield evening


@contextmanager
def on_a_server(
    there: "Deployment", folder: Path, history: Sequence[bytes], target: str
) -> Iterator[Evening]:
    """Run a collector before Kafka, a worker, and a watcher with all receivers, over a ClickHouse server."""
    with ExitStack() as stack:
        hooks = [stack.enter_context(listening()) for _ in range(3)]
        there.environment |= _environment(hooks)
        there.worker(JOURNEY_READABLE="", JOURNEY_READABLE_KEY="")  # needs neither
        there.run("load", _written(folder, history))
        there.run("sql", target)
        given = {name: value for name, value in there.environment.items() if name.startswith("JOURNEY_")}
        given["JOURNEY_COLLECTOR_PORT"] = "0"
        collector = Collector(folder, "collector", arguments=["--server"], **given)
        stack.callback(collector.kill)
        store = stack.enter_context(closing(there.store()))
        count = "SELECT count() AS n FROM interactions"
        there.wait(lambda: store.rows(count)[0]["n"] == len(history), "the history")
        watcher = Process(
            [str(commands.JOURNEY), "alerts", "watch"], there.environment, folder / "watcher.log"
        )
        stack.callback(watcher.kill)
        there.processes.append(watcher)
        evening = _begun(stack, folder, collector, hooks)
        evening.open_store = there.store
        evening.store, evening.joins_at_once = store, False
        evening.wait(_at_work(evening), "the watcher at work")
        tables = store.rows(
            "SELECT data_paths AS paths FROM system.tables WHERE database = {name:String}",
            {"name": store.database},
        )
        evening.folders = [folder, there.folder, *(Path(path) for row in tables for path in row["paths"])]
        yield evening


def _environment(hooks: Sequence[Receiver]) -> dict[str, str]:
    named = zip(("ON_CALL", "CRM", "LISTS"), hooks, strict=True)
    return _SETTINGS | {f"{name}_URL": hook.url for name, hook in named}


def _written(folder: Path, lines: Sequence[bytes]) -> str:
    (file := folder / "history.ndjson").write_bytes(b"\n".join(lines))
    return str(file)


def _begun(stack: ExitStack, folder: Path, collector: Collector, hooks: Sequence[Receiver]) -> Evening:
    key = collector.key("shop", "--brand", BRAND, "--channel", "*", "--channel", "identity")
    listens = collector.key("bluesky", "--brand", BRAND, "--channel", "social")
    collector.start()
    network = Network(datetime.now(UTC) - timedelta(minutes=1))
    server = JetstreamServer(network.messages)
    stack.enter_context(server.running())
    asked = ("bluesky", "--account", ACCOUNT, "--server", server.url, "--since", network.at.isoformat())
    listener = Listener(folder, collector, listens, *asked, JOURNEY_SENTIMENT="en").start()
    stack.callback(listener.kill)
    return Evening(collector, key, hooks, network)


def _at_work(evening: Evening) -> Callable[[], Any]:
    """Return whether the watcher has asked its rules, and its receivers have a place from which they go on."""
    sql = "SELECT (SELECT count() FROM alert_figures) > 0 AND (SELECT uniqExact(receiver) FROM feed_positions WHERE receiver IN ('crm', 'lists')) = 2 AS works"
    return lambda: evening.rows(sql)[0]["works"]
