"""Users as `journey analysts` makes them, for a server that keeps none made by SQL: its statements, as configuration.

Every statement is read with a pattern, and one that none fits fails: nothing of them is left out.
"""

import re
from collections import defaultdict
from xml.sax.saxutils import escape

__all__ = ["Configured"]

_NAME = r"`(?:[^`\\]|\\.)*`"
_NAMES = rf"{_NAME}(?:, {_NAME})*"
_SETTING = re.compile(r"(\w+)(?: = (\w+|'\w*'))?(?: (READONLY|MIN \w+ MAX \w+))?")


class Configured:
    """What a server is to read from users.d, for the user whom the statements of `analysts.create` make."""

    def __init__(self, statements: list[str]) -> None:
        self._roles: set[str] = set()
        self._members = defaultdict(set)  # roles that a role or user has
        self._grants = defaultdict(list)
        self._policies: list[tuple[str, str, bool, str]] = []
        self._profile = self._quota = self._digest = self._user = ""
        for statement in statements:
            found = ((one.fullmatch(statement), take) for one, take in _READ.items())
            groups, take = next((match.groups(), take) for match, take in found if match)
            take(self, *groups)

    def _role(self, name):
        self._roles.add(name)

    def _select(self, relation, to):
        for role in _split(to):
            self._grants[role].append(relation)

    def _member(self, given, to):
        for one in _split(to):
            self._members[one] |= _split(given)

    def _policy(self, table, rows, is_except, role):
        self._policies.append((table, rows, bool(is_except), role))

    def _settings(self, settings, to):
        assert _split(to) <= self._roles
        read = [_SETTING.fullmatch(one).groups() for one in settings.split(", ")]
        values = "".join(
            f"<{name}>{value.strip(chr(39))}</{name}>" for name, value, _ in read if value is not None
        )
        bounds = "".join(f"<{name}>{_bounds(bound)}</{name}>" for name, _, bound in read if bound)
        self._profile = f"{values}<constraints>{bounds}</constraints>"

    def _limits(self, limits, to):
        assert _split(to) <= self._roles
        pairs = (one.split(" = ") for one in limits.split(", "))
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in pairs)
        self._quota = f"<interval><duration>3600</duration>{inner}</interval>"

    def _made(self, name, digest):
        self._user, self._digest = name, digest

    def _default(self, name, roles):
        assert name == self._user
        assert _split(roles) == self._members[name]

    def _held(self) -> set[str]:
        """Return the user's roles, with those that roles have."""
        held, more = set(), {self._user}
        while more:
            more = set().union(*(self._members[one] for one in more)) - held
            held |= more
        assert held <= self._roles
        return held

    def xml(self) -> str:
        """Return the file."""
        held, name = self._held(), self._user.strip("`")
        filters = defaultdict(list)
        for table, rows, is_except, role in self._policies:
            if (role in held) != is_except:
                filters[table].append(rows)
        grants = "".join(
            f"<query>GRANT SELECT ON {escape(on)}</query>"
            for role in sorted(held)
            for on in self._grants[role]
        )
        rows = "".join(
            f"<{table}><filter>{escape(' OR '.join(any_of))}</filter></{table}>"
            for table, any_of in filters.items()
        )
        return (
            f"<clickhouse><profiles><{name}>{self._profile}</{name}></profiles><quotas><{name}>{self._quota}</{name}></quotas>"
            f"<users><{name}><password_sha256_hex>{self._digest}</password_sha256_hex>"
            f"<networks><ip>127.0.0.1</ip></networks><profile>{name}</profile><quota>{name}</quota>"
            f"<grants>{grants}</grants><databases><journey>{rows}</journey></databases></{name}></users></clickhouse>"
        )


def _bounds(words: str) -> str:
    if words == "READONLY":
        return "<readonly/>"
    _, least, _, most = words.split()
    return f"<min>{least}</min><max>{most}</max>"


def _split(text: str) -> set[str]:
    return set(re.findall(_NAME, text))


_READ = {
    re.compile(pattern.replace("NAMES", _NAMES).replace("NAME", _NAME)): take
    for pattern, take in {
        r"CREATE ROLE IF NOT EXISTS (NAME)": Configured._role,
        r"GRANT SELECT ON (\S+) TO (NAMES)": Configured._select,
        r"GRANT (NAMES) TO (NAMES)": Configured._member,
        r"CREATE ROW POLICY IF NOT EXISTS NAME ON `journey`\.`(\w+)` USING (.*) TO (ALL EXCEPT )?(NAME)": Configured._policy,
        r"CREATE SETTINGS PROFILE OR REPLACE NAME SETTINGS (.*) TO (NAMES)": Configured._settings,
        r"CREATE QUOTA OR REPLACE NAME KEYED BY user_name FOR INTERVAL 1 hour MAX (.*) TO (NAMES)": Configured._limits,
        r"CREATE USER OR REPLACE (NAME) IDENTIFIED WITH sha256_hash BY '(\w+)'": Configured._made,
        r"ALTER USER (NAME) DEFAULT ROLE (NAMES)": Configured._default,
    }.items()
}
