"""Builds the alert loop of a data directory or a server from the settings."""

from functools import partial
from typing import TYPE_CHECKING

from streams import environment
from streams.alerts.clocks import steady_s
from streams.alerts.config import AlertFile, read
from streams.alerts.delivery.deliverer import Deliverer
from streams.alerts.feed_delivery import FeedDelivery
from streams.alerts.leader import Leader
from streams.alerts.ledger import Ledger
from streams.alerts.loop import AlertLoop
from streams.alerts.rule_config import check
from streams.alerts.rule_queries import RULE_LIMITS, RuleQueries
from streams.alerts.urls import AlertUrls
from streams.clock import Clock
from streams.edge.readable import ReadableError
from streams.engine.shell import Shell
from streams.feed.announcements import NOT_ON_A_CLUSTER
from streams.handles.readable import ReadableReader
from streams.process.degraded import Degraded
from streams.settings import Settings, SettingsError
from streams.store.clickhouse import ClickHouse
from streams.store.connections import ConnectionPool, StuckError, opener

if TYPE_CHECKING:
    from streams.alerts.delivery.topic import Everything, TopicSend
    from streams.alerts.feed_lane import FeedListener, SendEvents

__all__ = ["watching_of"]


_SLICE_S = 0.03  # of feeding detectors, between two chances to look or to end


def watching_of(
    shell: Shell, store: ClickHouse | None = None, degraded: Degraded | None = None, *, is_told: bool = False
) -> AlertLoop:
    """Return the alert loop of a data directory or server, with the receivers and rules of the settings.

    Parameters
    ----------
    store
        The connection to watch on, where that is not the shell's.
    degraded
        Registry for what is not watched.
    is_told
        Whether the loop's `wrote` is called when the tables have more.

    Raises
    ------
    SettingsError
        The file cannot be used; it names receiver or rule, and key.
    """
    settings = shell.settings
    file = read(settings.alerts, environment.text) if settings.alerts is not None else AlertFile()
    store = store or shell.store
    _check(settings, file)
    links = AlertUrls(settings.public_url, settings.page_token, file.zones)
    rules = RuleQueries(file.rules, opener(settings, RULE_LIMITS))
    made = partial(
        AlertLoop,
        store,
        clock=shell.clock,
        rules=rules,
        links=links,
        steady=steady_s,
        slice_s=_SLICE_S,
        degraded=degraded,
    )
    more = _stages(settings) if shell.store.shared else []
    feed = _feed(file, settings, more, clock=shell.clock, degraded=degraded, is_told=is_told)
    if not shell.store.shared:
        deliverer = Deliverer(file.receivers, clock=shell.clock)
        return made(Ledger(store, store.insert), deliverer, feed=feed)
    leader = Leader(store)
    deliverer = Deliverer(file.receivers, more=_topic(settings), clock=shell.clock)
    return made(Ledger(store, leader.insert), deliverer, check=leader.check, feed=feed)


def _check(settings: Settings, file: AlertFile) -> None:
    """Check the rules, as `check`, on a connection like theirs: parts of a query may run when it is looked at."""
    connections = ConnectionPool(opener(settings, RULE_LIMITS), threads=1, what="alert rules")
    try:
        connections.submit(partial(check, rules=file.rules, where=file.name)).result()
    except StuckError as error:
        raise SettingsError(f"{file.name}: a rule cannot be used: {error}") from error
    finally:
        connections.close()


def _feed(  # noqa: PLR0913 - keywords
    file: AlertFile,
    settings: Settings,
    more: "list[tuple[FeedListener, SendEvents]]",
    *,
    clock: Clock,
    degraded: Degraded | None,
    is_told: bool,
) -> FeedDelivery | None:
    """Return what sends changes of stage, None where nobody gets any."""
    if settings.cluster:
        if file.feeds:
            raise SettingsError(f"{file.name}: feed {file.feeds[0].name!r}: {NOT_ON_A_CLUSTER}")
        return None
    if not (file.feeds or more):
        return None
    return FeedDelivery(
        file.feeds,
        opener(settings, None),
        more=more,
        clock=clock,
        is_told=is_told,
        readable=partial(_reader, settings, file.name),
        degraded=degraded,
    )


def _reader(settings: Settings, where: str) -> ReadableReader:
    """Return what gives readable handles to receivers. Raises SettingsError."""
    try:
        return ReadableReader.of_settings(settings)
    except ReadableError as error:
        raise SettingsError(f"{where}: a feed has readable = true: {error}") from error


def _stages(settings: Settings) -> "list[tuple[FeedListener, SendEvents]]":
    if not settings.kafka.servers:
        return []
    from streams.alerts.feed_topic import FeedTopic, StagesSend  # noqa: PLC0415 - needs Kafka's client

    return [(FeedTopic(), StagesSend(settings.kafka))]


def _topic(settings: Settings) -> "list[tuple[Everything, TopicSend]]":
    if not settings.kafka.servers:
        return []
    from streams.alerts.delivery.topic import Everything, TopicSend  # noqa: PLC0415 - needs Kafka's client

    return [(Everything(), TopicSend(settings.kafka))]
