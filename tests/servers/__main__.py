"""`python -m tests.servers`: both servers until Ctrl-C, and the environment to set to use them."""

import secrets
import signal
import sys
import time

from tests.servers.clickhouse import ClickHouse
from tests.servers.downloads import Unavailable
from tests.servers.kafka import Kafka


def _main() -> None:
    began_s = time.monotonic()
    with ClickHouse() as clickhouse, Kafka() as kafka:
        print(f"export JOURNEY_STORE={clickhouse.dsn}")
        print(f"export JOURNEY_TEST_CLICKHOUSE={clickhouse.dsn}")
        print(f"export JOURNEY_KAFKA={kafka.servers}")
        print(f"export JOURNEY_HANDLE_KEY={secrets.token_hex(32)}")
        print(f"export JOURNEY_TEST_KAFKA={kafka.servers}")
        print(f"# ready after {time.monotonic() - began_s:.1f} s; Ctrl-C stops both", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        _main()
    except Unavailable as error:
        sys.exit(str(error))
