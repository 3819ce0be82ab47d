"""Customers whose numbers are readable, audiences of them, and destinations that are kept in sync meanwhile."""

import re
import threading
from contextlib import contextmanager

from streams.alerts.delivery.deliverer import Pauses
from streams.audiences.config import Audience
from streams.audiences.config import read as read_audiences
from streams.destinations.config import Destination, parse
from streams.destinations.delivery import Destinations
from streams.destinations.listing import listed
from streams.process.degraded import Degraded
from tests.audiences.world import keeping
from tests.fixtures.servers.process import wait_until
from tests.privacy.people import BRAND

__all__ = ["QUICK", "everybody", "found", "in_sync", "look", "of_an_example", "serving", "states", "told"]

_IS_TOML = re.compile(r"# (\[\[|\w+ = )")
QUICK = Pauses(first_s=0.05, longest_s=0.2)
SQL = "SELECT DISTINCT customer FROM customers"
CHANGES = "SELECT customer, toString(change) AS change FROM audience_changes WHERE audience = {audience:String} ORDER BY number"


def everybody(name="a", sql=SQL) -> Audience:
    """Return an audience of all customers, or of those of a query."""
    return Audience.model_validate({"name": name, "brand": BRAND, "sql": sql})


def look(engine, *audiences):
    """Look at audiences once; those that are not given have left the file."""
    with keeping(engine, *audiences) as upkeep:
        for one in upkeep.refresh(engine.store):
            assert one.error == "", one


def found(folder, text, audiences=("a",), secret=None) -> list[Destination]:
    """Return the destinations of a text."""
    (file := folder / "audiences.toml").write_text(text)
    destinations, mistakes = parse(file, audiences, secret)
    assert mistakes == []
    return list(destinations)


@contextmanager
def serving(engine, destinations, *audiences, degraded=None):
    """Keep destinations in sync meanwhile."""
    made = Destinations(
        destinations,
        audiences or (everybody(),),
        engine.settings,
        clock=engine.clock,
        degraded=degraded or Degraded(),
        pauses=QUICK,
        idle_s=0.6,
    )
    made.start()
    try:
        yield made
    finally:
        made.stop()
        ours = [one for one in threading.enumerate() if one.name.startswith("destination ")]
        for one in ours:  # the engine is open as long as one waits for Kafka
            one.join(30)


def states(engine, destinations, *audiences):
    """Return how far destinations are, as people see it, by destination and audience."""
    there = listed(engine.store, destinations, audiences or (everybody(),))
    return {(one.destination, one.audience): one for one in there}


def in_sync(engine, destinations, *audiences):
    """Wait until nothing waits any more."""

    def done():
        now = states(engine, destinations, *audiences).values()
        return all(one.at and one.waiting == 0 and not one.is_failing for one in now)

    wait_until(done, 30, "destinations in sync")


def told(engine, audience="a"):
    """Return who entered and left an audience, in order: pairs of customer and change."""
    rows = engine.store.rows(CHANGES, {"audience": audience})
    return [(f"{row['customer']:016x}", row["change"]) for row in rows]


def of_an_example(file, text):
    """See that a file whose tables are all comments is one without mistakes when they are none."""
    lines = [
        line.removeprefix("# ")
        for line in text.splitlines()
        if not line.startswith("#") or _IS_TOML.match(line)
    ]
    file.write_text("\n".join(lines))
    audiences = read_audiences(file)
    destinations, mistakes = parse(file, [one.name for one in audiences], lambda _: "secret")
    assert mistakes == []
    assert len(audiences) >= 1
    assert len(destinations) >= 1
