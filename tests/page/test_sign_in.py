"""Named tokens: each opens the page for its brands alone, in views, CSV, SQL, search, lists, events and changes."""

import hashlib
import html
import json
import re
from http.client import HTTPConnection

import pytest

from journey.alerts import Scope as AlertScope
from streams.alerts.ledger import Ledger
from streams.analysis.brands import brands
from streams.clock import from_us
from streams.http.page_tokens import TokensError, parsed_rights
from streams.page.scope import read
from streams.page.views import ANSWERS, VIEWS
from tests.alerts.examples import told
from tests.page.test_audience import LIST, sent
from tests.page.world import evening

ONE = "one-token-for-everything"
TOKENS = {"ada": ("ada-has-this-token", ["lumiere"], True), "bob": ("bob-has-this-token", ["lumiere"], False),
          "eve": ("eve-has-this-token", None, True), "nil": ("nil-has-this-token", ["nothing yet"], True)}  # fmt: skip
NOON_US = 1_792_238_400_000_000  # 2026-10-17 12:00 UTC


def file(**tokens):
    lines = []
    for name, (token, of, writes) in tokens.items():
        lines += [
            f"[tokens.{name}]",
            f'sha256 = "{hashlib.sha256(token.encode()).hexdigest()}"',
            f"writes = {str(writes).lower()}",
        ]
        lines += [f"brands = {json.dumps(of)}"] if of else []
    return "\n".join(lines)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "tokens.toml").write_text(file(**TOKENS))
    with evening(folder, page_token=ONE, page_tokens=folder / "tokens.toml") as made:
        made.tokens = folder / "tokens.toml"
        yield made


def bearer(name):
    return {"authorization": f"Bearer {TOKENS[name][0]}"}


def asked(world, name, path):
    answer = world.ask(path, **bearer(name))
    return answer.status, html.unescape(answer.body.decode())


def test_without_a_token_a_browser_gets_a_form_and_a_program_words(world):
    shown = world.ask("/view/flow?brand=lumiere", accept="text/html,*/*")
    assert (shown.status, "<h1>Sign in</h1>" in shown.body.decode()) == (401, True)
    assert 'value="/view/flow?brand=lumiere"' in shown.body.decode()
    assert "lumiere-" not in shown.body.decode()
    assert world.ask("/").headers["www-authenticate"] == "Bearer"
    for path in ("/view/flow/moves.csv", "/view/flow/moves.sql", "/events"):
        assert world.ask(path).status == 401
    for path in ("/find", "/audience", "/view/targets/set", "/view/connect", "/view/model/activate"):
        assert world.post(path, {"brand": "lumiere"}).status == 401


def test_a_token_signs_in_and_out_and_a_wrong_one_does_not(world):
    wrong = world.post("/sign-in", {"token": "another", "back": "/"})
    assert (
        wrong.status,
        "This token opens nothing" in wrong.body.decode(),
        "set-cookie" in wrong.headers,
    ) == (401, True, False)
    assert world.post("/sign-in", {"token": TOKENS["ada"][0]}, origin="https://evil.example").status == 403
    for back, there in (
        ("/view/lapses?days=3", "/view/lapses?days=3"),
        ("//evil.example", "/evil.example"),
        ("/\\evil.example", "/evil.example"),
    ):
        answer = world.post("/sign-in", {"token": TOKENS["ada"][0], "back": back})
        assert (answer.status, answer.headers["location"]) == (303, there)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    own = {"cookie": cookie.partition(";")[0]}
    shown = world.ask("/view/lapses", **own)
    assert (shown.status, "<span>ada</span>" in shown.body.decode()) == (200, True)
    out = world.post("/sign-out", {}, **own)
    assert (out.status, 'journey-page="";' in out.headers["set-cookie"]) == (303, True)
    old = world.post("/sign-in", {"token": ONE, "back": "/"})
    assert ONE not in old.headers["set-cookie"]
    assert world.ask("/", cookie=old.headers["set-cookie"].partition(";")[0]).status == 200


def test_a_token_sees_its_brands_in_views_csv_and_sql_and_no_others(world):
    status, shown = asked(world, "ada", "/view/flow")
    assert status == 200
    assert re.findall(r'<option value="([^"]*)"', shown.partition("field-since")[0]) == ["lumiere"]
    for view in (*VIEWS, *ANSWERS):
        for path in (f"/view/{view.name}?brand=maison", f"/view/{view.name}?brand=trattoria-sole"):
            status, shown = asked(world, "ada", path)
            assert status == 400, path
            assert "brand: unknown" in shown or view.of_all_brands
    for path in (
        "/view/flow/moves.csv",
        "/view/flow/moves.sql",
        "/view/lapses/soon.csv",
        "/view/compare/sides.csv",
    ):
        assert asked(world, "ada", f"{path}?brand=trattoria-sole")[0] == 400
        assert asked(world, "eve", f"{path}?brand=trattoria-sole")[0] == 200
    assert "trattoria-sole" in asked(world, "eve", "/view/compare/names.csv?kind=brand")[1]
    assert "trattoria-sole" not in asked(world, "ada", "/view/compare/names.csv?kind=brand")[1]
    assert asked(world, "ada", "/view/compare/sides.csv?kind=brand&one=trattoria-sole")[0] == 400
    assert "nothing yet of the brands" in asked(world, "nil", "/")[1]


def test_every_panel_that_some_see_is_of_a_brand(world):
    """What is the same for everybody is told by name here."""
    of_nobody = {
        ("model", "values"),
        ("model", "weights"),
        ("model", "models"),
        ("model", "activate"),
        ("questions", "list"),
    }
    known = [brand for brand in brands(world.embedded.store) if brand.name == "lumiere"]
    for view in (*VIEWS, *ANSWERS):
        if view.of_all_brands:
            continue
        for query in (
            {},
            {"threshold_advocacy": "2", "was": "5"} if view.name == "model" else {},
            {"customer": "0" * 16} if view.name == "journey" else {},
        ):
            scope = read(query, known, view.all_fields, from_us(world.embedded.clock()))
            for panel in view.panels(scope):
                sql = panel.ordered(scope)
                assert "{brand:String}" in sql or "{brands:" in sql or (view.name, panel.name) in of_nobody, (
                    view.name,
                    panel.name,
                )


def test_what_is_of_all_brands_is_for_who_sees_all(world):
    ledger = Ledger(world.embedded.store, world.embedded.store.insert)
    about = {"at_us": NOON_US, "since_us": NOON_US, "last_hot_us": NOON_US + 60_000_000}
    ledger.add(
        told(1, "opened", brand="", direction="all-sales", scope=AlertScope("rule", "all-sales"), **about)
    )
    ledger.add(told(2, "opened", id="bb" * 8, brand="trattoria-sole", **about))
    path = "/view/spikes?brand=lumiere&since=2026-10-17&until=2026-10-17"
    for name, sees in (("eve", True), ("ada", False), ("eve", True), ("bob", False)):
        assert ("all-sales" in asked(world, name, f"{path}&fragment=1")[1]) == sees, name
    for view in ("health", "connect"):
        assert asked(world, "ada", f"/view/{view}") == (400, asked(world, "ada", f"/view/{view}")[1])
        assert f'href="/view/{view}' not in asked(world, "ada", "/")[1]
        assert asked(world, "eve", f"/view/{view}")[0] == 200
    for alert in ("bb" * 8, ledger.newest()[0].change.alert.id):
        answer = world.post(
            "/view/spikes/acknowledge", {"alert": alert, "by": "x", "brand": "lumiere"}, **bearer("ada")
        )
        assert (answer.status, ledger.marks()) == (400, []), alert
    connection = HTTPConnection("127.0.0.1", world.port, timeout=20)
    connection.request("GET", "/events", headers={"Authorization": f"Bearer {TOKENS['ada'][0]}"})
    answer = connection.getresponse()
    lines = [answer.fp.readline() for _ in range(4)]
    connection.close()
    (data,) = [line for line in lines if line.startswith(b"data: ")]
    assert re.fullmatch(rb'data: {"version": "[0-9a-f]{16}"}\n', data), (
        "that something changed, and not how much there is"
    )


def test_others_customers_are_not_found_and_not_matched(world):
    def found(name, text, brand):
        answer = world.post("/find", {"who": text, "brand": brand}, **bearer(name))
        return answer.status, answer.headers.get("location", "")

    (row,) = world.rows(
        "SELECT customer FROM standings WHERE brand = 'trattoria-sole' AND customer NOT IN"
        " (SELECT customer FROM standings WHERE brand = 'lumiere') LIMIT 1"
    )
    text = f"#{row['customer']:016x}"
    assert found("ada", text, "trattoria-sole")[0] == 400
    assert "customer=" not in found("ada", text, "lumiere")[1]
    assert f"customer={text[1:]}" in found("eve", text, "lumiere")[1]
    assert f"customer={text[1:]}" not in asked(world, "ada", "/view/journey/busiest.csv?brand=lumiere")[1]
    assert (
        "no touch of this customer"
        in asked(world, "ada", f"/view/journey?brand=lumiere&customer={text[1:]}")[1]
    )
    assert sent(world, LIST, bearer("ada")).status == 200
    assert sent(world, LIST, bearer("ada"), brand="trattoria-sole").status == 400
    assert sent(world, LIST, bearer("eve"), brand="trattoria-sole").status == 200


def test_changes_are_of_ones_own_brands_and_by_ones_own_name(world):
    target = {
        "brand": "lumiere",
        "stage": "advocacy",
        "channel": "",
        "due": "2140-01-31",
        "customers": "120",
        "note": "",
    }
    silence = {"brand": "lumiere", "which": "for", "value": "", "hours": "1", "by": "somebody else"}
    for name, brand, status in (
        ("bob", "lumiere", 403),
        ("ada", "trattoria-sole", 400),
        ("ada", "lumiere", 303),
        ("eve", "trattoria-sole", 303),
    ):
        assert world.post("/view/targets/set", target | {"brand": brand}, **bearer(name)).status == status, (
            name,
            brand,
        )
        assert (
            world.post("/view/spikes/silence", silence | {"brand": brand}, **bearer(name)).status == status
        ), (name, brand)
    marks = Ledger(world.embedded.store, world.embedded.store.insert).marks()
    assert {(mark.brand, mark.by) for mark in marks if mark.mark == "silence"} == {
        ("lumiere", "ada"),
        ("trattoria-sole", "eve"),
    }
    for path in ("/view/spikes/silence", "/view/targets/set", "/view/spikes/end-silence"):
        assert world.post(path, {"which": "", "hours": "1", "by": "x"}, **bearer("ada")).status == 400, (
            "of all brands"
        )
    model = {
        "threshold_advocacy": "3",
        "base": world.embedded.model.hash,
        "name": "mine",
        "by": "x",
        "brand": "lumiere",
    }
    answer = world.post("/view/model/activate", model, **bearer("ada"))
    assert (answer.status, "only who sees them all" in answer.body.decode()) == (400, True)
    key = {"name": "mine", "for_brand": "lumiere", "use": "server", "origin": ""}
    assert world.post("/view/connect", key, **bearer("ada")).status == 404


def test_a_token_that_is_withdrawn_opens_nothing_and_a_file_with_a_mistake_opens_to_nobody_named(world):
    before = world.tokens.read_text()
    try:
        world.tokens.write_text(file(**{name: TOKENS[name] for name in ("bob", "eve")}))
        assert [asked(world, name, "/view/flow")[0] for name in ("ada", "bob")] == [401, 200]
        world.tokens.write_text("[tokens.eve]\nsha256 = 1")
        assert asked(world, "eve", "/view/flow")[0] == 401
        assert world.ask("/view/flow", authorization=f"Bearer {ONE}").status == 200
    finally:
        world.tokens.write_text(before)
    assert asked(world, "ada", "/view/flow")[0] == 200


@pytest.mark.parametrize(
    "text",
    [
        "tokens = 1", "[other]\na = 1", "[tokens.a]\n", '[tokens.a]\nsha256 = "00"', f'[tokens.a]\nsha256 = "{"A" * 64}"',
        f'[tokens.a]\nsha256 = "{"a" * 64}"\nbrands = []', f'[tokens.a]\nsha256 = "{"a" * 64}"\nbrands = "lumiere"',
        f'[tokens.a]\nsha256 = "{"a" * 64}"\nwrites = 1', f'[tokens.a]\nsha256 = "{"a" * 64}"\nbrand = ["x"]',
        f'[tokens.a]\nsha256 = "{"a" * 64}"\n[tokens.b]\nsha256 = "{"a" * 64}"', f'[tokens."a\\nb"]\nsha256 = "{"a" * 64}"', "[",
    ],
)  # fmt: skip
def test_a_file_with_a_mistake_is_refused_and_no_hash_is_told(text):
    with pytest.raises(TokensError) as told_:
        parsed_rights(text)
    assert "a" * 64 not in str(told_.value)


def test_in_a_browser_one_signs_in_by_keyboard_and_acts_by_ones_name(browser, world):
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(world.url + "/view/spikes?brand=lumiere")
    assert page.evaluate("document.activeElement.id") == "token"
    page.keyboard.type(TOKENS["ada"][0])
    page.keyboard.press("Enter")
    page.wait_for_selector("h1 >> text=Spikes")
    page.wait_for_selector("html[data-live]", state="attached")
    assert page.url.endswith("/view/spikes?brand=lumiere")
    assert not page.is_visible("#by-silence"), "who is signed in needs not give a name"
    assert page.input_value("#by-silence") == "ada"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("text=Sign out")
    page.wait_for_selector("h1 >> text=Sign in")
    context.close()
