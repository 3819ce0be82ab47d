"""A data directory whose audience is kept in sync with a destination, in a process of its own, made to be killed. The argument is JSON."""

import json
import sys
import time
from pathlib import Path

from streams import faults
from streams.destinations.config import parse
from streams.embedded.embedded import Embedded
from streams.settings import Settings
from tests.audiences.world import event, load
from tests.destinations.world import everybody, look, serving, states

PEOPLE = 6


def main(task):
    destinations, mistakes = parse(Path(task["file"]), ["a"], lambda _: "key")
    assert mistakes == []
    with Embedded(Settings(data=Path(task["data"]), handle_key=bytes(32))) as embedded:
        if embedded.log.last == 0:
            load(embedded, [event(who, who) for who in range(PEOPLE)])
            look(embedded, everybody())
        if task.get("arm"):
            faults.arm(*task["arm"])
        begun = {key: one.at for key, one in states(embedded, destinations).items()}
        with serving(embedded, destinations):
            until_s = time.monotonic() + 30
            while time.monotonic() < until_s:
                now = states(embedded, destinations)
                if all(
                    one.at and one.waiting == 0 and (one.kind == "segment" or one.at != begun[key])
                    for key, one in now.items()
                ):
                    return
                time.sleep(0.05)
        sys.exit("not in sync")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
