"""Sends a change to a receiver, with one sender for each kind; each sends once, or raises with the reason."""

import base64
import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Any

from journey.alerts import SEVERITIES
from streams.alerts.delivery.addresses import AddressError, checked, resolve
from streams.alerts.delivery.http import DeliveryRefusedError, NotDeliveredError, post
from streams.alerts.delivery.message import document, headline, message_id, text
from streams.alerts.delivery.picture import picture
from streams.alerts.delivery.receivers import Receiver
from streams.alerts.ledger import StoredChange
from streams.clock import Clock, from_us

__all__ = ["Send", "sender", "signature", "signed"]

Send = Callable[[StoredChange], None]  # raises NotDeliveredError or RefusedError
_TIME_S = 15
_US = 1_000_000
_MAIL_CLASS_PERMANENT = 500
_COLOURS = {"notice": "#888888", "warning": "#e0a000", "critical": "#c00000"}
_PICTURE = "people.png"
_TEST_US = 5 * 60 * _US
_FIRST = {"opened", "acknowledged"}  # changes with the severity that was sent last, if any was
_STANDS_US = 7 * 86_400 * _US  # for Alertmanager, unless it is told before that an alert is over


def sender(receiver: Receiver, clock: Clock) -> Send:
    """Return what sends to a receiver."""
    makes: dict[str, Callable[[Receiver, Clock], Send]] = {
        "webhook": _webhook,
        "slack": _slack,
        "alertmanager": _alertmanager,
        "email": _email,
        "apprise": _apprise,
    }
    return makes[receiver.kind](receiver, clock)


def signature(secret: str, identity: str, timestamp_s: int, body: bytes) -> str:
    """Return the header webhook-signature of Standard Webhooks, one signature for each of the secrets."""
    signed = b".".join((identity.encode(), str(timestamp_s).encode(), body))
    keys = [base64.b64decode(one.removeprefix("whsec_")) for one in secret.split()]
    return " ".join(
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys
    )


def signed(secret: str, identity: str, body: bytes, clock: Clock) -> dict[str, str]:
    """Return the headers of Standard Webhooks for a body that is sent now."""
    now_s = clock() // _US
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(now_s),
        "webhook-signature": signature(secret, identity, now_s, body),
    }


def _poster(receiver: Receiver, url: str) -> Callable[[bytes, Mapping[str, str]], None]:
    target = checked(url, private=receiver.private)

    def send(body: bytes, headers: Mapping[str, str]) -> None:
        more = {"content-type": "application/json", **receiver.headers, **headers}
        try:
            post(target, body, more, private=receiver.private)
        except AddressError as error:  # a name may lead elsewhere tomorrow
            raise NotDeliveredError(str(error)) from error

    return send


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _webhook(receiver: Receiver, clock: Clock) -> Send:
    send_body = _poster(receiver, receiver.url)

    def send(told: StoredChange) -> None:
        body = _json(document(told))
        send_body(body, signed(receiver.secret, message_id(told), body, clock))

    return send


def _slack(receiver: Receiver, _: Clock) -> Send:
    send_body = _poster(receiver, receiver.url)

    def send(told: StoredChange) -> None:
        colour = _COLOURS[told.change.alert.severity] if told.change.alert.open else "#30a030"
        said = _plain(text(told))
        shown = {"color": colour, "text": said, "fallback": said}
        if url := told.reason.get("picture"):
            shown["image_url"] = url
        send_body(_json({"text": _plain(headline(told)), "attachments": [shown]}), {})

    return send


def _plain(said: str) -> str:
    """Return text that Slack shows as it is: names from events make no links and call nobody."""
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _alertmanager(receiver: Receiver, clock: Clock) -> Send:
    send_body = _poster(receiver, receiver.url.rstrip("/") + "/api/v2/alerts")

    def send(told: StoredChange) -> None:
        alert = told.change.alert
        labels = {
            "alertname": "StageAlert" if alert.is_of_rule else "AdvocacySpike",
            "alert": alert.id,
            "brand": alert.brand,
        } | (
            {"rule": alert.direction, "label": alert.scope.value}
            if alert.is_of_rule
            else {"direction": alert.direction}
        )
        is_test = bool(told.reason.get("is_test"))
        if is_test:
            labels["alertname"] = "JourneyTest"
        ends = clock() + (_TEST_US if is_test else _STANDS_US) if alert.open else told.change.at_us
        said = {
            "annotations": {"summary": headline(told), "description": text(told), "severity": alert.severity},
            "startsAt": from_us(alert.since_us).isoformat(),
            **({"generatorURL": link} if (link := told.reason.get("link")) else {}),
        }

        def under(severity: str, until_us: int) -> dict[str, Any]:
            named = labels | {"severity": severity}
            return said | {
                "labels": {name: value for name, value in named.items() if value},
                "endsAt": from_us(max(until_us, alert.since_us)).isoformat(),
            }

        # The severity is one of the labels, by which Alertmanager knows an alert: under a former one it has ended.
        former = [] if told.change.what in _FIRST else [each for each in SEVERITIES if each != alert.severity]
        send_body(
            _json([under(alert.severity, ends), *(under(each, told.change.at_us) for each in former)]), {}
        )

    return send


def _email(receiver: Receiver, clock: Clock) -> Send:
    def send(told: StoredChange) -> None:
        try:
            address = resolve(receiver.host, receiver.port, private=receiver.private)
            _mail(receiver, address, _letter(receiver, told))
        except AddressError as error:
            raise NotDeliveredError(str(error)) from error
        except smtplib.SMTPResponseException as error:
            if error.smtp_code >= _MAIL_CLASS_PERMANENT and not isinstance(
                error, smtplib.SMTPAuthenticationError
            ):
                raise DeliveryRefusedError(f"SMTP {error.smtp_code}") from error
            raise NotDeliveredError(f"SMTP {error.smtp_code}") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise NotDeliveredError("every recipient was refused") from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotDeliveredError(type(error).__name__) from error

    del clock
    return send


def _letter(receiver: Receiver, told: StoredChange) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"] = receiver.sender, ", ".join(receiver.to)
    letter["Subject"] = " ".join(headline(told).split())
    letter["Message-ID"] = f"<{message_id(told)}@journey.invalid>"
    letter["References"] = f"<alert-{told.change.alert.id}@journey.invalid>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text(told))
    if (png := picture(told)) is not None:
        letter.add_attachment(png, maintype="image", subtype="png", filename=_PICTURE)
    return letter


class _Pinned(smtplib.SMTP):
    """SMTP to an address that was checked, with the certificate of the name."""

    def __init__(self, host: str, address: str, port: int) -> None:
        super().__init__(timeout=_TIME_S)
        self.connect(address, port)
        self._host = host  # which starttls checks the certificate against


class _PinnedTls(smtplib.SMTP_SSL):
    """The same over TLS from the start."""

    def __init__(self, host: str, address: str, port: int) -> None:
        super().__init__(timeout=_TIME_S, context=ssl.create_default_context())
        self._host = host
        self.connect(address, port)


def _mail(receiver: Receiver, address: str, letter: EmailMessage) -> None:
    kind = _PinnedTls if receiver.tls == "tls" else _Pinned
    with kind(receiver.host, address, receiver.port) as server:
        if receiver.tls == "starttls":
            server.starttls(context=ssl.create_default_context())
        if receiver.user:
            server.login(receiver.user, receiver.secret)
        server.send_message(letter)


def _apprise(receiver: Receiver, _: Clock) -> Send:
    try:
        import apprise  # noqa: PLC0415 - an extra
        from apprise.attachment.memory import AttachMemory  # noqa: PLC0415
    except ImportError as error:
        raise AddressError(
            f"receiver {receiver.name!r}: apprise is not there: pip install apprise"
        ) from error
    attached: Callable[..., Any] = AttachMemory
    service = apprise.Apprise()
    if not service.add(receiver.url):
        raise AddressError(f"receiver {receiver.name!r}: url: no service that Apprise knows")
    kinds = {"notice": "info", "warning": "warning", "critical": "failure"}

    def send(told: StoredChange) -> None:
        kind = kinds[told.change.alert.severity] if told.change.alert.open else "success"
        said: dict[str, Any] = {"title": headline(told), "body": text(told), "notify_type": kind}
        png = picture(told)
        shown = attached(content=png, name=_PICTURE, mimetype="image/png") if png else None
        if shown is not None and service.notify(**said, attach=shown):
            return
        # Without a picture, or of a service that refuses this one: it must not be refused for ever.
        if not service.notify(**said):
            raise NotDeliveredError("the service did not take it")

    return send
