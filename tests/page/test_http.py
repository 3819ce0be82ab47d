"""The page over HTTP on the bundled evening: its numbers are SQL's, whatever comes is text, and only reading is done."""

import csv
import html
import io
import json
import re
import time
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import quote

import pytest

from journey.stage import STAGE_NAMES
from streams.analysis.explain import explain
from streams.clock import from_us
from streams.inputs.files import frames, lines_of
from tests.fixtures.directories import EVENING
from tests.page.world import evening

SPAN = "brand=lumiere&since=2026-10-17&until=2026-10-17"
PLANTED = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("page")) as made:
        yield made


def page(world, path):
    answer = world.ask(path)
    assert answer.status == 200, answer
    return answer.body.decode()


def lines(world, path):
    return list(csv.DictReader(io.StringIO(page(world, path))))


def query(world, path):
    return html.unescape(re.search(r"<code>(.*?)</code>", page(world, path), re.DOTALL)[1])


def sections(text):
    return dict(re.findall(r'<section id="panel-([\w-]+)"(.*?)</section>', text, re.DOTALL))


def customer(world):
    """Return an advocate of the evening, as addresses have it."""
    found = world.rows(
        "SELECT customer FROM journeys_at(at = '2026-10-17 23:00:00') "
        "WHERE brand = 'lumiere' AND stage = 'advocacy' ORDER BY touches DESC, customer LIMIT 1"
    )
    return f"{found[0]['customer']:016x}"


def test_the_query_that_is_shown_gives_the_rows_of_the_csv(world):
    for path in (
        f"/view/flow/moves{{}}?{SPAN}", f"/view/flow/population{{}}?{SPAN}", f"/view/health/taken{{}}?{SPAN}",
        f"/view/journey/line{{}}?{SPAN}&customer={customer(world)}",
        f"/view/journey/why{{}}?{SPAN}&customer={customer(world)}",
        f"/view/customers/list{{}}?{SPAN}&at=2026-10-17T23:00:00Z&stage=5",
    ):  # fmt: skip
        told = lines(world, path.format(".csv"))
        found = world.rows(query(world, path.format(".sql")))
        assert told, path
        assert len(told) == len(found), path
        shared = [name for name in told[0] if isinstance(found[0].get(name), int) and name != "quiet_s"]
        for name in shared:
            form = "{:016x}".format if name == "customer" else str
            assert [row[name] for row in told] == [form(row[name]) for row in found], (path, name)


def test_the_population_is_that_of_journey_stages(world):
    told = {
        row["name"].lower(): int(row["customers"])
        for row in lines(world, "/view/flow/population.csv?brand=lumiere")
    }
    found = world.rows("SELECT stage, count() AS n FROM standings WHERE brand = 'lumiere' GROUP BY stage")
    assert {stage: n for stage, n in told.items() if n} == {
        row["stage"] if row["stage"] != "none" else "without a stage": row["n"] for row in found
    }
    shown = sections(page(world, "/view/flow?brand=lumiere"))["population"]
    for stage in STAGE_NAMES:
        assert f'<span class="name">{stage.title()}</span><strong>{told[stage]:,}</strong>' in shown


def test_each_instant_of_the_flow_is_journeys_at_that_instant(world):
    moves = lines(world, f"/view/flow/moves.csv?{SPAN}&steps=3")
    names = {stage.title(): stage for stage in STAGE_NAMES} | {"without a stage": "none"}
    for at in sorted({row["until"] for row in moves}):
        told = {}
        for row in moves:
            if row["until"] == at:
                told[names[row["to_stage"]]] = told.get(names[row["to_stage"]], 0) + int(row["customers"])
        found = world.rows(
            "SELECT stage, count() AS n FROM journeys_at(at = {at:DateTime64(6, 'UTC')}) WHERE brand = 'lumiere' GROUP BY stage",
            at=datetime.fromisoformat(at),
        )
        assert told == {row["stage"]: row["n"] for row in found}, at


def test_a_ribbon_opens_exactly_the_customers_that_it_counts(world):
    ribbons = re.findall(
        r'<a href="(/view/customers[^"]*)" aria-label="[^"]*: ([\d,]+) from [^"]*"',
        page(world, f"/view/flow?{SPAN}"),
    )
    assert len(ribbons) > 5
    for address, count in ribbons:
        listed = lines(world, html.unescape(address).replace("customers?", "customers/list.csv?"))
        assert len({row["customer"] for row in listed}) == len(listed) == int(count.replace(",", ""))


def test_why_she_is_here_is_what_explain_says(world):
    who = customer(world)
    at = from_us(world.embedded.clock())  # the period reaches the end of the data, so now is meant
    found = explain(world.embedded.store, world.embedded.model, "lumiere", int(who, 16), at)
    told = lines(world, f"/view/journey/why.csv?{SPAN}&customer={who}")
    assert len(told) == sum(len(stage.contributions) for stage in found.stages)
    shown = sections(page(world, f"/view/journey?{SPAN}&customer={who}"))["why"]
    for stage in found.stages:
        mine = sum(float(row["counts"]) for row in told if row["stage"] == stage.stage)
        assert mine == pytest.approx(stage.score or 0, rel=1e-4)
        if stage.score is not None:
            label = re.search(
                f'aria-label="{stage.stage.title()}: ([-0-9.]+), needs {stage.threshold:g}, ', shown
            )
            assert float(label[1]) == pytest.approx(stage.score, abs=0.0011)


def test_no_label_reads_nan_or_none(world):
    for path in (
        "/",
        "/view/journey",
        f"/view/journey?customer={customer(world)}",
        "/view/health",
        f"/view/flow?{SPAN}",
    ):
        text = re.sub(r"<[^>]*>", " ", page(world, path))
        labels = " ".join(re.findall(r'aria-label="([^"]*)"', page(world, path)))
        assert not re.search(r"\b(nan|NaN|None|inf|null|undefined)\b", text + labels), path


def test_a_page_is_whole_without_scripts_and_a_fragment_is_its_panels(world):
    whole = page(world, "/")
    assert whole.startswith("<!doctype html>")
    assert whole.endswith("</html>")
    assert set(sections(whole)) == {"population", "period", "moves", "moved"}
    assert "<h1>" not in page(world, "/?fragment=1")
    assert set(sections(page(world, "/?fragment=1"))) == {"population", "period", "moves", "moved"}
    assert not re.search(r"<script(?! type=\"module\" src=\"/static/)|\son\w+=|\sstyle=", whole)


def test_what_cannot_be_asked_is_told_by_name(world):
    for path, said in (
        ("/view/flow?steps=7", "steps"), ("/view/flow?since=yesterday", "since"), ("/view/flow?colour=red", "colour"),
        ("/view/flow?since=2026-10-18&until=2026-10-17", "since"), ("/view/flow?brand=nobody", "brand"),
        ("/view/flow?until=9999-12-31", "until"), ("/view/flow?since=0001-01-01", "since"),
        ("/view/journey?customer=ann", "customer"), ("/view/customers?at=2026-99-99T00:00:00Z", "at"),
    ):  # fmt: skip
        answer = world.ask(path)
        assert answer.status == 400, path
        assert f">{said}: " in answer.body.decode()
        assert "Traceback" not in answer.body.decode()
    for path in (
        "/view/nothing",
        "/view/flow/nothing.csv",
        "/view/nothing/moves.sql",
        "/static/..%2frender.py",
    ):
        assert world.ask(path).status == 404, path


def test_what_waits_in_the_log_is_told_until_it_is_processed(world):
    def lag():
        (row,) = lines(world, "/view/health/lag.csv")
        return row["place"], row["state"], row["unread"], row["behind_s"] != ""

    assert lag() == ("log[0]", "up to date", "0", False)
    again = islice(lines_of(str(EVENING)), 1)
    for frame in frames(again, world.embedded.edge(), topic="again", clock=world.embedded.clock):
        world.embedded.accept(frame)
    assert lag() == ("log[0]", "behind", "1", True)
    world.embedded.drain()
    assert lag() == ("log[0]", "up to date", "0", False)


def test_what_came_in_is_shown_in_a_hundred_parts_at_most_however_long_ago_it_began(world):
    asked = "?brand=lumiere&since=1950-01-01"
    (part_s,) = re.findall(r"toIntervalSecond\((\d+)\)", query(world, f"/view/health/arrived.sql{asked}"))
    since = datetime(1950, 1, 1, tzinfo=UTC)
    assert 50 < (from_us(world.embedded.clock()) - since).total_seconds() / int(part_s) <= 100
    assert sum(int(row["received"]) for row in lines(world, f"/view/health/arrived.csv{asked}")) > 0


def test_values_of_events_are_text_in_pages_and_no_formula_in_downloads(world):
    event = {
        "id": "planted", "source": PLANTED, "type": "web.purchase", "time": "2026-10-17T12:00:00Z",
        "data": {"brand": "lumiere", "handles": {"cookie": "c-planted"}, "content": PLANTED, "product": "=1+1",
                 "amount": 3, "currency": "EUR"},
    }  # fmt: skip
    named = event | {"id": "brand", "data": event["data"] | {"brand": '"><b>=brand'}}
    world.load([json.dumps(event).encode(), json.dumps(named).encode()])
    who = world.rows("SELECT customer FROM touchpoints WHERE id = 'planted'")[0]["customer"]
    for path in (
        f"/view/journey?brand=lumiere&customer={who:016x}",
        "/",
        f"/view/journey/line.sql?customer={who:016x}",
    ):
        text = page(world, path)
        assert "<img" not in text, path
        assert "<b>" not in text, path
    assert html.escape(PLANTED) in page(world, f"/view/journey?brand=lumiere&customer={who:016x}")
    told = page(world, f"/view/journey/line.csv?brand=lumiere&customer={who:016x}")
    cells = [cell for row in csv.reader(io.StringIO(told)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "-"))]
    quoted = page(world, f"/view/flow/moves.sql?brand={quote(chr(34) + '><b>=brand')}")
    assert world.rows(html.unescape(re.search(r"<code>(.*?)</code>", quoted, re.DOTALL)[1]))


def test_only_reading_is_done_whatever_is_asked(world):
    before = world.rows(
        "SELECT name, total_rows FROM system.tables WHERE database = currentDatabase() AND total_rows > 0"
    )
    for path in ("/", "/view/journey", "/view/health", "/view/customers?stage=5"):
        page(world, path)
        assert world.ask(path, "POST", b"", Origin=world.url).status in {404, 405}
    after = world.rows(
        "SELECT name, total_rows FROM system.tables WHERE database = currentDatabase() AND total_rows > 0"
    )
    assert before == after


def test_every_answer_has_the_headers_that_make_it_safe(world):
    for path in ("/", "/static/page.js", "/view/flow/moves.csv", "/nothing/view", "/view/flow?steps=7"):
        headers = world.ask(path).headers
        if world.ask(path).status != 404:
            assert headers["x-content-type-options"] == "nosniff", path
            assert "script-src 'self';" in headers["content-security-policy"], path
            assert "unsafe" not in headers["content-security-policy"]


def test_a_name_of_elsewhere_is_refused_on_loopback(world):
    """DNS rebinding: a page of evil.example whose name has become 127.0.0.1 asks with its own name."""
    for path in ("/", "/view/flow/moves.csv", "/view/flow/moves.sql", "/events"):
        answer = world.ask(path, Host="evil.example:8080")
        assert answer.status == 403, path
        assert b"lumiere" not in answer.body
    for host in ("localhost:8080", "127.0.0.1", "[::1]:8080"):
        assert world.ask("/static/style.css", Host=host).status == 200
        assert world.ask("/view/health", Host=host).status == 200


def test_the_stream_speaks_at_once_and_when_tables_change(world):
    import socket  # noqa: PLC0415 - read as it comes

    with socket.create_connection(("127.0.0.1", world.port), timeout=20) as connection:
        connection.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{world.port}\r\n\r\n".encode())
        heard, began = b"", time.monotonic()
        while b"event: ready" not in heard:
            heard += connection.recv(4096)
        assert time.monotonic() - began < 2
        event = {
            "id": "live", "source": "s", "type": "web.click", "time": "2026-10-17T13:00:00Z",
            "data": {"brand": "lumiere", "handles": {"cookie": "c-live"}},
        }  # fmt: skip
        world.load([json.dumps(event).encode()])
        while b"event: changed" not in heard:
            heard += connection.recv(4096)
    assert b"text/event-stream" in heard
