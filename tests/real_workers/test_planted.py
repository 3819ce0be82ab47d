"""No personal value that comes in, by whatever way, stands in a table, topic behind the edge, log or metric."""

import json
from contextlib import closing

from schemas.topics import EVENTS_IN
from streams.kafka.errors import InvalidEvent
from streams.kafka.publisher import Publisher
from tests.privacy.planted import PLANTED, RAW
from tests.privacy.traces import in_files, in_tables
from tests.real_workers.test_forget import records
from tests.telemetry.endpoint import Endpoint


def published(deployment) -> list[str]:
    """Publish one by one, as an application does; return what it is told of those that are refused."""
    told = []
    with Publisher(deployment.settings) as publisher:
        for line in PLANTED:
            try:
                publisher.publish(line)
            except InvalidEvent as error:
                told.append(str(error))
    return told


def test_what_is_planted_is_found_nowhere_behind_the_edge(deploy, tmp_path):
    deployment = deploy(partitions=2)
    source = tmp_path / "events.ndjson"
    source.write_bytes(b"\n".join(PLANTED))
    processes = [deployment.worker(), deployment.gateway()]
    said = [deployment.run("publish", "--raw", str(source)), deployment.run("publish", str(source))]
    said += [deployment.run("load", str(source)), *published(deployment)]
    deployment.settle()
    said += [deployment.run("dead-letters", "list", "--limit", "200"), deployment.run("verify")]
    said += [Endpoint(process).get(path)[1] for process in processes for path in ("/metrics", "/health")]
    assert not [one for one in RAW for text in said if one.decode() in text]
    assert in_files(deployment.folder, RAW) == []
    behind = {topic: values for topic, values in records(deployment).items() if topic != EVENTS_IN}
    assert {"interactions", "links", "evidence"} <= behind.keys()
    assert not [
        (topic, one) for topic, values in behind.items() for one in RAW if any(one in v for v in values)
    ]
    letters = {json.loads(value)["topic_offset"] for value in behind["dead-letters"]}
    with closing(deployment.store()) as store:
        (found,) = store.rows("SELECT count() AS n FROM dead_letters")
        assert found["n"] > len(PLANTED) / 2
        assert len(behind["dead-letters"]) >= found["n"]
        (places,) = store.rows("SELECT groupUniqArray(topic_offset) AS found FROM dead_letters")
        assert letters == set(places["found"])
        assert in_tables(store, RAW) == []
