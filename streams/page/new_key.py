"""Makes a write key from the page, shown this once, and the snippets that send a first event with it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import timedelta

from schemas.event import MAX_NAME
from streams.clock import from_us
from streams.collector.presets import PRESETS, granted
from streams.collector.write_keys import KeyStore, WriteKey, made
from streams.page.markup import Markup, tag, together
from streams.page.scope import ScopeError

__all__ = ["USES", "OpenKeys", "new_key", "snippets"]

OpenKeys = Callable[[], KeyStore]
"""Opens the store of write keys, for the thread that calls."""

USES = {"server": "a back end", "browser": "a web page", "till": "a till"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?", re.ASCII)


def new_key(open_keys: OpenKeys, form: Mapping[str, str], now_us: int) -> str:
    """Make a write key as `journey keys write create` does, and return its secret, which is kept nowhere.

    Raises
    ------
    ScopeError
        The form asks for what cannot be; the message says what can.
    """
    name, brand, use, origin = (form.get(each, "").strip() for each in ("name", "for_brand", "use", "origin"))
    if not _NAME.fullmatch(name):
        raise ScopeError("name: letters, digits, dot, dash and underscore, at most 64")
    if not brand or len(brand) > MAX_NAME or brand == "*":
        raise ScopeError(f"brand: must have 1 to {MAX_NAME} characters")
    if use not in USES:
        raise ScopeError(f"for: must be one of {', '.join(USES)}")
    if PRESETS[use].needs_origin and not _ORIGIN.fullmatch(origin):
        raise ScopeError(
            "pages: must be such as https://shop.example, without a path: a web page's key is for these alone"
        )
    preset = PRESETS[use]
    origins = (origin,) if preset.needs_origin else ()
    grant = WriteKey(name, "", (brand,), granted(preset, (), may_link=None), (), origins, preset.per_s)
    with closing(open_keys()) as store:
        if any(key.name == name and key.holds(now_us) for key in store.read()):
            raise ScopeError(
                "name: there is a key of that name; choose another, or rotate it with journey keys write"
            )
        secret, key = made(grant, now_us)
        store.write([key])
    return secret


def snippets(secret: str, form: Mapping[str, str], url: str, now_us: int) -> Markup:
    """Return the secret and what sends a first event with it, for the use that was asked for."""
    use, brand = form["use"].strip(), form["for_brand"].strip()
    texts = [(label, text) for of, label, text in _texts(secret, brand, url, now_us) if use in of]
    return tag(
        "section",
        tag("h2", "Your key"),
        tag(
            "p",
            "It is shown this once, and only its hash is kept. The first event appears below within a second or two.",
        ),
        tag("pre", tag("code", secret), class_="sql", tabindex="0", role="region", aria_label="Key"),
        [
            together(
                [
                    tag("h3", label),
                    tag(
                        "pre", tag("code", text), class_="sql", tabindex="0", role="region", aria_label=label
                    ),
                ]
            )
            for label, text in texts
        ],
        class_="panel",
        id="key",
    )


def _texts(secret: str, brand: str, url: str, now_us: int) -> Sequence[tuple[tuple[str, ...], str, str]]:
    now = from_us(now_us) - timedelta(seconds=1)
    data = {"brand": brand, "product": "popcorn", "amount": 8.9, "currency": "EUR"}
    at = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    bought = {
        "id": "1", "source": "https://shop.example", "type": "web.purchase", "time": at,
        "data": data | {"handles": {"email": "ann@shop.example"}},
    }  # fmt: skip
    sold = {
        "id": "1", "source": "https://shop.example/till/7", "type": "store.purchase", "time": at,
        "data": data | {"handles": {"loyalty": "LUM-100482"}, "place": "main-street"},
    }  # fmt: skip
    event = json.dumps(sold, ensure_ascii=False)
    curl = "curl -u '{key}:' -H 'Content-Type: application/json' -d '{body}' {url}/v1/events"
    seen = f"""fetch("{url}/v1/events", {{
  method: "POST", keepalive: true,
  headers: {{ "Content-Type": "application/json", "Authorization": "Bearer {secret}" }},
  body: JSON.stringify({{
    id: crypto.randomUUID(), source: location.origin, type: "web.page_view", time: new Date().toISOString(),
    data: {{ brand: {json.dumps(brand)}, handles: {{ cookie: visitor }}, content: location.pathname }},
  }}),
}});  // visitor: the id that your page keeps of this browser"""
    python = f"""import json, urllib.request

event = {bought!r}
headers = {{"Content-Type": "application/json", "Authorization": "Bearer {secret}"}}
urllib.request.urlopen(urllib.request.Request("{url}/v1/events", json.dumps(event).encode(), headers))"""

    def quoted(text: str) -> str:
        return text.replace("'", "'\\''")

    return (
        (
            ("server",),
            "In a terminal",
            curl.format(key=secret, body=quoted(json.dumps(bought, ensure_ascii=False)), url=url),
        ),
        (("server",), "Python", python),
        (("browser",), "In the page", seen),
        (("till",), "From a till", curl.format(key=secret, body=quoted(event), url=url)),
    )
