"""The files of requirements/: what is installed, by version and hash."""

import re
from pathlib import Path

__all__ = ["REQUIREMENTS", "hashes", "names", "pins"]

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
_PACKAGE = re.compile(r"^([a-z0-9-]+)==(\S+) ?(;.*?)? ?\\$", re.MULTILINE)


def pins(name: str) -> dict[tuple[str, str], str]:
    """Version of each package, by name and condition."""
    text = (REQUIREMENTS / name).read_text()
    return {(package, condition): version for package, version, condition in _PACKAGE.findall(text)}


def names(name: str) -> set[str]:
    return {package for package, _ in pins(name)}


def hashes(name: str) -> dict[tuple[str, str], set[str]]:
    """Hashes that a package may have, by name and version."""
    found: dict[tuple[str, str], set[str]] = {}
    for entry in re.split(r"\n(?=\S)", (REQUIREMENTS / name).read_text().strip()):
        head, *rest = entry.splitlines()
        package, version, _ = _PACKAGE.findall(head)[0]
        found.setdefault((package, version), set()).update(re.findall(r"--hash=(sha256:\w+)", " ".join(rest)))
    return found
