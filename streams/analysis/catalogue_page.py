"""Renders the catalogue of tables as one self-contained HTML page: no script, no font, no other address."""

from collections.abc import Sequence
from html import escape

from streams.analysis.catalogue import Relation

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; }
code, pre { font: .9em ui-monospace, monospace; }
pre { overflow-x: auto; padding: .5rem; background: #8881; }
section { border-top: 2px solid #8886; margin-top: 2rem; }
.names { columns: 16rem; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(relations: Sequence[Relation], *, title: str) -> str:
    """Return the page. Every value of the store is escaped text in it."""
    views = [one for one in relations if one.kind == "view"]
    tables = [one for one in relations if one.kind != "view"]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n"
        f"{_contents('Views, to ask', views)}{_contents('Tables, as they are written', tables)}"
        f"{''.join(map(_section, (*views, *tables)))}</main>\n</body>\n</html>\n"
    )


def _contents(heading: str, relations: Sequence[Relation]) -> str:
    rows = "".join(
        f"<tr><td>{_link(one.name)}</td><td>{escape(one.comment)}</td></tr>\n" for one in relations
    )
    return f"<h2>{escape(heading)}</h2>\n<table>\n{rows}</table>\n"


def _section(one: Relation) -> str:
    name = escape(one.name)
    call = "".join(f"<li><code>{escape(key)}</code> {escape(kind)}</li>" for key, kind in one.parameters)
    parts = [
        f'<section id="{name}">\n<h2><code>{name}</code> <small>{escape(one.kind)}</small></h2>\n',
        f"<p>{escape(one.comment)}</p>\n",
        f"<p>{escape(one.reason)}</p>\n" if one.reason else "",
        f"<p>Takes arguments:</p><ul>{call}</ul>\n" if call else "",
        f"<p>Ordered by <code>{escape(one.sorting_key)}</code></p>\n" if one.sorting_key else "",
        f"<p>Made from {_links(one.made_from)}</p>\n" if one.made_from else "",
        f"<p>Used by {_links(one.used_by)}</p>\n" if one.used_by else "",
        _columns(one),
        f"<details><summary>SQL</summary><pre>{escape(one.sql)}</pre></details>\n" if one.sql else "",
        "</section>\n",
    ]
    return "".join(parts)


def _columns(one: Relation) -> str:
    if not one.columns:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(column.name)}</code></td><td><code>{escape(column.type)}</code></td>"
        f"<td>{escape(column.comment)}</td></tr>\n"
        for column in one.columns
    )
    return f'<table>\n<tr><th scope="col">column</th><th scope="col">type</th><th scope="col"></th></tr>\n{rows}</table>\n'


def _links(names: Sequence[str]) -> str:
    return ", ".join(map(_link, names))


def _link(name: str) -> str:
    return f'<a href="#{escape(name)}"><code>{escape(name)}</code></a>'
