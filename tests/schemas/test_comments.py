"""Tables and views explain themselves."""

TABLES_AND_VIEWS = (
    "SELECT name, engine, comment, create_table_query FROM system.tables WHERE database = currentDatabase()"
)


def takes_arguments(table):
    return table["engine"] == "View" and "{" in table["create_table_query"]


def test_every_table_and_view_has_a_comment(world):
    tables = world.rows(TABLES_AND_VIEWS)
    assert len(tables) > 25
    assert [table["name"] for table in tables if not table["comment"]] == []


def test_every_column_has_a_comment(world):
    named = [table["name"] for table in world.rows(TABLES_AND_VIEWS) if not takes_arguments(table)]
    columns = world.rows("SELECT table, name, comment FROM system.columns WHERE database = currentDatabase()")
    assert {column["table"] for column in columns} >= set(named)
    assert [f"{c['table']}.{c['name']}" for c in columns if c["table"] in named and not c["comment"]] == []


def test_a_view_that_takes_arguments_names_them_in_its_comment(world):
    views = [table for table in world.rows(TABLES_AND_VIEWS) if takes_arguments(table)]
    assert {view["name"] for view in views} >= {
        "journeys_at",
        "standing_under",
        "showrooming",
        "webrooming",
        "zombies",
    }
    assert all(view["comment"].startswith(f"{view['name']}(") for view in views)
