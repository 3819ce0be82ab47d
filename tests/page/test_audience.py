"""One's own list comes back with what is known of each customer; nothing of it is on a page, in a file or in the log."""

import csv
import io

import pytest

from tests.page.test_search import customer
from tests.page.world import evening

LIST = (
    "\ufeffNo;Card number;Name, as we write it;Phone\r\n"
    '1;LUM-100482;"Ann; of ""Planted"" Street";\r\n'
    "2;planted-nobody;Zoë Planted;\r\n"
    "3; lum 100482 ;Ann again;+33 6 39 98 01 01\r\n"
    "4;;nobody;0033639980101\r\n"
)
BOUNDARY = "----planted7d93b1"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("audience")) as made:
        yield made


def sent(world, content, headers=None, **fields):
    fields = {"brand": "lumiere", "as": "csv"} | fields
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
        for name, value in fields.items()
    ]
    content = content.encode() if isinstance(content, str) else content
    parts.append(
        b'Content-Disposition: form-data; name="list"; filename="own.csv"\r\nContent-Type: text/csv\r\n\r\n'
        + content
    )
    body = (
        b"".join(b"--" + BOUNDARY.encode() + b"\r\n" + part + b"\r\n" for part in parts)
        + f"--{BOUNDARY}--\r\n".encode()
    )
    own = {"origin": world.url, "content_type": f"multipart/form-data; boundary={BOUNDARY}"}
    return world.ask("/audience", "POST", body, **(own | (headers or {})))


def back(answer):
    assert answer.status == 200, answer.body
    assert answer.headers["cache-control"] == "no-store"
    return list(csv.reader(io.StringIO(answer.body.decode(), newline="")))


@pytest.mark.parametrize("form", ["utf-8", "utf-16", "cp1252", "commas", "tabs"])
def test_the_list_comes_back_with_its_own_columns_and_what_is_known(world, form):
    text = LIST
    if form in {"commas", "tabs"}:
        rows = list(csv.reader(io.StringIO(LIST[1:], newline=""), delimiter=";"))
        made = io.StringIO()
        csv.writer(made, delimiter="," if form == "commas" else "\t").writerows(rows)
        text = made.getvalue()
    content = LIST[1:].encode(form) if form in {"utf-16", "cp1252"} else text.encode()
    head, *lines = back(sent(world, content))
    (row,) = world.rows(
        "SELECT stage, touches FROM standings WHERE brand = 'lumiere' AND customer = {c:UInt64}",
        c=customer(world, "loyalty", "LUM-100482"),
    )
    assert head == ["No", "Card number", "Name, as we write it", "Phone",
                    "journey_customer", "journey_stage", "journey_lapses_at", "journey_last_seen", "journey_touches"]  # fmt: skip
    assert [line[:4] for line in lines] == list(csv.reader(io.StringIO(LIST[1:], newline=""), delimiter=";"))[
        1:
    ]
    known = [f"{customer(world, 'loyalty', 'LUM-100482'):016x}", row["stage"]]
    assert [line[4:6] for line in lines] == [known, ["", ""], known, ["", ""]]
    assert lines[0][8] == str(row["touches"])


def test_another_column_and_kind_are_chosen_and_another_brand_knows_nobody(world):
    found = [line[4] for line in back(sent(world, LIST, column="phone"))[1:]]
    assert [bool(each) for each in found] == [False, False, True, True]
    assert [line[4] for line in back(sent(world, LIST, brand="maison"))[1:]] == [""] * 4
    assert back(sent(world, "Whatever\nLUM-100482", kind="loyalty"))[1][1] == found[2]


def test_a_page_says_how_many_and_nothing_of_the_list_is_kept(world, caplog):
    shown = sent(world, LIST, **{"as": "page"})
    text = shown.body.decode()
    assert '<span class="name">Lines</span><strong>4</strong>' in text
    assert '<span class="name">Found</span><strong>2</strong>' in text
    assert '<span class="name">Customers</span><strong>1</strong>' in text
    sent(world, LIST.replace(";", "\x00;"), column="planted")  # refused: what of it would be in a message?
    for said in (text, caplog.text, sent(world, LIST, column="planted").body.decode()):
        for value in ("lum 100482", "LUM-100482", "Planted", "planted-nobody", BOUNDARY):
            assert value not in said, value
    for file in world.embedded.settings.data.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"planted-nobody" not in content, file
            assert "Zoë Planted".encode() not in content, file


@pytest.mark.parametrize(
    ("content", "fields", "says"),
    [
        ("", {}, "a line of headings"),
        ("Card\n", {}, "a line of headings"),
        ("What\nLUM-1\n", {}, "column: no heading says"),
        ("Card\nLUM-1\n", {"column": "email"}, "column: the list has none"),
        ("Card,What\nLUM-1,x\n", {"column": "what"}, "kind: the heading does not say"),
        ("Card\nLUM-1\n", {"kind": "passport"}, "kind: must be one of"),
        ("Card\n" + "x\n" * 200_001, {}, "more than 200,000 lines"),
        (b"x" * 1_900_001, {}, "more than 1.9 MB"),
    ],
)  # fmt: skip
def test_what_is_no_such_list_is_refused_in_words(world, content, fields, says):
    answer = sent(world, content, **fields)
    assert (answer.status, says in answer.body.decode()) == (400, True), answer.body


def test_a_list_from_elsewhere_is_refused(world):
    assert sent(world, LIST, {"origin": "https://evil.example"}).status == 403
    assert sent(world, LIST, {"content_type": "text/csv"}).status == 400
    assert world.ask("/audience").status == 405


def test_in_a_browser_a_file_is_chosen_and_comes_back(opened, world):
    page = opened("/view/audience?brand=lumiere", viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    file = {"name": "own.csv", "mimeType": "text/csv", "buffer": LIST.encode()}
    page.set_input_files("#audience-list", files=[file])
    page.focus("text=Get the list back")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "audience.csv"
    assert len(download.value.path().read_text().splitlines()) == 5
    page.click("text=Show how many")
    page.wait_for_selector("h1 >> text=Your list, with lumiere")
    assert page.inner_text(".stats li:nth-child(2) strong") == "2"
