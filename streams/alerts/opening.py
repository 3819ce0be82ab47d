"""What watches a data directory or a server, put together from the settings."""

from typing import TYPE_CHECKING

from streams import environment
from streams.alerts.delivery.deliverer import Deliverer
from streams.alerts.file import AlertFile, read
from streams.alerts.ledger import Ledger
from streams.alerts.links import Links
from streams.alerts.querying import RULE_LIMITS, RuleQueries
from streams.alerts.rules import check
from streams.alerts.watching import Watching
from streams.connections import opener
from streams.server import Server, Shell
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.alerts.delivery.topic import Everything, TopicSend

__all__ = ["watching_of"]


def watching_of(shell: Shell) -> Watching:
    """Return what watches a data directory or server, with the receivers and rules of the settings.

    Raises
    ------
    SettingsError
        The file cannot be used; it names receiver or rule, and key.
    """
    settings = shell.settings
    file = read(settings.alerts, environment.text) if settings.alerts is not None else AlertFile()
    check(shell.store, file.rules, file.name)
    links = Links(settings.public_url, settings.page_token)
    rules = RuleQueries(file.rules, opener(settings, RULE_LIMITS))
    if not isinstance(shell, Server):
        deliverer = Deliverer(file.receivers, clock=shell.clock)
        ledger = Ledger(shell.store, shell.store.insert)
        return Watching(shell.store, ledger, deliverer, clock=shell.clock, rules=rules, links=links)
    from streams.alerts.leading import Leader  # noqa: PLC0415 - for a server

    leader = Leader(shell.store)
    deliverer = Deliverer(file.receivers, more=_topic(settings), clock=shell.clock)
    ledger = Ledger(shell.store, leader.insert)
    return Watching(
        shell.store, ledger, deliverer, clock=shell.clock, rules=rules, links=links, check=leader.check
    )


def _topic(settings: Settings) -> "list[tuple[Everything, TopicSend]]":
    if not settings.kafka.servers:
        return []
    from streams.alerts.delivery.topic import Everything, TopicSend  # noqa: PLC0415 - needs Kafka's client

    return [(Everything(), TopicSend(settings.kafka))]
