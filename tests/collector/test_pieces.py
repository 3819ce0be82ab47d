"""The collector's small parts: buckets of tokens, the memory of events, addresses, depth, pointers, settings."""

import json
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.collector.adapters import Item, Request
from streams.collector.client import address_of, presented
from streams.collector.cloudevents_http import items
from streams.collector.committer import SubmissionOutcome
from streams.collector.grants import with_brand
from streams.collector.rates import Rates
from streams.collector.recent import Recent
from streams.collector.results import body_of, results_of
from streams.edge import Refused
from streams.http.problems import PROBLEMS, Problem
from streams.settings import Settings, SettingsError
from streams.text.json_parts import depth


@given(
    per_s=st.floats(0.5, 1_000),
    asked=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 50)), min_size=1, max_size=60),
)
def test_over_any_time_no_more_is_given_than_a_full_bucket_and_the_rate(per_s, asked):
    rates, now_s, given_out, largest = Rates(10), 0.0, 0.0, max(amount for _, amount in asked)
    for pause_s, amount in asked:
        now_s += pause_s
        if not rates.take("key", amount, per_s, now_s):
            given_out += amount
    assert given_out <= per_s * (2 + now_s) + largest


@given(per_s=st.floats(0.5, 100), amount=st.integers(1, 500))
def test_who_waits_as_long_as_told_is_served(per_s, amount):
    rates, now_s = Rates(10), 0.0
    rates.take("key", amount, per_s, now_s)
    while wait_s := rates.take("key", amount, per_s, now_s):
        assert wait_s >= 1
        now_s += wait_s
    assert now_s <= 4 + (2 * amount) / per_s


def test_buckets_are_bounded_and_no_rate_is_no_limit():
    rates = Rates(100)
    for name in range(1_000):
        rates.take(name, 1, 1, 0.0)
    assert len(rates._buckets) == 100
    assert not any(rates.take("free", 10**9, 0, 0.0) for _ in range(10))


@given(st.lists(st.binary(min_size=1, max_size=2), max_size=300), st.integers(2, 50))
def test_recent_events_are_remembered_between_a_half_and_all_of_them(keys, most):
    recent = Recent(most)
    for key in keys:
        recent.add([key])
    assert len(recent) <= most
    last = list(dict.fromkeys(reversed(keys)))[: most // 2]
    assert all(key in recent for key in last[: max(1, len(last) // 2)])
    assert not any(key in recent for key in (b"", b"three"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "1.2.3.4, 198.51.100.1, 10.0.0.3", "198.51.100.1"),
        ("10.0.0.2", "nonsense", "10.0.0.2"),
        ("10.0.0.2", "198.51.100.1, <script>", "10.0.0.2"),
        ("", "198.51.100.1", ""),
        ("::1", "2001:db8::5", "2001:db8::5"),
    ],
)
def test_only_our_proxies_are_believed(peer, forwarded, address):
    assert address_of(peer, forwarded, [ip_network("10.0.0.0/8"), ip_network("::1")]) == address


@given(
    st.dictionaries(st.sampled_from(["authorization", "x-write-key"]), st.text(max_size=40)),
    st.text(max_size=10),
)
def test_any_credentials_are_read_without_an_error(headers, query):
    assert isinstance(presented(headers, {"writeKey": query}), str)


@given(st.recursive(st.none() | st.integers() | st.text("abc", max_size=3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)))  # fmt: skip
def test_depth_is_that_of_the_deepest_value(value):
    def deepest(part):
        parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else None
        return 0 if parts is None else 1 + max((deepest(each) for each in parts), default=0)

    assert depth(json.dumps(value).encode()) == deepest(value)


def read(body, **headers):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return [item.line for item in items(Request("/v1/events", "POST", given, {}, body, "", 0))]


def test_binary_mode_is_put_together_as_a_tree():
    headers = {"ce_id": 'a","type":"x.y', "ce_source": "s%20t", "ce_type": "web.click", "ce_time": "2026-10-17T00:00:00Z", "ce_specversion": "1.0", "ce_data": "no"}  # fmt: skip
    (line,) = read(b'{"brand":"b"}', content_type="application/json", **headers)
    assert json.loads(line) == {
        "id": 'a","type":"x.y', "source": "s t", "type": "web.click", "time": "2026-10-17T00:00:00Z",
        "specversion": "1.0", "datacontenttype": "application/json", "data": {"brand": "b"},
    }  # fmt: skip


@pytest.mark.parametrize("value", ["%ff", "\xff"])
def test_a_header_that_is_no_text_is_none_in_the_event(value):
    (line,) = read(b"{}", ce_id=value)
    assert json.loads(line)["id"] is False


def test_events_of_a_batch_stay_as_they_were_sent():
    parts = [b'{"a" : 1.10, "b":"\\u00e9"}', b" 5", b'"x"', b"[1, 2]"]
    assert read(b"[" + b",".join(parts) + b"]", content_type="application/json") == [
        part.strip() for part in parts
    ]
    assert read(b"\n".join(parts) + b"\r\n\r\n", content_type="application/x-ndjson") == [
        part.strip() for part in parts
    ]


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_a_brand_is_given_to_events_alone(line):
    assert with_brand(line, "lumiere") == line


@pytest.mark.parametrize(
    ("line", "brand"),
    [
        (b'{"data":{}}', "lumiere"),
        (b'{"data":{"brand":"other"}}', "other"),
        (b'{"data":{"br\\u0061nd":"other"}}', "other"),
        (b'{"data":{"brand":null}}', None),
        (b'{"data":{"properties":{"brand":"other"}}}', "lumiere"),
    ],
)
def test_a_brand_is_given_where_there_is_none(line, brand):
    assert json.loads(with_brand(line, "lumiere"))["data"]["brand"] == brand


def test_results_say_where_in_the_body():
    made = [Item(b"x", "/batch/0"), Item(None, "/batch/1", "missing_field", "no"), Item(b"x", "")]
    refused = {0: Refused("bad_value", "/data/rating: no"), 1: Refused("missing_field", "/batch/1: no"), 2: Refused("not_json", "/: no")}  # fmt: skip
    results = results_of(made, SubmissionOutcome([0, 0, 0], refused))
    assert [(each.pointer, each.detail) for each in results] == [
        ("/batch/0/data/rating", "no"), ("/batch/1", "no"), ("", "no"),
    ]  # fmt: skip
    assert json.loads(body_of(results))["rejected"] == 3
    assert json.loads(body_of(results_of(made, SubmissionOutcome([0, 1, 0], {}))))["duplicates"] == 1


def test_every_problem_is_problem_details():
    for code, (status, title) in PROBLEMS.items():
        problem = Problem(code, "what to do", retry_s=3)
        told = json.loads(problem.body)
        assert (told["status"], told["title"], told["type"]) == (status, title, f"urn:journey:problem:{code}")
        assert problem.headers["retry-after"] == "3"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "collector.example"])  # noqa: S104 — refused
def test_keys_never_cross_the_network_in_the_clear(monkeypatch, host):
    monkeypatch.setenv("JOURNEY_COLLECTOR_HOST", host)
    with pytest.raises(SettingsError, match="JOURNEY_COLLECTOR_PROXIES"):
        Settings.read()
    monkeypatch.setenv("JOURNEY_COLLECTOR_PROXIES", "10.0.0.0/8, ::1")
    assert len(Settings.read().collector.proxies) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"), ("PORT", "http"), ("PROXIES", "everybody"), ("PROXIES", "10.0.0.1/8"),
        ("ADDRESS_RATE", "-1"), ("ADDRESS_RATE", "nan"), ("CERTIFICATE", "only.pem"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named(monkeypatch, name, value):
    monkeypatch.setenv(f"JOURNEY_COLLECTOR_{name}", value)
    with pytest.raises(SettingsError, match=f"JOURNEY_COLLECTOR_{name}"):
        Settings.read()
