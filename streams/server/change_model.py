"""Activates a changed A-Path model on a server: every partition weighs its history, then one row activates it."""

import secrets
import time
from typing import Any

from journey.errors import UserError
from journey.model import Model
from schemas.topics import INTERACTIONS
from streams.apath import in_force
from streams.engine.shell import Tell
from streams.faults import kill_point
from streams.fencing.lease import ERASING, in_turn, waiting_for_turn
from streams.kafka.clients import broker_errors, producer
from streams.kafka.topics import partition_count
from streams.log.messages import ABANDON, DONE, PREPARE, Control, pack_control
from streams.server.server import Server
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse

__all__ = ["ChangeError", "change_model"]

_SILENCE_S = 60.0  # without any partition answering, after which nobody seems to be there
_LOOK_S = 0.2


class ChangeError(UserError, RuntimeError):
    """An error of a model that was not activated; the one before stays active."""


def change_model(
    server: Server, model: Model, toml: str, tell: Tell, *, silence_s: float = _SILENCE_S
) -> None:
    """Have every partition weigh its history under a model, then activate it with one row.

    Interrupted at any point, or given up, the model before stays active; given again, it restarts.

    Raises
    ------
    ChangeError
        No worker answers for some partition, or another change began meanwhile.
    """
    if server.model.hash == model.hash:
        return
    in_turn(  # interactions must not expire while some partitions have weighed them and others have not
        server.store,
        ERASING,
        lambda _turn: _change(server, model, toml, tell, silence_s),
        waiting_for_turn(tell),
    )


def _change(server: Server, model: Model, toml: str, tell: Tell, silence_s: float) -> None:
    store = server.store
    found = in_force.in_force(store.client)  # while this command waited for its turn it may have changed
    if found is not None and found.hash == model.hash:
        return
    change = secrets.token_hex(8)
    asked = _Asked(server.settings, store, change, tell, silence_s)
    _begin(store, change, model)
    asked.all_partitions(Control(ABANDON, change, ""))
    with kill_point("model.evidence"):  # of an earlier time in force, or of a change that was given up
        store.client.command(
            f"ALTER TABLE {store.parts_of('evidence')} DELETE WHERE model = {{model:String}}",
            parameters={"model": model.hash},
            settings={"mutations_sync": 2},
        )
    in_force.write(store.client, model)
    asked.all_partitions(Control(PREPARE, change, toml))
    if _latest(store) != change:
        raise ChangeError("another change of the model began meanwhile; the model in force stands")
    in_force.activate(store.client, model, toml, server.clock())


def _begin(store: ClickHouse, change: str, model: Model) -> None:
    with kill_point("change.begin"):
        store.client.command(
            "INSERT INTO model_changes (change, sequence, model, state)"
            " SELECT {change:String}, max(sequence) + 1, {model:String}, 'begun' FROM model_changes",
            parameters={"change": change, "model": model.hash},
            settings={"async_insert": 0},
        )


def _latest(store: ClickHouse) -> str:
    rows = store.client.query("SELECT argMax(change, (sequence, change)) FROM model_changes").result_rows
    return str(rows[0][0])


class _Asked:
    """Sends a control message to all partitions of interactions, and waits until all owners have done it."""

    def __init__(
        self, settings: Settings, store: ClickHouse, change: str, tell: Tell, silence_s: float
    ) -> None:
        self._kafka = settings.kafka
        self._store = store
        self._change = change
        self._tell = tell
        self._silence_s = silence_s
        self._count = partition_count(settings.kafka)

    def all_partitions(self, control: Control) -> None:
        """Send, and wait; the wait ends when nobody answers for long."""
        out: Any = producer(self._kafka)
        try:
            with kill_point("change.send"), broker_errors(self._kafka):
                topic = f"{self._kafka.prefix}{INTERACTIONS}"
                sent = [
                    out.send(topic, value=pack_control(control), partition=partition)
                    for partition in range(self._count)
                ]
                for each in sent:
                    each.get(timeout=30)
        finally:
            out.close()
        self._wait(DONE[control.verb])

    def _wait(self, state: str) -> None:
        done, since = 0, time.monotonic()
        while done < self._count:
            time.sleep(_LOOK_S)
            rows = self._store.client.query(
                "SELECT uniqExact(_partition) FROM model_changes WHERE change = {change:String} AND state = {state:String}",
                parameters={"change": self._change, "state": state},
            ).result_rows
            if int(rows[0][0]) > done:
                done, since = int(rows[0][0]), time.monotonic()
            self._tell(state, done, self._count)
            if time.monotonic() - since > self._silence_s:
                raise ChangeError(
                    f"{done} of {self._count} partitions have {state} the change and no other answered for "
                    f"{self._silence_s:.0f} s: are workers running? The model in force stands"
                )
