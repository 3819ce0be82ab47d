"""Verifies webhooks: the provider's signature over the body, compared in constant time; by the scheme that its mapping names."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from schemas.webhook_signature import SignatureForm
from streams.clock import from_us
from streams.collector.adapters import Request, Unverified
from streams.collector.adapters.public_keys import is_signed_by
from streams.collector.adapters.signed import Signed, decoded, described, from_hex
from streams.collector.adapters.times import moment
from streams.text.digits import whole_number

__all__ = ["WINDOW", "Secrets", "verify"]

WINDOW = timedelta(minutes=5)  # how far a signed time may be from our clock
_STANDARD_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Secrets:
    """The signing secrets of a provider; several while they are changed. `url` is the address as the provider knows it, where it signs that too."""

    secrets: tuple[str, ...] = ()
    url: str = ""


def verify(form: SignatureForm, request: Request, secrets: Secrets) -> bytes | None:
    """Return the id of this delivery, by which a replay is found; None where its time is not signed.

    Raises
    ------
    Unverified
        No secret is set, the signature is missing or wrong, or its time is too old: five minutes, or what the form says.
    """
    if form.scheme == "none":
        return None
    if not secrets.secrets:
        raise Unverified(
            "no secret is set for this webhook; deploy/docs/guide/webhooks.md says how to set it"
        )
    read = _SCHEMES.get(form.scheme)
    signed = read(request, secrets) if read else described(form, request, secrets.url)
    if not (
        is_signed_by(secrets.secrets, signed) if form.scheme == "ecdsa" else _is_ours(form, signed, secrets)
    ):
        raise Unverified("the signature is missing or wrong")
    if not signed.time:
        return None
    seconds = whole_number(signed.time)
    at = moment(signed.time if seconds is None else seconds)
    now, oldest = from_us(request.received_us), timedelta(seconds=form.max_age_s)
    if at is None or at - now > WINDOW or now - at > oldest:
        raise Unverified(f"signed more than {form.max_age_s // 60} minutes from our clock")
    return hashlib.sha256(signed.text + secrets.secrets[0].encode()).digest()


def _is_ours(form: SignatureForm, signed: Signed, secrets: Secrets) -> bool:
    keys = [_key(form.scheme, secret) for secret in secrets.secrets]
    made = [hmac.new(key, signed.text, signed.hash).digest() for key in keys]
    # Every pair is compared, whichever fits: how long it takes tells nothing.
    return bool(sum([hmac.compare_digest(one, other) for one in made for other in signed.given]))


def _key(scheme: str, secret: str) -> bytes:
    if scheme == "standard":
        return decoded(secret.removeprefix(_STANDARD_PREFIX)) or secret.encode()
    return secret.encode()


def _standard(request: Request, _: Secrets) -> Signed:
    """Read https://www.standardwebhooks.com: several signatures while a secret is changed."""
    name, time = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    given = [
        decoded(word.removeprefix("v1,"))
        for word in request.headers.get("webhook-signature", "").split(" ")[:8]
        if word.startswith("v1,")
    ]
    return Signed(f"{name}.{time}.".encode() + request.body, given, time=time or "?")


def _zendesk(request: Request, _: Secrets) -> Signed:
    time = request.headers.get("x-zendesk-webhook-signature-timestamp", "")
    given = decoded(request.headers.get("x-zendesk-webhook-signature", ""))
    return Signed(time.encode() + request.body, [given], time=time or "?")


def _shopify(request: Request, _: Secrets) -> Signed:
    return Signed(request.body, [decoded(request.headers.get("x-shopify-hmac-sha256", ""))])


def _square(request: Request, secrets: Secrets) -> Signed:
    if not secrets.url:
        raise Unverified(
            "the address that Square signs is not set; deploy/docs/guide/webhooks.md says how to set it"
        )
    given = decoded(request.headers.get("x-square-hmacsha256-signature", ""))
    return Signed(secrets.url.encode() + request.body, [given])


def _intercom(request: Request, _: Secrets) -> Signed:
    given = from_hex(request.headers.get("x-hub-signature", "").removeprefix("sha1="))
    return Signed(request.body, [given], "sha1")


def _lightspeed(request: Request, _: Secrets) -> Signed:
    parts = [part.strip() for part in request.headers.get("x-signature", "").split(",")]
    given = [from_hex(part.removeprefix("signature=")) for part in parts if part.startswith("signature=")]
    return Signed(request.body, given)


_SCHEMES: dict[str, Callable[[Request, Secrets], Signed]] = {
    "intercom": _intercom,
    "lightspeed": _lightspeed,
    "shopify": _shopify,
    "square": _square,
    "standard": _standard,
    "zendesk": _zendesk,
}
