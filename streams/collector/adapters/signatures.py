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
    read = _READ.get(form.scheme)
    signed = read(request) if read else described(_NAMED.get(form.scheme, form), request, secrets.url)
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


def _standard(request: Request) -> Signed:
    """Read https://www.standardwebhooks.com: several signatures while a secret is changed."""
    name, time = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    given = [
        decoded(word.removeprefix("v1,"))
        for word in request.headers.get("webhook-signature", "").split(" ")[:8]
        if word.startswith("v1,")
    ]
    return Signed(f"{name}.{time}.".encode() + request.body, given, time=time or "?")


def _intercom(request: Request) -> Signed:
    given = from_hex(request.headers.get("x-hub-signature", "").removeprefix("sha1="))
    return Signed(request.body, [given], "sha1")


# What a mapping would describe so, under the provider's name.
_NAMED = {
    form.scheme: form
    for form in (
        SignatureForm("lightspeed", header="x-signature", field="signature"),
        SignatureForm("shopify", header="x-shopify-hmac-sha256", encoding="base64"),
        SignatureForm(
            "square",
            header="x-square-hmacsha256-signature",
            encoding="base64",
            over=(("url", ""), ("body", "")),
        ),
        SignatureForm(
            "zendesk",
            header="x-zendesk-webhook-signature",
            encoding="base64",
            over=(("time", ""), ("body", "")),
            time="x-zendesk-webhook-signature-timestamp",
        ),
    )
}
_READ: dict[str, Callable[[Request], Signed]] = {"intercom": _intercom, "standard": _standard}
