"""Declares every metric once, in the table below, and registers them; no other module imports prometheus_client."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "METRICS", "Metric", "Metrics", "Sample", "Shell"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Shell = Literal["worker", "gateway", "collector", "watcher", "page", "listener"]
Sample = tuple[str, tuple[str, ...], float]  # name of a metric, values of its labels, value

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONG_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_RECORDS = (1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 32.0, 48.0)
_EVENTS = (1.0, 10.0, 100.0, 1_000.0, 5_000.0, 20_000.0, 60_000.0, 120_000.0, 240_000.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """The declaration of a metric.

    Attributes
    ----------
    unit
        Base unit of the value; for counts, what is counted.
    shells
        Which processes expose it.
    read
        Whether its value is read from the state when it is asked for; else it is counted as things happen.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    shells: tuple[Shell, ...] = ("worker",)
    read: bool = False


def _counter(name: str, unit: str, text: str, *labels: str) -> Metric:
    return Metric(name, "counter", unit, text, labels)


def _gauge(name: str, unit: str, text: str, *labels: str, shells: tuple[Shell, ...] = ("worker",)) -> Metric:
    return Metric(name, "gauge", unit, text, labels, shells=shells, read=True)


def _histogram(name: str, unit: str, buckets: tuple[float, ...], text: str, *labels: str) -> Metric:
    return Metric(name, "histogram", unit, text, labels, buckets)


def _gateway(name: str, unit: str, text: str, *labels: str) -> Metric:
    return Metric(name, "counter", unit, text, labels, shells=("gateway",), read=True)


def _collector(kind: Literal["counter", "gauge"], name: str, unit: str, text: str, *labels: str) -> Metric:
    return Metric(name, kind, unit, text, labels, shells=("collector",), read=True)


def _alert(kind: Literal["counter", "gauge"], name: str, unit: str, text: str, *labels: str) -> Metric:
    return Metric(name, kind, unit, text, labels, shells=("collector", "watcher"), read=True)


def _listen(kind: Literal["counter", "gauge"], name: str, unit: str, text: str, *labels: str) -> Metric:
    return Metric(name, kind, unit, text, labels, shells=("listener",), read=True)


_KAFKA: tuple[Shell, ...] = ("worker", "gateway")
_ALL: tuple[Shell, ...] = ("worker", "gateway", "collector", "watcher", "page", "listener")

METRICS: tuple[Metric, ...] = (
    _counter("journey_events_received_total", "events", "Events in frames that every table has; stored + duplicates + dead letters. After a failure, repeats count again."),
    _counter("journey_events_stored_total", "events", "Of the events received: those stored."),
    _counter("journey_events_duplicate_total", "events", "Of the events received: those dropped since they were stored before."),
    _counter("journey_dead_letters_total", "events", "Of the events received: those refused, by reason.", "reason"),
    _counter("journey_frames_total", "frames", "Frames (records of the topic interactions) that every table has."),
    _counter("journey_unreadable_records_total", "records", "Records between workers that could not be read and are kept as dead letters, by topic.", "topic"),
    _counter("journey_stage_changes_total", "announcements", "Rows written to stage_changes."),
    _counter("journey_records_total", "records", "Records of Kafka that a processor is done with.", "processor"),
    _histogram("journey_batch_records", "records", _RECORDS, "Records in a batch.", "processor"),
    _histogram("journey_batch_events", "events", _EVENTS, "Events in a batch of intake."),
    _histogram("journey_batch_seconds", "seconds", _SECONDS, "From the start of a batch until every table has it and all that follows from it is sent.", "processor"),
    _histogram("journey_insert_seconds", "seconds", _SECONDS, "Inserts into ClickHouse that were answered, by table.", "table"),
    _histogram("journey_restore_seconds", "seconds", _LONG_SECONDS, "Restoring the state of a processor from ClickHouse.", "processor"),
    _histogram("journey_end_to_end_seconds", "seconds", _LONG_SECONDS, "From the packing of a frame at the edge until the processor's tables have what follows from it: intake has the interactions and evidence (one observation a frame), journey the stage changes (one a record, by the oldest frame behind it).", "processor"),
    _counter("journey_store_errors_total", "failures", "Times that ClickHouse did not answer, or refused, so that a processor dropped its state to restore it.", "processor"),
    _counter("journey_insert_errors_total", "failures", "Inserts that failed or whose outcome is unknown; each is looked into, and tried again.", "table"),
    _counter("journey_send_errors_total", "failures", "Times that Kafka did not acknowledge what a processor sent.", "processor"),
    _counter("journey_fences_lost_total", "failures", "Times that a processor found its partitions taken by another worker.", "processor"),
    _gauge("journey_lag_records", "records", "Records between what is acknowledged and the end of the partition, as the broker tells it.", "topic", "partition", shells=_KAFKA),
    Metric("journey_records_lost_total", "counter", "records", "Records that Kafka deleted (retention) before they were read: offsets from what was committed to where the partition begins.", ("topic", "partition"), shells=_KAFKA, read=True),
    Metric("journey_records_lost_first_offset", "gauge", "offset", "The first offset that was lost, where any was, since the process began.", ("topic", "partition"), shells=_KAFKA, read=True),
    Metric("journey_records_lost_last_offset", "gauge", "offset", "The last offset that was lost, where any was, since the process began.", ("topic", "partition"), shells=_KAFKA, read=True),
    _gauge("journey_acknowledged_offset", "offset", "Offset up to which every table has the partition (Kafka's next offset to read).", "topic", "partition", shells=_KAFKA),
    _gauge("journey_table_offset", "offset", "Offset up to which a table has the partition's events, as last written by this worker.", "table", "partition"),
    _gauge("journey_partitions", "partitions", "Partitions that are assigned to a processor.", "processor"),
    _gauge("journey_handles", "handles", "Handles in the state of a processor; for journey, with the customers that they belong to.", "processor"),
    _gauge("journey_ready", "0 or 1", "1 while the state of all assigned partitions is there; for a gateway, while it has clients that work; for a collector, while its log takes events; for a watcher, once its detectors have their history; for a page over a server, while that answers; for a listener, while it reads and the collector takes.", "processor", shells=_ALL),
    _gauge("journey_waiting", "0 or 1", "1 while a processor waits for that: store, kafka, assignment, or topics.", "processor", "reason"),
    _gauge("journey_standstill_seconds", "seconds", "For how long a processor that is behind, and waits for nothing, has acknowledged nothing. At JOURNEY_STALL_SECONDS the process exits.", "processor", shells=_KAFKA),
    _gauge("journey_broker_answers", "0 or 1", "1 while Kafka answers.", shells=_KAFKA),
    _gateway("journey_gateway_events_total", "events", "Events that are in interactions; repeats count again."),
    _gateway("journey_gateway_refused_total", "events", "Records refused, which are in interactions as dead letters, by reason.", "reason"),
    _gateway("journey_gateway_frames_total", "frames", "Frames that Kafka has acknowledged."),
    _gateway("journey_gateway_sessions_total", "sessions", "Times that clients were made; more than one means that something failed."),
    Metric("journey_gateway_seconds", "histogram", "seconds", "From the time of the oldest record of a poll until its frame was acknowledged.", buckets=_LONG_SECONDS, shells=("gateway",)),
    _collector("counter", "journey_collector_accepted_total", "events", "Events that the log has; noticed repeats are not among them."),
    _collector("counter", "journey_collector_duplicates_total", "events", "Events that the log has although they were accepted not long before."),
    _collector("counter", "journey_collector_rejected_total", "items", "Items that were rejected, by reason; the log has them as dead letters.", "reason"),
    _collector("counter", "journey_collector_passed_over_total", "items", "Items that are no event of a customer, and no fault, by the reason that the webhook's mapping has (no_event: the mapping names no such delivery); as amount, events that are in the log without an amount since it could not be read.", "reason"),
    _collector("counter", "journey_collector_frames_total", "frames", "Frames that the log has: one for each group of requests."),
    _collector("counter", "journey_collector_answers_total", "answers", "Answers to requests that bring events, by status.", "status"),
    _collector("gauge", "journey_collector_waiting_bytes", "bytes", "Events that wait for the log."),
    _collector("gauge", "journey_collector_lag_frames", "frames", "Frames in the log of the data directory that are not processed yet."),
    _collector("gauge", "journey_collector_write_keys", "keys", "Write keys that may be used."),
    _collector("gauge", "journey_collector_log_answers", "0 or 1", "1 while the log takes events."),
    Metric("journey_collector_commit_seconds", "histogram", "seconds", "From the packing of a group of requests until the log has it.", buckets=_SECONDS, shells=("collector",)),
    _alert("gauge", "journey_alerts", "alerts", "Alerts that are open: nobody has taken them on (open), somebody has (acknowledged), or a silence keeps them from receivers (silenced). Direction is for or against; of stage alerts, the rule.", "brand", "direction", "severity", "state"),
    _alert("counter", "journey_alert_changes_total", "changes", "What became of alerts: opened, grew, resolved, reopened, acknowledged.", "brand", "direction", "change"),
    _alert("counter", "journey_alert_looks_total", "looks", "Looks at the store that ended well."),
    _alert("gauge", "journey_alert_look_seconds", "seconds", "How long the last look took, with the changes that it wrote."),
    _alert("gauge", "journey_alert_blind_seconds", "seconds", "For how long no look has ended well: what spikes meanwhile is not seen yet."),
    _alert("counter", "journey_alert_rule_errors_total", "failures", "Times that the query of a rule failed.", "rule"),
    _alert("counter", "journey_alert_deliveries_total", "changes", "Changes that a receiver is done with: delivered, refused by it for good, or expired.", "receiver", "outcome"),
    _alert("counter", "journey_alert_retries_total", "attempts", "Attempts that failed, each to be made again.", "receiver"),
    _alert("gauge", "journey_alert_waiting", "changes", "Changes that a receiver has still to take.", "receiver"),
    _alert("counter", "journey_feed_deliveries_total", "events", "Changes of stage that a receiver of the feed is done with: delivered, or refused by it for good.", "receiver", "outcome"),
    _alert("counter", "journey_feed_retries_total", "attempts", "Attempts that failed, each to be made again.", "receiver"),
    _alert("gauge", "journey_feed_waiting_seconds", "seconds", "How long ago the change of stage was announced that a receiver of the feed has still to take; 0 without any.", "receiver"),
    _alert("gauge", "journey_alert_waiting_seconds", "seconds", "For how long the first of them has been tried.", "receiver"),
    _alert("gauge", "journey_audience_members", "customers", "Customers who are in an audience.", "audience"),
    _alert("counter", "journey_audience_changes_total", "changes", "Customers who entered or left an audience, by this process.", "audience", "change"),
    _alert("counter", "journey_audience_errors_total", "failures", "Times that an audience could not be asked or written: it stays as it was.", "audience"),
    _alert("gauge", "journey_audience_look_seconds", "seconds", "How long the last look at an audience took.", "audience"),
    _alert("gauge", "journey_kept_paths_in_use", "0 or 1", "1 while views take the kept paths of customers; 0 while they compute them: below 250,000 interactions, or until they are kept again."),
    _alert("gauge", "journey_kept_paths_stale", "customers", "Customers whose path had changed at the last look; each question computes theirs until it is kept again."),
    _alert("counter", "journey_kept_paths_written_total", "paths", "Paths that were computed and kept."),
    _alert("counter", "journey_kept_paths_errors_total", "failures", "Times that the paths could not be kept."),
    _alert("gauge", "journey_kept_paths_look_seconds", "seconds", "How long the last look took, with what it computed and wrote."),
    _alert("gauge", "journey_kept_paths_behind_seconds", "seconds", "How long ago a look ended well."),
    _alert("counter", "journey_destination_deliveries_total", "events", "Customers who entered or left an audience that a destination is done with: delivered, or refused by it for good. Of files: how often they were written.", "destination", "audience", "outcome"),
    _alert("counter", "journey_destination_failures_total", "attempts", "Attempts that failed, each to be made again.", "destination", "audience"),
    _alert("gauge", "journey_destination_waiting_seconds", "seconds", "How long ago the change was found that a destination has still to take, or the first attempt at its file failed; 0 without any.", "destination", "audience"),
    _listen("counter", "journey_listen_messages_total", "messages", "Messages that the network sent, most of which are not of the brand."),
    _listen("counter", "journey_listen_events_total", "events", "Events that the collector has, by type.", "type"),
    _listen("counter", "journey_listen_refused_total", "events", "Events that the collector refused, by reason; it has them as dead letters.", "reason"),
    _listen("counter", "journey_listen_passed_over_total", "messages", "Messages that are no event of a customer, and no fault, by reason; gap: times that the network no longer had what came before.", "reason"),
    _listen("counter", "journey_listen_repeats_total", "messages", "Messages of what the collector has already, as after each new connection."),
    _listen("counter", "journey_listen_connections_total", "connections", "Connections to the network that were made."),
    _listen("counter", "journey_listen_retries_total", "attempts", "Times that the collector did not answer or was busy, so that a batch is sent again."),
    _listen("gauge", "journey_listen_behind_seconds", "seconds", "How long ago the network had the message that was read last."),
    _listen("gauge", "journey_listen_remembered", "acts", "Acts that are remembered and may be taken back."),
    _listen("counter", "journey_listen_forgotten_total", "acts", "Acts that were forgotten since there are more than are remembered: a removal does not take them back."),
    Metric("journey_sentiment_texts_total", "counter", "texts", "Texts whose sentiment was to be computed, by outcome: read; nothing_found (the method knows none of its words); no_method (for the language that the event names); failed (the method raised, and the event was taken without).", ("outcome",), shells=("gateway", "collector", "listener"), read=True),
    _gauge("journey_threads", "threads", "Threads of the process.", shells=_ALL),
    _gauge("journey_build_info", "always 1", "Version of this program and of Python.", "version", "python", shells=_ALL),
)  # fmt: skip


class Metrics(Collector):
    """The metrics of one process, in a registry of its own.

    Parameters
    ----------
    shell
        Which of METRICS it has.
    """

    def __init__(self, shell: Shell) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._declared = {metric.name: metric for metric in METRICS if shell in metric.shells}
        self._registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._sources: list[Callable[[], Iterable[Sample]]] = []
        for metric in self._declared.values():
            self._make(metric)
        self._registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def _make(self, metric: Metric) -> None:
        if metric.read:
            return
        if metric.kind == "counter":
            self._counters[metric.name] = Counter(
                metric.name, metric.help, metric.labels, registry=self._registry
            )
        else:
            self._histograms[metric.name] = Histogram(
                metric.name, metric.help, metric.labels, registry=self._registry, buckets=metric.buckets
            )

    def add(self, name: str, amount: float = 1.0, *labels: str) -> None:
        """Count; an amount of 0 makes the metric show up. Raises KeyError for one that is not declared."""
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(amount)

    def observe(self, name: str, value: float, *labels: str) -> None:
        """Add a value to a histogram; clocks that differ do not make it negative. Raises KeyError as `add`."""
        histogram = self._histograms[name]
        (histogram.labels(*labels) if labels else histogram).observe(max(0.0, value))

    def read_from(self, source: Callable[[], Iterable[Sample]]) -> None:
        """Take the samples of metrics that are read from here, whenever they are asked for, by any thread."""
        self._sources.append(source)

    def collect(self) -> Iterable[Family]:
        """Return the metrics that are read: called by the registry."""
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {
            metric.name: (CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily)(
                metric.name, metric.help, labels=metric.labels
            )
            for metric in self._declared.values()
            if metric.read
        }
        for source in self._sources:
            for name, labels, value in source():
                families[name].add_metric(labels, value)
        return families.values()

    def text(self) -> bytes:
        """Return everything in Prometheus' text format (CONTENT_TYPE)."""
        return generate_latest(self._registry)
