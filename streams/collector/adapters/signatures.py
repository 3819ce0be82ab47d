"""Verifies webhooks: the provider's signature over the body, compared in constant time."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from streams.clock import from_us
from streams.collector.adapters import Request, Unverified
from streams.collector.adapters.times import moment
from streams.text.digits import whole_number

__all__ = ["WINDOW", "Secrets", "verify"]

WINDOW = timedelta(minutes=5)  # how far a signed time may be from our clock
_STANDARD_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Secrets:
    """The signing secrets of a provider; several while they are changed. `url` is the address that Square signs too."""

    secrets: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class _Signed:
    """A signature as it came: over what, by which hash, the signatures given, and the time that is signed, if any."""

    text: bytes
    given: Sequence[bytes]
    hash: str = "sha256"
    time: str = ""


def verify(scheme: str, request: Request, secrets: Secrets) -> bytes | None:
    """Return the id of this delivery, by which a replay is found; None where its time is not signed.

    Raises
    ------
    Unverified
        No secret is set, the signature is missing or wrong, or its time is more than five minutes from our clock.
    """
    if scheme == "none":
        return None
    if not secrets.secrets:
        raise Unverified(
            "no secret is set for this webhook; deploy/docs/guide/adapters.md says how to set it"
        )
    signed = _SCHEMES[scheme](request, secrets)
    keys = [_key(scheme, secret) for secret in secrets.secrets]
    made = [hmac.new(key, signed.text, signed.hash).digest() for key in keys]
    # Every pair is compared, whichever fits: how long it takes tells nothing.
    if not sum([hmac.compare_digest(one, other) for one in made for other in signed.given]):
        raise Unverified("the signature is missing or wrong")
    if not signed.time:
        return None
    seconds = whole_number(signed.time)
    at = moment(signed.time if seconds is None else seconds)
    if at is None or abs(from_us(request.received_us) - at) > WINDOW:
        raise Unverified(f"signed more than {WINDOW.seconds // 60} minutes from our clock")
    return hashlib.sha256(signed.text + made[0]).digest()


def _key(scheme: str, secret: str) -> bytes:
    if scheme == "standard":
        return _decoded(secret.removeprefix(_STANDARD_PREFIX)) or secret.encode()
    return secret.encode()


def _standard(request: Request, _: Secrets) -> _Signed:
    """Read https://www.standardwebhooks.com: several signatures while a secret is changed."""
    name, time = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    given = [
        _decoded(word.removeprefix("v1,"))
        for word in request.headers.get("webhook-signature", "").split(" ")[:8]
        if word.startswith("v1,")
    ]
    return _Signed(f"{name}.{time}.".encode() + request.body, given, time=time or "?")


def _zendesk(request: Request, _: Secrets) -> _Signed:
    time = request.headers.get("x-zendesk-webhook-signature-timestamp", "")
    given = _decoded(request.headers.get("x-zendesk-webhook-signature", ""))
    return _Signed(time.encode() + request.body, [given], time=time or "?")


def _shopify(request: Request, _: Secrets) -> _Signed:
    return _Signed(request.body, [_decoded(request.headers.get("x-shopify-hmac-sha256", ""))])


def _square(request: Request, secrets: Secrets) -> _Signed:
    if not secrets.url:
        raise Unverified(
            "the address that Square signs is not set; deploy/docs/guide/adapters.md says how to set it"
        )
    given = _decoded(request.headers.get("x-square-hmacsha256-signature", ""))
    return _Signed(secrets.url.encode() + request.body, [given])


def _intercom(request: Request, _: Secrets) -> _Signed:
    given = _from_hex(request.headers.get("x-hub-signature", "").removeprefix("sha1="))
    return _Signed(request.body, [given], "sha1")


def _lightspeed(request: Request, _: Secrets) -> _Signed:
    parts = [part.strip() for part in request.headers.get("x-signature", "").split(",")]
    given = [_from_hex(part.removeprefix("signature=")) for part in parts if part.startswith("signature=")]
    return _Signed(request.body, given)


_SCHEMES: dict[str, Callable[[Request, Secrets], _Signed]] = {
    "intercom": _intercom,
    "lightspeed": _lightspeed,
    "shopify": _shopify,
    "square": _square,
    "standard": _standard,
    "zendesk": _zendesk,
}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
