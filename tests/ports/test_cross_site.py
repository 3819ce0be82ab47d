"""Which requests are answered, by their headers alone: names of a port, and what browsers say of a request's site."""

import asyncio

import pytest

from streams.http.cross_site import (
    ANY_NAME,
    LOOPBACK,
    CrossSiteFilter,
    Door,
    host_of,
    host_trouble,
    names_of,
    page_of,
    why_refused,
)

UNSPECIFIED = "0.0.0.0"  # noqa: S104 - a name that leads to this machine in some browsers
OWN = {"host": "localhost:8080"}
LINK = OWN | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    ("headers", "doors"),
    [
        ({}, {"PROGRAMS", "OWN", "LINKED"}),
        ({"sec-fetch-site": "none"}, {"OWN", "LINKED"}),
        ({"sec-fetch-site": "same-origin", "origin": "http://localhost:8080"}, {"OWN", "LINKED"}),
        ({"sec-fetch-site": "same-site"}, set()),
        ({"sec-fetch-site": "cross-site"}, set()),
        ({"sec-fetch-site": "what"}, set()),
        ({"sec-fetch-site": "same-origin", "origin": "http://localhost:8081"}, set()),
        ({"origin": "null"}, set()),
        ({"origin": "http://["}, set()),
        ({"origin": ""}, set()),
        ({"referer": "https://evil.example/"}, {"LINKED"}),
        ({"referer": "http://localhost:8080/x"}, {"PROGRAMS", "OWN", "LINKED"}),
        (LINK, {"LINKED"}),
        (LINK | {"sec-fetch-dest": "iframe"}, set()),
        (LINK | {"sec-fetch-mode": "no-cors"}, set()),
        (LINK | {"sec-purpose": "prefetch;prerender"}, set()),
        (LINK | {"origin": "https://evil.example"}, set()),
    ],
)
def test_a_request_is_answered_where_its_site_may_ask(headers, doors):
    asked = OWN | headers
    assert {door.name for door in Door if not why_refused("GET", asked, door)} == doors | {"KEYED", "SHARED"}


@pytest.mark.parametrize(
    "values", [("cross-site", "same-origin"), ("same-origin", "cross-site"), ("none", "none")]
)
def test_a_header_that_is_there_twice_lets_nobody_in(values):
    answers: list[int] = []

    async def send(message):
        answers.append(message.get("status", 0))

    async def app(*_):
        answers.append(200)

    given = [(b"host", b"localhost:8080"), *((b"sec-fetch-site", value.encode()) for value in values)]
    scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": given}
    asyncio.run(CrossSiteFilter(app, LOOPBACK)(scope, None, send))
    assert answers[0] == 403
    asyncio.run(CrossSiteFilter(app, LOOPBACK)(scope | {"headers": given[:1]}, None, send))
    assert answers[-1] == 200


def test_a_link_is_followed_to_look_and_not_to_change():
    assert why_refused("POST", LINK, Door.LINKED)
    assert not why_refused("HEAD", LINK, Door.LINKED)


@pytest.mark.parametrize(
    ("names", "own", "others"),
    [
        (LOOPBACK, ("localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:80"), ("evil.example", UNSPECIFIED, "localhost.", "10.0.0.1", "worker", "[::]", "")),
        (ANY_NAME, ("evil.example", "10.0.0.1"), ()),
        (names_of("127.0.0.2", "https://journey.example/x", "", is_loopback=True), ("127.0.0.2:9", "journey.example", "localhost"), ("evil.example", "10.0.0.1")),
        (names_of("10.0.0.5", "a.example", is_loopback=False, private=True), ("10.9.9.9:1", "worker", "a.example", "w.ns.svc", "x.internal"), ("evil.example", UNSPECIFIED, "x.internal.evil.example")),
    ],
)  # fmt: skip
def test_a_port_is_asked_by_its_own_names(names, own, others):
    for door in (Door.OWN, Door.PROGRAMS, Door.LINKED, Door.SHARED):
        assert not [host for host in own if why_refused("GET", {"host": host}, door, names)]
        assert not [host for host in others if not why_refused("GET", {"host": host}, door, names)]
    assert not why_refused("POST", {"host": "evil.example"}, Door.KEYED, names)


@pytest.mark.parametrize(
    "host", ["", "a b", "[", "a:b", "a:123456", "a,b", "u@a", "a/b", "é", "a\t", "[::1", "-a", "٣"]
)
def test_what_is_no_host_is_none(host):
    assert host_of(host) == ""
    assert host_trouble([host.encode("utf-8")], b"/", "1.1")


def test_one_host_is_needed_and_the_target_names_no_other():
    assert not host_trouble([b"a:1"], b"/", "1.1")
    assert not host_trouble([], b"/", "1.0")
    assert not host_trouble([b"a:1"], b"http://A:1/x", "1.1")
    assert host_trouble([], b"/", "1.1")
    assert host_trouble([b"a", b"a"], b"/", "1.1")
    assert host_trouble([b"a"], b"http://b/x", "1.1")
    assert host_trouble([b"a"], b"http://a@b/x", "1.1")
    assert host_trouble([b"a"], b"ftp://a/x", "1.1")


@pytest.mark.parametrize(
    ("headers", "page"),
    [({}, ""), ({"origin": "https://a.example"}, "https://a.example"), ({"sec-fetch-site": "cross-site"}, "null"), ({"sec-fetch-site": "none"}, "")],
)  # fmt: skip
def test_a_page_is_known_by_its_origin_or_by_its_site(headers, page):
    assert page_of(headers) == page
