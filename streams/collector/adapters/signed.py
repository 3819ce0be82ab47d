"""Reads what a provider signed, and the signatures that it gave, as the table `[signature]` of a mapping describes them."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from schemas.webhook_signature import SignatureForm
from streams.collector.adapters import Request, Unverified

__all__ = ["Signed", "decoded", "described", "from_hex"]

_MOST_GIVEN = 8  # signatures of one delivery that are looked at
_FIELDS = 100  # of a form


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature as it came: over what, by which hash, the signatures given, and the time that is signed, if any."""

    text: bytes
    given: Sequence[bytes]
    hash: str = "sha256"
    time: str = ""


def described(form: SignatureForm, request: Request, url: str) -> Signed:
    """Return what a form says is signed, and the signatures; `url` is the address as its provider knows it.

    Raises
    ------
    Unverified
        The address is signed and not set, or the fields of a form are and the body has none.
    """
    time = _first(request, form.time, form.time_field) if form.time else ""
    if not url and any(name == "url" for name, _ in form.over):
        raise Unverified(
            "the address that the provider signs is not set; deploy/docs/guide/webhooks.md says how to set it"
        )
    values = {
        "body": request.body,
        "time": time.encode(),
        "url": url.encode(),
        "method": request.method.encode(),
    }
    text = b"".join(
        _form_text(request.body) if name == "form" else values[name] if name else said.encode()
        for name, said in form.over
    )
    read = from_hex if form.encoding == "hex" else decoded
    given = [
        read(word.removeprefix(form.prefix))
        for word in _all(request, form.header, form.field)
        if word.startswith(form.prefix)
    ]
    return Signed(text, given, form.hash, (time or "?") if form.time else "")


def _first(request: Request, header: str, field: str) -> str:
    return next(iter(_all(request, header, field)), "")


def _all(request: Request, header: str, field: str) -> list[str]:
    """Return a header, or what a list `name=value,name=value` in it has under a name."""
    value = request.headers.get(header, "").strip()
    if not field:
        return [value]
    pairs = [one.strip().partition("=") for one in value.split(",")]
    return [word for name, _, word in pairs if name == field][:_MOST_GIVEN]


def _form_text(body: bytes) -> bytes:
    """Return names and values of a form, in the order of the names."""
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        raise Unverified("the signature is over a form, and the body is none") from None
    return "".join(name + value for name, value in sorted(fields)).encode()


def decoded(text: str) -> bytes:
    """Return what base64 says, nothing where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def from_hex(text: str) -> bytes:
    """Return what hexadecimal digits say, nothing where it is none."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
