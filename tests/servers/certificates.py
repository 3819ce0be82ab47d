"""A throw-away certificate authority with a server's and a client's certificate, made by the openssl command."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.downloads import Unavailable

__all__ = ["Certificates", "make_certificates"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files; the server's certificate is for 127.0.0.1 and localhost."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make an authority and what it signs in a folder; raises Unavailable without openssl."""
    if shutil.which("openssl") is None:
        raise Unavailable("certificates need openssl, not found on PATH")
    folder.mkdir(parents=True, exist_ok=True)
    found = Certificates(
        *(folder / f"{name}.pem" for name in ("ca", "server", "server-key", "client", "client-key"))
    )
    authority_key = folder / "ca-key.pem"
    _openssl(*_new("Test authority", authority_key), "-x509", *_SIGNS, "-out", str(found.ca))
    signed = ("-CA", str(found.ca), "-CAkey", str(authority_key))
    names = ("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", *_SIGNS_NOTHING, *signed)
    _openssl(*_new("127.0.0.1", found.server_key), "-x509", *names, "-out", str(found.server))
    _openssl(*_new("client", found.client_key), "-x509", *_SIGNS_NOTHING, *signed, "-out", str(found.client))
    return found


_SIGNS = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
_SIGNS_NOTHING = ("-addext", "basicConstraints=critical,CA:FALSE")


def _new(name: str, key: Path) -> tuple[str, ...]:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key))
    return ("req", *curve, "-days", "2", "-subj", f"/CN={name}")


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
