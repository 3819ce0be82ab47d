"""Renders the OpenAPI document as an HTML page without scripts."""

import json
from functools import cache
from html import escape
from typing import Any

from streams.collector.openapi import openapi

__all__ = ["docs_html"]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1f}"
    "code,pre{font:14px/1.4 ui-monospace,monospace;background:#f2f2f5;border-radius:4px}"
    "code{padding:0 .25em}pre{padding:.75rem;overflow:auto}table{border-collapse:collapse}"
    "td,th{border-bottom:1px solid #ddd;padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top}"
    "h3 code{background:#dfe8ff}"
)


@cache
def docs_html() -> str:
    """Return the page."""
    document = openapi()
    parts = [f"<h1>{_text(document['info']['title'])}</h1>", *_about(document["info"]["description"])]
    parts.append('<p>As OpenAPI 3.1: <a href="openapi.json">openapi.json</a></p>')
    parts.append("<h2>Write key</h2>" + _keys(document["components"]["securitySchemes"]))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(path, method, operation, document))
    parts.append("<h2>Shapes</h2>" + _shapes(document["components"]["schemas"]))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Collector API</title>'
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>"
    )


def _text(value: str) -> str:
    """Return text for HTML; what is between backticks is code."""
    pieces = escape(value).split("`")
    return "".join(f"<code>{piece}</code>" if place % 2 else piece for place, piece in enumerate(pieces))


def _about(text: str) -> list[str]:
    head, _, limits = text.partition("\n\nLimits:\n\n")
    rows = "".join(f"<li>{_text(line.removeprefix('- '))}</li>" for line in limits.splitlines())
    return [f"<p>{_text(head)}</p>", f"<h2>Limits</h2><ul>{rows}</ul>"]


def _keys(schemes: dict[str, Any]) -> str:
    rows = [
        (f"{scheme['type']} {scheme.get('scheme') or scheme.get('name')}", scheme.get("description", ""))
        for scheme in schemes.values()
    ]
    return _table(rows)


def _table(rows: list[tuple[str, str]]) -> str:
    lines = (f"<tr><td><code>{escape(name)}</code></td><td>{_text(text)}</td></tr>" for name, text in rows)
    return f"<table>{''.join(lines)}</table>"


def _operation(path: str, method: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parts = [f"<h3><code>{method.upper()} {escape(path)}</code></h3><p>{_text(operation['summary'])}</p>"]
    if parameters := operation.get("parameters"):
        parts.append(_table([(one["name"], one["description"]) for one in parameters]))
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if (example := content.get("example")) is None:
            continue
        shown = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
        parts.append(f"<p><code>{escape(kind)}</code></p><pre>{escape(shown)}</pre>")
    named = document["components"]["responses"]
    rows = [
        (status, answer.get("description") or named[answer["$ref"].rpartition("/")[2]]["description"])
        for status, answer in operation["responses"].items()
    ]
    return "".join(parts) + _table(rows)


def _shapes(schemas: dict[str, Any]) -> str:
    return "".join(
        f"<h3>{escape(name)}</h3><pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"
        for name, schema in schemas.items()
    )
