"""What the settings and the file of rights say of proxies that sign people in, and the example of the documents."""

import re
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from starlette.requests import Request

from streams.http.guard import guard_of
from streams.http.page_tokens import PageTokens, TokensError, parsed_rights
from streams.http.proxy_sign_in import ProxySignIn
from streams.settings import Settings, SettingsError
from streams.settings.page_proxy import USER_HEADER, PageProxySettings

ROOT = Path(__file__).parents[2]
GROUPS = "X-Forwarded-Groups"


@pytest.fixture
def rights(tmp_path):
    (tmp_path / "rights.toml").write_text('[people.ada]\n[groups.lumiere]\nbrands = ["lumiere"]')
    return tmp_path / "rights.toml"


@pytest.mark.parametrize(
    ("peer", "speaks"),
    [
        (("10.0.0.5", 1), True), (("::ffff:10.0.0.5", 1), True), (("2001:db8::7", 1), True), (("10.0.0.6", 1), False),
        (("::ffff:10.0.0.6", 1), False), (("::10.0.0.5", 1), False), (("2001:db8::8", 1), False), (("", 0), False), (None, False),
        (("/run/proxy.sock", 0), False), (("10.0.0.5, 10.0.0.6", 1), False), (("localhost", 1), False), (("0010.0.0.5", 1), False),
    ],
)  # fmt: skip
def test_the_address_of_the_connection_decides_and_a_unix_socket_has_none(rights, peer, speaks):
    settings = PageProxySettings((ip_network("10.0.0.5"), ip_network("2001:db8::7")))
    scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"", "client": peer,
        "headers": [(b"x-forwarded-user", b"ada"), (b"x-forwarded-for", b"10.0.0.5"), (b"forwarded", b"for=10.0.0.5")],
    }  # fmt: skip
    proxy = ProxySignIn(settings, PageTokens(rights))
    assert proxy.speaks(Request(scope)) == speaks
    assert (proxy.viewer(Request(scope)) is not None) == speaks


def test_groups_are_read_where_their_header_is_named_alone(rights):
    settings = Settings(Path(), page_tokens=rights, page_proxy=PageProxySettings((ip_network("10.0.0.5"),)))
    headers = [(b"x-forwarded-user", b"ben"), (b"x-forwarded-groups", b"lumiere"), (b"host", b"x")]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "client": ("10.0.0.5", 1),
        "headers": headers,
    }
    assert guard_of(settings).refused(Request(scope)).status_code == 403
    named_ = replace(settings, page_proxy=replace(settings.page_proxy, groups="X-Forwarded-GROUPS"))
    assert guard_of(named_).refused(Request(scope)) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"JOURNEY_PAGE_PROXIES": "10.0.0.5"}, "set JOURNEY_PAGE_TOKENS"),
        ({"JOURNEY_PAGE_USER_HEADER": "Remote-User"}, "set JOURNEY_PAGE_PROXIES"),
        ({"JOURNEY_PAGE_PROXIES": "proxy.example"}, "must be networks"),
        ({"JOURNEY_PAGE_PROXIES": "0.0.0.0/0", "JOURNEY_PAGE_TOKENS": "x"}, "names every address"),
        ({"JOURNEY_PAGE_PROXIES": "::/0", "JOURNEY_PAGE_TOKENS": "x"}, "names every address"),
        *(
            ({"JOURNEY_PAGE_PROXIES": "::1", "JOURNEY_PAGE_TOKENS": "x", "JOURNEY_PAGE_USER_HEADER": name}, "must be the name of a header")
            for name in ("Remote_User", "Remote User", "Cookie", "HOST", "X:", "Ünamed", "-X")
        ),
        (
            {"JOURNEY_PAGE_PROXIES": "::1", "JOURNEY_PAGE_TOKENS": "x", "JOURNEY_PAGE_GROUPS_HEADER": USER_HEADER.lower()},
            "another header",
        ),
    ],
)  # fmt: skip
def test_settings_by_which_anybody_or_nobody_could_sign_in_are_refused(monkeypatch, tmp_path, changed, said):
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        Settings.read(tmp_path)


def test_without_settings_no_header_is_believed(monkeypatch, tmp_path):
    assert Settings.read(tmp_path).page_proxy is None
    monkeypatch.setenv("JOURNEY_PAGE_PROXIES", "127.0.0.1, 10.0.0.0/24")
    monkeypatch.setenv("JOURNEY_PAGE_TOKENS", str(tmp_path / "x"))
    assert Settings.read(tmp_path).page_proxy == PageProxySettings(
        (ip_network("127.0.0.1"), ip_network("10.0.0.0/24")), "X-Forwarded-User", ""
    )


@pytest.mark.parametrize(
    "text",
    [
        '[people.a]\nsha256 = "x"',
        "[groups.a]\nbrands = []",
        "[people]\na = 1",
        "everybody = true",
        "[everybody]\nwrites = 1",
    ],
)
def test_a_mistake_in_the_rights_of_people_is_refused(text):
    with pytest.raises(TokensError):
        parsed_rights(text)


def test_everybody_whom_the_proxy_signs_in_may_look_where_the_file_says_so(tmp_path):
    (tmp_path / "rights.toml").write_text('[everybody]\nwrites = false\n[people.ada]\nbrands = ["lumiere"]')
    rights = PageTokens(tmp_path / "rights.toml")
    ben, ada = rights.person("ben", ()), rights.person("ada", ())
    assert (ben.name, ben.brands, ben.writes, ben.by_proxy) == ("ben", None, False, True)
    assert (ada.brands, ada.writes) == (frozenset({"lumiere"}), True)


def test_the_documented_proxy_sets_the_headers_that_are_believed():
    text = (ROOT / "deploy/docs/operate/one-process.md").read_text()
    section = text.partition("## People signed in by a proxy")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```nginx\n(.*?)```", section, re.DOTALL)
    (shell,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    settings = dict(re.findall(r"(JOURNEY_\w+)=(\S+)", shell))
    assert settings["JOURNEY_PAGE_GROUPS_HEADER"] == GROUPS
    assert "JOURNEY_PAGE_USER_HEADER" not in settings, "the example goes by the default"
    places = re.findall(r"location (?:= )?(\S+) \{(.*?)\n\}", example, re.DOTALL)
    ours = {path: of for path, of in places if "127.0.0.1:8080" in of}
    assert set(ours) == {"/", "/v1/"}
    for header, value in ((USER_HEADER, "$user"), (GROUPS, "$groups")):
        assert f"proxy_set_header {header} {value};" in ours["/"], "what the browser sent is replaced"
        assert f'proxy_set_header {header} "";' in ours["/v1/"], "and taken away where nobody is asked"
    assert "auth_request " in ours["/"]
