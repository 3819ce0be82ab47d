"""Records the rules by which a server's values became handles, and which of them differ from ours."""

from dataclasses import replace

from journey.identity.rules import FIRST, HandleRules
from streams.clock import from_us
from streams.faults import kill_point
from streams.store.clickhouse import ClickHouse

__all__ = ["begin", "recorded", "registered"]

_BEGUN = ""  # of a store that had no handles when it came under rules of version 2


def begin(store: ClickHouse, now_us: int) -> None:
    """Record that a store without handles has none under rules of version 1."""
    if not _known(store):
        _keep(store, _BEGUN, now_us)


def registered(store: ClickHouse, ours: HandleRules, now_us: int) -> HandleRules:
    """Return our rules with the earlier ones of a server, and record them; see `recorded`."""
    found = recorded(store, ours)
    for rules in (*found.earlier, ours):
        if rules.text not in _known(store):
            _keep(store, rules.text, now_us)
    return found


def recorded(store: ClickHouse, ours: HandleRules) -> HandleRules:
    """Return our rules with the earlier ones of a server: one that recorded none has handles under version 1."""
    texts = [text for text in _known(store) or [FIRST.text] if text not in {_BEGUN, ours.text}]
    return replace(ours, earlier=tuple(map(HandleRules.parse, texts)))


def _known(store: ClickHouse) -> list[str]:
    rows = store.rows("SELECT rules, min(at) AS since FROM handle_rules GROUP BY rules ORDER BY since, rules")
    return [row["rules"] for row in rows]


def _keep(store: ClickHouse, rules: str, now_us: int) -> None:
    with kill_point("rules.book"):
        store.client.insert("handle_rules", [[from_us(now_us), rules]], column_names=["at", "rules"])
