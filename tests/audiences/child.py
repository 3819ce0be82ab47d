"""Audiences that are refreshed in a process of its own, made to be killed. The argument is JSON."""

import json
import sys
from pathlib import Path

from streams import faults
from tests.audiences.world import audience, event, keeping, load, opened


def main(task):
    with opened(Path(task["data"])) as embedded:
        if embedded.log.last == 0:
            load(embedded, [event(who, who, days_ago=1 + who) for who in range(6)])
        if task.get("arm"):
            faults.arm(*task["arm"])
        with keeping(embedded, audience("a", not_seen_for_days=3), audience("b")) as upkeep:
            upkeep.refresh(embedded.store)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
