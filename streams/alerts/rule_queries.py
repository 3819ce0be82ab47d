"""Runs the queries of rules on a thread and a connection of their own, so that they never delay spike detection."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from streams.alerts.rule_config import Declared, columns
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.connections import ConnectionPool, OverloadedError, StuckError
from streams.store.port import StoreError

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["RULE_LIMITS", "RuleQueries", "RuleResult"]

RULE_LIMITS: Mapping[str, Any] = {"readonly": 2, "max_execution_time": 10}
"""Settings of the connection that rules are asked on."""

_MOST_SERIES = 1_000
_LABEL = 200  # characters
_CLOSE_S = 0.5
_MICROSECOND = timedelta(microseconds=1)


class _RuleError(RuntimeError):
    """A rule has no figures just now; the message says why."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The result of a rule's query: figures by brand and label; or, in `failed`, why there are none.

    Attributes
    ----------
    targets
        Of figures that are about one: how many there are, and how many there are to be.
    """

    rule: Declared
    at_us: int
    figures: Mapping[tuple[str, str], float | None]
    failed: str = ""
    targets: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)


class RuleQueries:
    """A runner of rules' queries, one after the other; a rule is not due again while its query runs.

    Everything here is called by one thread; the queries run on another.

    Parameters
    ----------
    open_store
        Opens the connection, which should have RULE_LIMITS; called by the thread that asks.
    """

    def __init__(self, rules: Sequence[Declared], open_store: Callable[[], ClickHouse]) -> None:
        self.rules = rules
        self._connections = ConnectionPool(open_store, threads=1, what="alert rules")
        self._due_us = {one.rule.name: 0 for one in rules}
        self._columns: dict[str, Mapping[str, str]] = {}
        self._asked: dict[str, tuple[Declared, int, Future[RuleResult]]] = {}

    def begin_anew(self) -> None:
        """Make every rule due: the outcome of the last answers is not known."""
        self._due_us = dict.fromkeys(self._due_us, 0)

    def ask(self, now_us: int) -> None:
        """Have what is due asked; returns at once."""
        for one in self.rules:
            name = one.rule.name
            every_us = one.every // _MICROSECOND
            waits = (
                self._due_us[name] - every_us <= now_us < self._due_us[name]
            )  # not, where the clock went back
            if name not in self._asked and not waits:
                self._due_us[name] = now_us + every_us
                answer = self._connections.submit(partial(self._figures, one, now_us), f"rule {name}")
                self._asked[name] = (one, now_us, answer)

    @property
    def asking(self) -> bool:
        """Whether a query has not been answered."""
        return not all(answer.done() for _, _, answer in self._asked.values())

    @property
    def answered(self) -> bool:
        """Whether there is an answer that `found` has not returned."""
        return any(answer.done() for _, _, answer in self._asked.values())

    def found(self) -> list[RuleResult]:
        """Take the answers that have come."""
        done = [name for name, (_, _, answer) in self._asked.items() if answer.done()]
        return [_taken(*self._asked.pop(name)) for name in done]

    def _figures(self, one: Declared, at_us: int, store: ClickHouse) -> RuleResult:
        name = one.rule.name
        if name not in self._columns:
            self._columns[name] = columns(store, one)
        names = self._columns[name]
        brand, label = (f"toString({name})" if name in names else "''" for name in ("brand", "label"))
        actual, target = (f"toFloat64({name})" if name in names else "NULL" for name in ("actual", "target"))
        rows = store.query(
            f"SELECT {brand}, leftUTF8({label}, {_LABEL}), toNullable(toFloat64(figure)), {actual}, {target}"
            f" FROM (\n{one.sql}\n) LIMIT {_MOST_SERIES + 1}",
            {},
        )
        if len(rows) > _MOST_SERIES:
            raise _RuleError(f"gives more than {_MOST_SERIES} figures")
        found = {(str(brand), str(label)): value for brand, label, value, _, _ in rows}
        if len(found) != len(rows):
            raise _RuleError("gives several figures for one brand and label")
        targets = {
            (str(brand), str(label)): (actual, target)
            for brand, label, _, actual, target in rows
            if actual is not None and target is not None
        }
        return RuleResult(one, at_us, found, targets=targets)

    def close(self) -> None:
        """End the query that runs, wait a moment for that, and close the connection."""
        self._connections.close()


def _taken(one: Declared, at_us: int, answer: "Future[RuleResult]") -> RuleResult:
    try:
        return answer.result()
    except (QueryError, StoreError, OverloadedError, StuckError, _RuleError) as error:
        return RuleResult(one, at_us, {}, str(error))
