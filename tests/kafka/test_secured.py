"""A Kafka that asks who we are: TLS, SCRAM, client certificates; and what is said when it refuses us."""

from dataclasses import replace

import pytest

from streams.kafka import topics
from streams.kafka.clients import options
from streams.kafka.errors import BrokerError, UnreachableError
from streams.kafka.publisher import Publisher
from tests.fixtures.servers.process import wait_until
from tests.kafka.broker import Records, ids, line, running, settings_for

WRONG = "wrong password"


@pytest.fixture
def secured(own_kafka):
    return own_kafka(secured=True)


def by_password(broker, **more):
    login = {
        "protocol": "SASL_SSL",
        "user": broker.user,
        "password": broker.password,
        "ca": str(broker.certificates.ca),
    }
    return settings_for(broker.sasl_servers, **login | more)


def by_certificate(broker, **more):
    files = broker.certificates
    paths = {"ca": str(files.ca), "certificate": str(files.client), "key": str(files.client_key)}
    return settings_for(broker.ssl_servers, protocol="SSL", **paths | more)


def test_a_password_over_tls_and_a_client_certificate_are_let_in_and_others_are_told_why(
    secured, caplog, capfd, monkeypatch
):
    caplog.set_level("DEBUG")
    monkeypatch.setattr("streams.kafka.clients._BOOTSTRAP_S", 4.0)
    known = by_password(secured)
    topics.create(known.kafka, 2)
    assert [topic.problems() for topic in topics.listed(by_certificate(secured).kafka)] == [[]] * 8
    with Publisher(known) as publisher:
        publisher.publish(line(1))
    with Publisher(by_certificate(secured)) as publisher:
        publisher.publish(line(2))
    there = Records(settings_for(secured.servers).kafka)
    there.write("events.in", line(3))
    there.close()
    with running(known) as gateway:
        wait_until(lambda: gateway.state.events == 1, 60, "the event")
    assert set(ids(there.frames())) == {"e-1", "e-2", "e-3"}

    for wrong, error, said in [
        (
            by_password(secured, password=WRONG),
            BrokerError,
            "refuses the user 'journey' .*JOURNEY_KAFKA_PASSWORD",
        ),
        (by_password(secured, user="nobody"), BrokerError, "refuses the user 'nobody'"),
        (by_password(secured, mechanism="SCRAM-SHA-256"), BrokerError, "JOURNEY_KAFKA_MECHANISM"),
        (by_password(secured, ca=""), UnreachableError, "certificate verify failed"),
        (by_certificate(secured, certificate="", key=""), UnreachableError, "SSL"),
        (
            replace(known, kafka=replace(known.kafka, protocol="PLAINTEXT")),
            UnreachableError,
            "JOURNEY_KAFKA_PROTOCOL",
        ),
    ]:
        with pytest.raises(error, match=said):
            Publisher(wrong)
    with pytest.raises(BrokerError, match="refuses the user"), running(by_password(secured, password=WRONG)):
        pass
    out, err = capfd.readouterr()
    for text in (caplog.text, out, err):
        assert secured.password not in text
        assert WRONG not in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"protocol": "SASL_SSL"}, "needs JOURNEY_KAFKA_USER and JOURNEY_KAFKA_PASSWORD"),
        ({"protocol": "SASL_PLAINTEXT", "user": "u"}, "needs JOURNEY_KAFKA_USER and JOURNEY_KAFKA_PASSWORD"),
        ({"protocol": "SSL", "ca": "/no/such.pem"}, "JOURNEY_KAFKA_CA = /no/such.pem: .*No such file"),
        ({"protocol": "SSL", "ca": __file__}, "JOURNEY_KAFKA_CA = .*: not a file of certificates"),
        ({"protocol": "SSL", "certificate": "/no/such.pem"}, "JOURNEY_KAFKA_CERTIFICATE = /no/such.pem"),
    ],
)
def test_settings_that_cannot_work_are_said_before_anything_is_sent(more, said):
    with pytest.raises(BrokerError, match=said):
        options(settings_for("127.0.0.1:1", **more).kafka)


def test_the_password_is_not_shown_where_options_are():
    known = settings_for("127.0.0.1:1", protocol="SASL_PLAINTEXT", user="u", password=WRONG)
    assert WRONG not in repr(options(known.kafka))
    assert WRONG not in repr(known)
