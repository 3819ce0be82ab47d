"""A proxy in front signs people in: its header is believed from its address alone, and gives the rights that the file says."""

import hashlib
import html
import re
from http.client import HTTPConnection
from ipaddress import ip_network
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette

from streams.alerts.access import opened_routes
from streams.alerts.ledger import Ledger
from streams.page import routes
from streams.settings.page_proxy import USER_HEADER, PageProxySettings
from tests.collector.server import Answer
from tests.page.test_audience import LIST, sent
from tests.page.world import evening, serving

GROUPS = "X-Forwarded-Groups"
PROXY, ELSEWHERE = (
    "127.0.0.1",
    "127.0.0.2",
)  # both are this machine: what is sent from the second is not the proxy's
TOKEN = "ada-has-this-token"
FILE = f"""
[tokens.ada]
sha256 = "{hashlib.sha256(TOKEN.encode()).hexdigest()}"
[people.ada]
brands = ["lumiere"]
[people."Zo\u00eb Ferm\u00ed"]
[groups.reads]
brands = ["trattoria-sole"]
writes = false
[groups.lumiere]
brands = ["lumiere"]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proxied")
    (folder / "rights.toml").write_text(FILE)
    proxy = PageProxySettings((ip_network(PROXY),), USER_HEADER, GROUPS)
    with evening(folder, page_tokens=folder / "rights.toml", page_proxy=proxy) as made:
        made.rights = folder / "rights.toml"
        yield made


def asked(world, path, *headers, method="GET", body=b"", peer=PROXY):
    """Ask with headers as they are, repeated ones too, from an address of this machine."""
    connection = HTTPConnection("127.0.0.1", world.port, timeout=60, source_address=(peer, 0))
    try:
        connection.putrequest(method, path)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, html.unescape(answer.read().decode()).encode())
    finally:
        connection.close()


def named(name, *groups):
    told = [(USER_HEADER, name.encode())]
    return (*told, (GROUPS, ", ".join(groups).encode())) if groups else tuple(told)


def posted(world, path, fields, *headers, origin=None):
    own = (("Origin", origin or world.url), ("Content-Type", "application/x-www-form-urlencoded"))
    return asked(world, path, *own, *headers, method="POST", body=urlencode(fields).encode())


def brands_of(answer):
    return set(re.findall(r'<option value="([^"]*)"', answer.body.decode().partition("field-since")[0]))


def test_whom_the_proxy_names_has_the_rights_of_the_file(world):
    assert brands_of(asked(world, "/view/flow", *named("ada"))) == {"lumiere"}
    assert len(brands_of(asked(world, "/view/flow", *named("Zo\u00eb Ferm\u00ed")))) > 1
    assert brands_of(asked(world, "/view/flow", *named("Zoe\u0308 Fermi\u0301"))), (
        "the same name, typed otherwise"
    )
    assert brands_of(asked(world, "/view/flow", *named("ben", "reads", "others"))) == {"trattoria-sole"}
    assert brands_of(asked(world, "/view/flow", *named("ben", "reads", "lumiere"))) == {
        "trattoria-sole",
        "lumiere",
    }
    assert brands_of(asked(world, "/view/flow", *named("ada", "reads"))) == {"lumiere"}, (
        "a person's own rights alone"
    )
    for path in (
        "/view/flow/moves.csv",
        "/view/flow/moves.sql",
        "/view/lapses/soon.csv",
        "/view/compare/sides.csv",
    ):
        assert asked(world, f"{path}?brand=lumiere", *named("ada")).status == 200, path
        assert asked(world, f"{path}?brand=trattoria-sole", *named("ada")).status == 400, path
    for view in ("health", "connect"):
        assert asked(world, f"/view/{view}", *named("ada")).status == 400
        assert asked(world, f"/view/{view}", *named("Zo\u00eb Ferm\u00ed")).status == 200


def test_a_name_in_lower_or_upper_case_of_the_header_is_the_same_and_of_the_person_another(world):
    assert asked(world, "/view/flow", ("x-fORWARDED-uSER", b"ada")).status == 200
    answer = asked(world, "/view/flow", *named("Ada"))
    assert (answer.status, b"you are signed in as Ada, who may see nothing here" in answer.body) == (
        403,
        True,
    )


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((USER_HEADER, b""),),
        ((USER_HEADER, b"  "),),
        ((USER_HEADER.replace("-", "_"), b"ada"),),
        (("Remote-User", b"ada"),),
        ((GROUPS, b"lumiere"),),
    ],
)
def test_where_the_proxy_names_nobody_a_token_is_needed(world, headers):
    for path in ("/", "/view/flow?brand=lumiere", "/view/flow/moves.csv", "/events"):
        assert asked(world, path, *headers).status == 401, path
    for path in ("/find", "/audience", "/view/targets/set", "/view/connect", "/view/model/activate"):
        assert posted(world, path, {"brand": "lumiere"}, *headers).status == 401, path
    shown = asked(world, "/view/flow", *headers, ("Accept", "text/html"))
    assert (shown.status, b"<h1>Sign in</h1>" in shown.body) == (401, True)


@pytest.mark.parametrize(
    "headers",
    [
        ((USER_HEADER, b"ada"), (USER_HEADER, b"ada")),
        ((USER_HEADER, b"eve"), (USER_HEADER, b"ada")),
        ((USER_HEADER, b""), (USER_HEADER.lower(), b"ada")),
        ((USER_HEADER, b"eve, ada"),),
        ((USER_HEADER, b"ada\xff"),),
        ((USER_HEADER, "ad\u202ea".encode()),),
        ((USER_HEADER, b"a" * 65),),
        ((USER_HEADER, b'"ada"'),),
        ((USER_HEADER, b"ben"), (GROUPS, b"reads"), (GROUPS, b"lumiere")),
        ((USER_HEADER, b"ben"), (GROUPS, b"lumiere\xff")),
        ((USER_HEADER, b"ben"), (GROUPS, b"Lumiere,lumiere2, ,")),
        ((USER_HEADER, b"nobody"),),
    ],
)
def test_a_name_that_is_not_clear_or_not_in_the_file_sees_nothing_whatever_token_comes_with_it(
    world, headers
):
    cookie = posted(world, "/sign-in", {"token": TOKEN, "back": "/"}).headers["set-cookie"].partition(";")[0]
    assert asked(world, "/view/flow", ("Cookie", cookie)).status == 200
    for more in ((), (("Cookie", cookie),), (("Authorization", f"Bearer {TOKEN}"),)):
        for path in ("/", "/view/flow/moves.csv", "/view/flow/moves.sql", "/events"):
            assert asked(world, path, *headers, *more).status == 403, path
        for path in ("/find", "/view/targets/set"):
            assert posted(world, path, {"brand": "lumiere"}, *headers, *more).status == 403, path
    shown = asked(world, "/", *headers, ("Accept", "text/html"))
    assert (shown.status, b"<h1>You may not see this page</h1>" in shown.body) == (403, True)


def test_of_anybody_but_the_proxy_the_header_is_nothing(world):
    for headers in (named("ada"), named("Zo\u00eb Ferm\u00ed"), named("ben", "lumiere")):
        assert asked(world, "/view/flow", *headers, peer=ELSEWHERE).status == 401
        bearer = ("Authorization", f"Bearer {TOKEN}")
        shown = asked(world, "/view/flow", *headers, bearer, peer=ELSEWHERE)
        assert (shown.status, b"<span>ada</span>" in shown.body) == (200, True)
        assert len(brands_of(shown)) > 1, "the rights of the token"


def test_others_customers_are_not_found_and_not_matched(world):
    (row,) = world.rows(
        "SELECT customer FROM standings WHERE brand = 'trattoria-sole' AND customer NOT IN"
        " (SELECT customer FROM standings WHERE brand = 'lumiere') LIMIT 1"
    )
    who = {"who": f"#{row['customer']:016x}"}
    assert posted(world, "/find", who | {"brand": "trattoria-sole"}, *named("ada")).status == 400
    assert (
        "customer="
        not in posted(world, "/find", who | {"brand": "lumiere"}, *named("ada")).headers["location"]
    )
    assert (
        "customer="
        in posted(world, "/find", who | {"brand": "lumiere"}, *named("Zo\u00eb Ferm\u00ed")).headers[
            "location"
        ]
    )
    for name, status in (("ada", 400), ("Zo\u00eb Ferm\u00ed", 200)):
        assert sent(world, LIST, {USER_HEADER: name.encode()}, brand="trattoria-sole").status == status


def test_changes_are_of_ones_own_brands_by_ones_own_name_and_from_the_page_alone(world):
    silence = {"which": "for", "value": "", "hours": "1", "by": "somebody else"}
    path = "/view/spikes/silence"
    for headers, brand, status in (
        (named("ben", "reads"), "trattoria-sole", 403),
        (
            named("ben", "reads", "lumiere"),
            "trattoria-sole",
            403,
        ),  # sees it by one group, and changes another by another
        (named("ada"), "trattoria-sole", 400),
        (named("ben", "reads", "lumiere"), "lumiere", 303),
        (named("Zo\u00eb Ferm\u00ed"), "trattoria-sole", 303),
    ):
        assert posted(world, path, silence | {"brand": brand}, *headers).status == status, (headers, brand)
    marks = Ledger(world.embedded.store, world.embedded.store.insert).marks()
    assert {(mark.brand, mark.by) for mark in marks} == {
        ("lumiere", "ben"),
        ("trattoria-sole", "Zo\u00eb Ferm\u00ed"),
    }
    for origin in ("https://evil.example", "null"):
        answer = posted(world, path, silence | {"brand": "lumiere"}, *named("ada"), origin=origin)
        assert answer.status == 403
    own = (("Content-Type", "application/x-www-form-urlencoded"), *named("ada"))
    body = urlencode(silence | {"brand": "lumiere"}).encode()
    assert asked(world, path, *own, method="POST", body=body).status == 403, "without an origin"
    site = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image"))
    assert asked(world, "/view/flow/moves.csv", *named("ada"), *site).status == 403
    model = {"threshold_advocacy": "3", "base": world.embedded.model.hash, "name": "mine", "by": "x"}
    assert posted(world, "/view/model/activate", model, *named("ben", "lumiere")).status == 400
    assert len(Ledger(world.embedded.store, world.embedded.store.insert).marks()) == 2


def test_live_updates_end_where_rights_are_taken_away(world):
    before = world.rights.read_text()
    connection = HTTPConnection("127.0.0.1", world.port, timeout=20)
    try:
        connection.request("GET", "/events", headers={USER_HEADER: "ada"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read1(65_536).startswith(b"event: ready")
        world.rights.write_text(before.replace("[people.ada]", "[people.ida]"))
        while answer.read1(65_536):
            pass  # until it ends
        answer.close()
    finally:
        world.rights.write_text(before)
        connection.close()
    assert asked(world, "/view/flow", *named("ada")).status == 200


def test_live_updates_end_after_a_while_so_that_the_proxy_is_asked_again(world, monkeypatch):
    monkeypatch.setattr(routes, "_PROXIED_S", 0.5)
    answer = asked(world, "/events", *named("ada"))  # returns when the stream has ended
    assert (answer.status, answer.body.startswith(b"event: ready")) == (200, True)


def test_alerts_over_http_are_for_whom_the_proxy_names_too(world):
    with (
        opened_routes(world.embedded.settings) as of_alerts,
        serving(Starlette(routes=list(of_alerts)), lambda: None) as port,
    ):
        found = {}
        for name in ("Zo\u00eb Ferm\u00ed", "ada", "nobody", ""):
            connection = HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", "/v1/alerts", headers={USER_HEADER: name.encode()} if name else {})
            with connection.getresponse() as answer:
                found[name] = answer.status
            connection.close()
    assert found == {"Zo\u00eb Ferm\u00ed": 200, "ada": 401, "nobody": 401, "": 401}


def test_in_a_browser_whom_the_proxy_signs_in_sees_the_page_and_acts_by_their_name(browser, world):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, extra_http_headers={USER_HEADER: "ada"}
    )
    page = context.new_page()
    page.goto(world.url + "/view/spikes?brand=lumiere")
    page.wait_for_selector("html[data-live]", state="attached")
    assert page.inner_text(".me") == "ada"
    assert not page.query_selector("text=Sign out"), "they sign out at the proxy"
    assert page.input_value("#by-silence") == "ada"
    assert not page.is_visible("#by-silence")
    page.fill("#silence-value", "popcorn")
    page.click("button >> text=Silence")
    page.wait_for_selector(".said >> text=Silenced")
    assert "by ada" in page.inner_text("#silence-ended")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
    context = browser.new_context(extra_http_headers={USER_HEADER: "mallory"})
    page = context.new_page()
    page.goto(world.url + "/view/spikes?brand=lumiere")
    assert "You are signed in as mallory, who may see nothing here" in page.inner_text("main")
    context.close()
