"""What watches a data directory or a server, put together from the settings."""

from typing import TYPE_CHECKING

from streams.alerts.delivery.deliverer import Deliverer
from streams.alerts.delivery.receivers import read
from streams.alerts.ledger import Ledger
from streams.alerts.watching import Watching
from streams.server import Server, Shell
from streams.settings import Settings, secret

if TYPE_CHECKING:
    from streams.alerts.delivery.topic import Everything, TopicSend

__all__ = ["watching_of"]


def watching_of(shell: Shell) -> Watching:
    """Return what watches a data directory or server, with the receivers of the settings."""
    settings = shell.settings
    receivers = read(settings.alerts, secret) if settings.alerts is not None else []
    if not isinstance(shell, Server):
        deliverer = Deliverer(receivers, clock=shell.clock)
        return Watching(shell.store, Ledger(shell.store, shell.store.insert), deliverer, clock=shell.clock)
    from streams.alerts.leading import Leader  # noqa: PLC0415 - for a server

    leader = Leader(shell.store)
    deliverer = Deliverer(receivers, more=_topic(settings), clock=shell.clock)
    return Watching(
        shell.store, Ledger(shell.store, leader.insert), deliverer, clock=shell.clock, check=leader.check
    )


def _topic(settings: Settings) -> "list[tuple[Everything, TopicSend]]":
    if not settings.kafka.servers:
        return []
    from streams.alerts.delivery.topic import Everything, TopicSend  # noqa: PLC0415 - needs Kafka's client

    return [(Everything(), TopicSend(settings.kafka))]
