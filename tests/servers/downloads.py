"""What tests run of others, from Maven Central and npm, kept outside the repository."""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import ServerError

__all__ = ["Unavailable", "clickhouse_library", "jdbc_jars", "kafka_jars", "node_packages"]

_POM = Path(__file__).with_name("pom.xml")
_JDBC_POM = Path(__file__).with_name("jdbc.xml")
_ENGINE = "@chdb/lib-linux-x64-gnu"
_ENGINE_VERSION = "26.7.3-stable.1"
_ENGINE_SHA256 = "c0d32b129e988f2b9a9a31c9141aecf5e1e2453f9a079efc4d36ab8e3f92b2ad"
_NODE = Path(__file__).parents[1] / "clients"  # where package.json and its lock are
_LONGEST_S = 400.0


class Unavailable(Exception):  # noqa: N818 — not an error: the test is skipped
    """A server cannot be had on this machine; the message says what is missing."""


def kafka_jars() -> Path:
    """Return the folder with Kafka's jars, fetched by Maven the first time."""
    _need("Kafka", "java", "mvn")
    (version,) = re.findall(r"<kafka\.version>(.+)</kafka\.version>", _POM.read_text())
    return _kept(f"kafka-{version}", lambda folder: _fetch_jars(_POM, folder))


def jdbc_jars() -> Path:
    """Return the folder with ClickHouse's driver for JDBC, fetched by Maven the first time."""
    _need("ClickHouse's driver for JDBC", "java", "mvn")
    (version,) = re.findall(r"<jdbc\.version>(.+)</jdbc\.version>", _JDBC_POM.read_text())
    return _kept(f"jdbc-{version}", lambda folder: _fetch_jars(_JDBC_POM, folder))


def clickhouse_library() -> Path:
    """Return the file libchdb.so, ClickHouse as a library, fetched by npm the first time."""
    _need("ClickHouse's server", "npm")
    if platform.machine() != "x86_64":
        raise Unavailable(f"ClickHouse's server: no library is known for {platform.machine()}")
    return _kept(f"chdb-{_ENGINE_VERSION}", _fetch_engine) / "libchdb.so"


def node_packages() -> Path:
    """Return the folder node_modules of the clients that tests run, fetched by npm the first time, by its lock."""
    _need("a JavaScript client", "node", "npm")
    locked = hashlib.sha256((_NODE / "package-lock.json").read_bytes()).hexdigest()[:16]
    return _kept(f"node-{locked}", _fetch_node) / "node_modules"


def _need(what: str, *commands: str) -> None:
    if sys.platform != "linux":
        raise Unavailable(f"{what} is run for tests on Linux only")
    if missing := [command for command in commands if shutil.which(command) is None]:
        raise Unavailable(f"{what} needs {' and '.join(missing)}, not found on PATH")


def _fetch_jars(pom: Path, folder: Path) -> None:
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    _run(["mvn", "--quiet", "--batch-mode", "--strict-checksums", "--file", str(pom), *goal], folder)


def _fetch_engine(folder: Path) -> None:
    _run(
        ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{_ENGINE}@{_ENGINE_VERSION}"], folder
    )
    (archive,) = folder.glob("*.tgz")
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _ENGINE_SHA256:
        raise ServerError(f"{_ENGINE}@{_ENGINE_VERSION}: sha256 is {found}, must be {_ENGINE_SHA256}")
    with tarfile.open(archive) as packed, (folder / "libchdb.so").open("wb") as library:
        source = packed.extractfile("package/libchdb.so")
        if source is None:
            raise ServerError(f"{_ENGINE}@{_ENGINE_VERSION} has no libchdb.so")
        shutil.copyfileobj(source, library, 2**20)
    archive.unlink()


def _fetch_node(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_NODE / name, folder)
    _run(["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], folder)


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LONGEST_S,
            check=True,
        )
    except subprocess.SubprocessError as error:
        said = (getattr(error, "output", None) or "").strip()[-1000:]
        raise Unavailable(f"{error}: {said}") from error


def _kept(name: str, fetch: Callable[[Path], None]) -> Path:
    folder = _cache() / name
    if not folder.exists():
        with _alone(folder.with_suffix(folder.suffix + ".lock")):
            if not folder.exists():
                partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{name}-"))
                try:
                    fetch(partial)
                    partial.rename(folder)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
    return folder


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "customer-journey-engine"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
