"""What people notice of a running engine: how soon an event is seen, /health answers, and an alert arrives."""

import http.client
import json
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from tests.alerts.receiver import Receiver
from tests.collector.server import BATCH, ONE, Collector, event

__all__ = ["SECRET", "Watch", "write_alerts"]

SECRET = "whsec_" + "A" * 43 + "="
_PAUSE_S = 0.2
_ASK_S = 20.0  # after which a question counts as unanswered


def write_alerts(file: Path, receiver: Receiver) -> None:
    """Write a file of alerts with one receiver."""
    told = f'kind = "webhook"\nname = "h"\nprivate = true\nurl = "{receiver.url}"\nsecret = "{SECRET}"'
    file.write_text(f"[[receiver]]\n{told}\n", encoding="utf-8")


@dataclass
class Watch:
    """Sends events of its own brand and looks for them, in a thread, until the context ends.

    Attributes
    ----------
    seen_s, health_s
        How long each event took until a query saw it, and each /health until it answered, in seconds.
    degraded
        Sentences that /health said at any time.
    faults
        What went wrong otherwise.
    """

    collector: Collector
    key: str
    sql_port: int
    seen_s: list[float] = field(default_factory=list)
    health_s: list[float] = field(default_factory=list)
    degraded: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._threads = [
            threading.Thread(target=self._repeat, args=(what,)) for what in (self._see, self._health)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, what: Any) -> None:
        for number in count():
            try:
                what(number)
            except (OSError, http.client.HTTPException, AssertionError, ValueError) as error:
                self.faults.append(f"{what.__name__}: {error!r}")
            if self._over.wait(_PAUSE_S):
                return

    def _see(self, number: int) -> None:
        name, began = f"watch-{id(self)}-{number}", time.monotonic()
        answer = self.collector.send(event(name, data={"brand": "watched"}), self.key, kind=ONE)
        assert answer.status == 202, answer
        while not self._is_seen(name):
            assert time.monotonic() - began < _ASK_S, "an event that was acknowledged is not seen"
            time.sleep(0.05)
        self.seen_s.append(time.monotonic() - began)

    def _is_seen(self, name: str) -> bool:
        return self.ask(f"SELECT count() FROM interactions WHERE brand = 'watched' AND id = '{name}'") == "1"

    def ask(self, sql: str) -> str:
        """Return the answer of the SQL port."""
        connection = HTTPConnection("127.0.0.1", self.sql_port, timeout=_ASK_S)
        try:
            connection.request("GET", f"/?query={quote(sql)}")
            answer = connection.getresponse()
            body = answer.read().decode().strip()
            assert answer.status == 200, (answer.status, body)
            return body
        finally:
            connection.close()

    def _health(self, _: int) -> None:
        began = time.monotonic()
        answer = self.collector.get("/health")
        self.health_s.append(time.monotonic() - began)
        assert answer.status == 200, answer
        self.degraded.update(json.loads(answer.body).get("degraded", ()))

    def praise(self, receiver: Receiver, within_s: float, brand: str) -> float:
        """Let twelve people praise a brand at once, and return the seconds until its alert arrived."""
        began = time.monotonic()
        shares = [share(f"{brand}-{n}", brand, datetime.now(UTC), "film") for n in range(12)]
        assert self.collector.send(shares, self.key, kind=BATCH).status == 202
        with receiver.came:
            assert receiver.came.wait_for(lambda: _told(receiver, brand), within_s), receiver.taken
        return time.monotonic() - began


def _told(receiver: Receiver, brand: str) -> bool:
    return any(
        one.json["type"] == "alert.opened" and one.json["data"]["brand"] == brand for one in receiver.accepted
    )


def share(who: str, brand: str, at: datetime, content: str) -> dict[str, Any]:
    """Return one person's share."""
    data = {"brand": brand, "handles": {"user": who}, "content": content}
    return event(f"share-{who}-{at.timestamp()}", type="social.share", time=at.isoformat(), data=data)


def quiet(brand: str, people: int = 390, hours: int = 72) -> list[dict[str, Any]]:
    """Return shares of a brand's last days, by a person each, at random."""
    rng, now = random.Random(brand), datetime.now(UTC)
    return [
        share(f"{brand}-q{n}", brand, now - timedelta(minutes=rng.randrange(15, 60 * hours)), "old")
        for n in range(people)
    ]
