"""Parses and validates receivers: their kind, address and secret, and which alerts each of them gets."""

import base64
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from journey.alerts import SEVERITIES
from streams.alerts.delivery.addresses import AddressError, checked
from streams.alerts.ledger import StoredChange

__all__ = ["Receiver", "check_http"]

_HTTP = {"webhook", "slack", "alertmanager"}
_NEEDS = {"email": ("host", "sender", "to")}


class Receiver(BaseModel):
    """A receiver of alerts. `url` and `secret` may be ``$NAME``: the value of that environment variable."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    kind: Literal["webhook", "slack", "alertmanager", "email", "apprise"]
    url: Annotated[str, Field(repr=False)] = ""
    secret: Annotated[str, Field(repr=False)] = ""
    """Of a webhook: one or two (rotation) of Standard Webhooks' secrets, whsec_…, apart by a space. E-mail: the password."""
    headers: Annotated[dict[str, str], Field(repr=False)] = {}
    private: bool = False
    severity: Literal["notice", "warning", "critical"] = "notice"
    brands: frozenset[str] = frozenset()
    directions: frozenset[Literal["for", "against"]] = frozenset()
    """Of spikes; both where it is empty."""
    rules: frozenset[str] | None = None
    """Names of the rules whose alerts it gets; all of them where it is not given."""
    keep_hours: Annotated[float, Field(gt=0, le=720)] = 72
    host: str = ""
    port: Annotated[int, Field(gt=0, le=65_535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "email":
            if missing := [key for key in _NEEDS["email"] if not getattr(self, key)]:
                raise ValueError(f"an e-mail receiver needs {' and '.join(missing)}")
        elif not self.url:
            raise ValueError(f"url: a receiver of kind {self.kind} needs one")
        if self.kind in _HTTP:
            check_http(
                self.url,
                self.secret if self.kind == "webhook" else None,
                self.headers,
                private=self.private,
            )
        else:
            _check_headers(self.headers)
        return self

    def wants(self, told: StoredChange) -> bool:
        """Return whether a change is for this receiver."""
        alert = told.change.alert
        return (
            not told.silenced
            and SEVERITIES.index(alert.severity) >= SEVERITIES.index(self.severity)
            and (not self.brands or alert.brand in self.brands)
            and (
                (self.rules is None or alert.direction in self.rules)
                if alert.is_of_rule
                else (not self.directions or alert.direction in self.directions)
            )
        )


def check_http(url: str, secret: str | None, headers: Mapping[str, str], *, private: bool) -> None:
    """Check what an HTTP receiver needs; `secret` is None where it signs nothing. Raises ValueError with the key."""
    try:
        checked(url, private=private)
    except AddressError as error:
        raise ValueError(f"url: {error}") from error
    if secret is not None and not all(map(_is_secret, secret.split() or [""])):
        raise ValueError(
            "secret: must be whsec_ and at least 24 bytes in base64: `openssl rand -base64 32`; two are apart by a space"
        )
    _check_headers(headers)


def _is_secret(text: str) -> bool:
    found = re.fullmatch(r"whsec_([A-Za-z0-9+/]{32,}={0,2})", text)
    try:
        return found is not None and bool(base64.b64decode(found[1]))
    except ValueError:
        return False


def _check_headers(headers: Mapping[str, str]) -> None:
    if wrong := [text for text in (*headers, *headers.values()) if "\r" in text or "\n" in text]:
        raise ValueError(f"headers: {len(wrong)} of them have a line break")
    latin_1 = 256  # as HTTP has them; names are of ASCII
    if wrong := [
        name for name, text in headers.items() if not name.isascii() or any(ord(c) >= latin_1 for c in text)
    ]:
        raise ValueError(f"headers: {len(wrong)} of them have characters that HTTP cannot send")
