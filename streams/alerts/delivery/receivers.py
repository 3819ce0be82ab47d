"""The file of receivers: who is told what, and where. A mistake in it names the key."""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from journey.alerts import SEVERITIES
from streams.alerts.delivery.addresses import AddressError, checked
from streams.alerts.ledger import Told
from streams.settings import SettingsError

__all__ = ["Receiver", "read"]

Secrets = Callable[[str], str]
_HTTP = {"webhook", "slack", "alertmanager"}
_NEEDS = {"email": ("host", "sender", "to")}


class Receiver(BaseModel):
    """One receiver. `url` and `secret` may be ``$NAME``: the value of that environment variable."""

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
    directions: frozenset[str] = frozenset()
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
            try:
                checked(self.url, private=self.private)
            except AddressError as error:
                raise ValueError(f"url: {error}") from error
        if self.kind == "webhook" and not all(
            re.fullmatch(r"whsec_[A-Za-z0-9+/]{32,}={0,2}", one) for one in self.secret.split() or [""]
        ):
            raise ValueError(
                "secret: must be whsec_ and at least 24 bytes in base64: `openssl rand -base64 32`; two are apart by a space"
            )
        if wrong := [
            text for text in (*self.headers, *self.headers.values()) if "\r" in text or "\n" in text
        ]:
            raise ValueError(f"headers: {len(wrong)} of them have a line break")
        return self

    def wants(self, told: Told) -> bool:
        """Tell whether a change is for this receiver."""
        alert = told.change.alert
        return (
            not told.silenced
            and SEVERITIES.index(alert.severity) >= SEVERITIES.index(self.severity)
            and (not self.brands or alert.brand in self.brands)
            and (not self.directions or alert.direction in self.directions)
        )


def read(path: Path, secret: Secrets) -> list[Receiver]:
    """Read the file: a table ``[[receiver]]`` each.

    Parameters
    ----------
    secret
        Returns the value of an environment variable, "" where there is none.

    Raises
    ------
    SettingsError
        The file cannot be used; the message names the receiver and the key.
    """
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"JOURNEY_ALERTS: {path}: {error}") from error
    entries = declared.pop("receiver", [])
    declared.pop("rule", None)  # of `streams.alerts.rules`
    if declared:
        raise SettingsError(f"{path}: {next(iter(declared))}: unknown; a receiver is a table [[receiver]]")
    receivers = [_receiver(path, number, entry, secret) for number, entry in enumerate(entries, 1)]
    names = [receiver.name for receiver in receivers]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(f"{path}: name: {min(twice)!r} is used twice")
    return receivers


def _receiver(path: Path, number: int, entry: Mapping[str, object], secret: Secrets) -> Receiver:
    where = f"{path}: receiver {entry.get('name', number)!r}"
    try:
        return Receiver.model_validate(
            {key: _filled(value, secret, where, key) for key, value in entry.items()}
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{where}: {f'{key}: ' if key else ''}{said}") from None


def _filled(value: object, secret: Secrets, where: str, key: str) -> object:
    """Return a value with variables of the environment in the place of $NAME."""
    if isinstance(value, dict):
        return {name: _filled(one, secret, where, f"{key}.{name}") for name, one in value.items()}
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if not (found := secret(value[1:])):
        raise SettingsError(f"{where}: {key}: the environment has no {value[1:]}")
    return found
