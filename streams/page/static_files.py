"""Serves our own scripts and styles, read once and kept compressed."""

import gzip
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from streams.http.guard import SAFE
from streams.page.gzip_stream import PACKED, takes_packed

__all__ = ["StaticFiles"]

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = SAFE | {"cache-control": "public, max-age=300"}


class StaticFiles:
    """The files of the folder static, by name; nothing else can be asked for."""

    def __init__(self) -> None:
        folder = files("streams.page").joinpath("static")
        self._files = {file.name: file.read_bytes() for file in folder.iterdir()}
        self._packed = {name: gzip.compress(body, 9, mtime=0) for name, body in self._files.items()}

    def answer(self, request: Request, name: str) -> Response | None:
        """Return the file, None for one that is not there."""
        if name not in self._files:
            return None
        kind = _KINDS[Path(name).suffix]
        if takes_packed(request):
            return Response(self._packed[name], media_type=kind, headers=_HEADERS | PACKED)
        return Response(self._files[name], media_type=kind, headers=_HEADERS)
