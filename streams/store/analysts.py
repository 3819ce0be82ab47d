"""Creates a server's read-only users, analysts, for all brands or for some, by grants and row policies.

A user of some brands sees their rows alone, in tables and through views. Statements are made here and run by a user
who may manage access, which the engine's own user need not. Each is idempotent. A role for each brand has the grants
itself, so that a user without the role sees nothing.

A table with any row policy shows no rows to those for whom there is none, where a server is set so; workers that read
watermarks must never be among them. So the first policy of each table shows all rows to everybody but the roles of
brands, and only then come theirs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streams.store.analyst_limits import as_sql, quota_as_sql
from streams.store.cluster import local
from streams.store.query_settings import SERVER_SETTINGS
from streams.store.sql import literal

__all__ = ["HIDDEN", "Place", "create", "drop", "granted", "row_filters"]

HIDDEN = frozenset({"write_keys", "erasing", "erased_handles", "readable_handles"})
"""Tables that no analyst reads: what was kept of secrets, of people who asked to be forgotten, and of readable handles."""

_OF_BRAND = (
    "interactions",
    "evidence",
    "minute_counts",
    "stage_changes",
    "targets",
    "alerts",
    "alert_figures",
    "audience_changes",
    "kept_paths",
    "retention",
    "expiries",
    "expired_events",
    "carried_evidence",
    "carried_touches",
    "carried_minutes",
    "carried_links",
    "carried_handles",
)
_OF_EVERYBODY = ("models", "model_stages", "model_weights", "model_changes", "migrations", "kept_marks")
_OF_SERVERS = ", ".join(f"{name} = {value}" for name, value in SERVER_SETTINGS.items())
_SETTINGS = f"{_OF_SERVERS}, {as_sql()}"


@dataclass(frozen=True, slots=True)
class Place:
    """The database in which users are made, its tables and views by name, the cluster ("" for none)."""

    database: str
    tables: Sequence[str]
    views: Sequence[str]
    cluster: str = ""

    @property
    def on(self) -> str:
        """What a statement needs to reach every server; empty without a cluster."""
        return f" ON CLUSTER {_text(self.cluster)}" if self.cluster else ""

    def relation(self, name: str) -> list[str]:
        """Return a table or view as statements name it: on a cluster, with the part that each server has."""
        names = (name, local(name)) if self.cluster and name in self.tables else (name,)
        return [f"{_name(self.database)}.{_name(one)}" for one in dict.fromkeys(names)]


def granted(place: Place, *, one_brand: bool) -> list[str]:
    """Return the tables and views that an analyst may read: of one brand, none without a filter that has its rows."""
    if one_brand:
        named = {*_OF_EVERYBODY, *row_filters(place.database, "")}
        return [name for name in place.tables if name in named] + [*place.views]
    return [name for name in (*place.tables, *place.views) if name not in HIDDEN]


def row_filters(database: str, brand: str) -> dict[str, str]:
    """Return, by table, which rows are a brand's. A handle is, once an event of the brand has named it."""
    text = _text(brand)
    # In two subqueries: a policy cannot have a UNION.
    there = f"(SELECT arrayJoin(handles) FROM {_name(database)}.interactions WHERE brand = {text})"
    expired = f"(SELECT handle FROM {_name(database)}.carried_handles WHERE brand = {text})"

    def among(column: str) -> str:
        return f"({column} IN {there} OR {column} IN {expired})"

    return {
        **dict.fromkeys(_OF_BRAND, f"brand = {text}"),
        "alert_marks": f"brand IN ({text}, '')",
        "conflicts": f"event IN (SELECT event FROM {_name(database)}.interactions WHERE brand = {text})",
        "identity_map": among("handle"),
        "identity_links": f"{among('left_handle')} AND {among('right_handle')}",
    }


def create(name: str, brands: Sequence[str], digest: str, place: Place) -> list[str]:
    """Return the statements that make a user, with all roles and policies; an existing user is recreated.

    Parameters
    ----------
    brands
        That it may see; none for all.
    digest
        SHA-256 of the password, in hex.
    """
    on, apart, every = place.on, _apart(place), _name(f"{place.database} all brands")
    roles = [_role(place, brand) for brand in brands] or [every]
    given, profile = ", ".join(roles), _name(f"{place.database} analyst")
    user = f"{_name(name)}{on}"
    return [
        *(f"CREATE ROLE IF NOT EXISTS {role}{on}" for role in dict.fromkeys((apart, every, *roles))),
        *_policies(place, brands),
        *([f"GRANT{on} {apart} TO {given}"] if brands else []),
        *(
            f"GRANT{on} SELECT ON {relation} TO {given}"
            for table in granted(place, one_brand=bool(brands))
            for relation in place.relation(table)
        ),
        f"CREATE SETTINGS PROFILE OR REPLACE {profile}{on} SETTINGS {_SETTINGS} TO {apart}, {every}",
        f"CREATE QUOTA OR REPLACE {profile}{on} {quota_as_sql()} TO {apart}, {every}",
        f"CREATE USER OR REPLACE {user} IDENTIFIED WITH sha256_hash BY {_text(digest)}",
        f"GRANT{on} {given} TO {_name(name)}",
        f"ALTER USER {user} DEFAULT ROLE {given}",
    ]


def drop(name: str, place: Place) -> str:
    """Return the statement that ends a user; roles and policies stay for others."""
    return f"DROP USER {_name(name)}{place.on}"


def _policies(place: Place, brands: Sequence[str]) -> Iterator[str]:
    """Yield the row policies; of each table, that of everybody else first."""
    everybody = _name(f"{place.database} everybody")
    for brand in brands:
        for table, rows in row_filters(place.database, brand).items():
            for relation in place.relation(table):
                made = f"{place.on} ON {relation} USING"
                yield f"CREATE ROW POLICY IF NOT EXISTS {everybody}{made} 1 TO ALL EXCEPT {_apart(place)}"
                role = _role(place, brand)
                yield f"CREATE ROW POLICY IF NOT EXISTS {role}{made} {rows} TO {role}"


def _apart(place: Place) -> str:
    """Return the role of all who see some brands only."""
    return _name(f"{place.database} some brands")


def _role(place: Place, brand: str) -> str:
    return _name(f"{place.database} brand {brand}")


def _text(value: str) -> str:
    return literal(value, "String")


def _name(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
