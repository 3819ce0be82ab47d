"""A client that keeps connections busy: prints, as JSON, how many requests were answered and how long each took."""

import asyncio
import json
import sys
import time
from pathlib import Path

import httptools
import uvloop


class Connection(asyncio.Protocol):
    """One connection: the next request goes out when the last one is answered."""

    def __init__(self, requests, took, until_s) -> None:
        self.requests, self.took, self.until_s = requests, took, until_s
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        body = next(self.requests, None)
        if body is None or time.monotonic() > self.until_s:
            self.transport.close()
            return
        self.parser = httptools.HttpResponseParser(self)
        self.since_s = time.monotonic()
        self.transport.write(body)

    def data_received(self, data) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        if status != 202:
            raise SystemExit(f"answered {status}")
        self.took.append(time.monotonic() - self.since_s)
        self.send()

    def connection_lost(self, _error) -> None:
        self.done.set_result(None)


def read(path: Path) -> list[bytes]:
    """Return the requests of a file: each behind its length, four bytes."""
    data, at, requests = path.read_bytes(), 0, []
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        requests.append(data[at + 4 : end])
        at = end
    return requests


async def main(host: str, port: int, path: Path, connections: int, seconds: float) -> None:
    bodies = iter(read(path))
    took: list[float] = []
    started_s = time.monotonic()
    made = [
        (
            await asyncio.get_running_loop().create_connection(
                lambda: Connection(bodies, took, started_s + seconds), host, port
            )
        )[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(each.done for each in made))
    print(json.dumps({"seconds": time.monotonic() - started_s, "took": took}))


if __name__ == "__main__":
    host, port, path, connections, seconds = sys.argv[1:]
    uvloop.run(main(host, int(port), Path(path), int(connections), float(seconds)))
