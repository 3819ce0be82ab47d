"""Each view says what SQL says of the evening, leads to exactly the customers that it counts, and has words for nothing."""

import csv
import html
import io
import json
import re
import time
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from streams.alerts.ledger import Ledger
from streams.analysis import cascades
from tests.alerts.examples import told
from tests.collector.server import event
from tests.page.world import evening

DAY = {"since": "2026-10-17", "until": "2026-10-17"}
VIEWS = ("lapses", "channels", "word-of-mouth", "spikes", "support", "content", "targets")
ALERT = "00000000000000aa"
PLANTED = "</script><img src=x onerror=alert(1)>"
NOON_US = 1_792_238_400_000_000  # 2026-10-17 12:00 UTC


def planted(number, kind, minute, **more):
    """An event whose every free text would run in a page that took it for markup."""
    data = {
        "brand": "lumiere",
        "handles": {"cookie": "c-planted"},
        "content": PLANTED,
        "product": PLANTED,
        "place": PLANTED,
    }
    return json.dumps(
        {
            "id": f"{PLANTED}-{number}",
            "source": "t",
            "type": kind,
            "time": f"2026-10-17T12:{minute}:00Z",
            "data": data | more,
        }
    ).encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("views")) as made:
        made.load(
            [
                planted(1, "store.check_in", 10),
                planted(2, "web.purchase", 20, amount=3, currency="EUR", cause=f"{PLANTED}-1"),
                planted(3, "web.click", 30, cause=f"{PLANTED}-1", handles={"cookie": "c-other"}),
            ]
        )
        made.embedded.store.raw(
            "INSERT INTO targets (brand, stage, channel, due, customers, note) VALUES"
            " ('lumiere', 'advocacy', '', '2027-01-31', 10, 'why <b>not</b>'), ('lumiere', 'attention', 'store', '2027-01-31', 5, '')",
            "Null",
        )
        yield made


def address(view, panel="", **asked):
    return f"/view/{view}{panel}?{urlencode({'brand': 'lumiere', **DAY, **asked})}"


def page(world, view, **asked):
    answer = world.ask(address(view, **asked))
    assert answer.status == 200, answer
    return answer.body.decode()


def lines(world, view, panel, **asked):
    answer = world.ask(address(view, f"/{panel}.csv", **asked))
    assert answer.status == 200, answer
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


def only(world, sql):
    [row] = world.rows(sql)
    return tuple(row.values())


def test_every_next_step_is_one_of_channel_switches_and_leads_to_its_customers(world):
    told = lines(world, "channels", "next")
    found = world.rows(
        "SELECT from_channel AS before, to_channel AS after, switches, customers FROM channel_switches WHERE brand = 'lumiere'"
    )
    assert {(r["before"], r["after"], int(r["steps"]), int(r["customers"])) for r in told} == {
        tuple(row.values()) for row in found
    }
    assert sum(float(row["of_all"]) for row in told) == pytest.approx(1)
    for row in told:
        step = {"before": row["before"], "after": row["after"]}
        behind = lines(world, "channels", "followed", **step)
        assert len({each["customer"] for each in behind}) == len(behind) == int(row["customers"])
        assert sum(int(each["steps"]) for each in behind) == int(row["steps"])


def test_a_step_belongs_to_the_period_of_its_later_touch(world):
    whole = lines(world, "channels", "next")
    later = lines(world, "channels", "next", since="2026-10-18", until="2026-10-18")
    both = lines(world, "channels", "next", until="2026-10-18")
    count = [sum(int(row["steps"]) for row in rows) for rows in (whole, later, both)]
    assert count[0] + count[1] == count[2]


def test_what_is_seen_here_and_bought_there_is_what_the_views_say(world):
    for way in ("showrooming", "webrooming"):
        found = world.rows(
            f"SELECT place, sum(purchases) AS n FROM {way}(window_days = 14) WHERE brand = 'lumiere' GROUP BY place"
        )
        told = lines(world, "channels", "places")
        assert {row["place"]: int(row[way]) for row in told if int(row[way])} == {
            row["place"]: row["n"] for row in found
        }
        for row in told:
            behind = lines(world, "channels", "bought", way=way, place=row["place"])
            assert sum(int(each["purchases"]) for each in behind) == int(row[way])
            assert len(behind) == int(row[f"{way}_customers"])


@pytest.mark.parametrize("brand", ["lumiere", "trattoria-sole"])
def test_the_tree_places_everybody_as_journey_cascades_show_does(world, brand):
    [largest] = cascades.listed(world.embedded.store, brand, limit=1)
    told = lines(world, "word-of-mouth", "growth", brand=brand)
    assert len(told) - 1 == largest["customers"]
    assert sum(row["bought"] == "True" for row in told) == largest["converted"]

    def placed(branch, above=""):
        yield f"{branch.customer:016x}", above, str(branch.generation)
        for below in branch.brought:
            yield from placed(below, f"{branch.customer:016x}")

    top = cascades.tree(world.embedded.store, brand, largest["root"])
    assert {(r["customer"], r["brought_by"], r["generation"]) for r in told} == set(placed(top))
    drawn = page(world, "word-of-mouth", brand=brand)
    assert drawn.count('class="branch who"') == len(told)
    assert drawn.count('class="branch twig"') == len(told) - 1


def test_a_moment_of_the_tree_stands_in_the_address(world):
    told = lines(world, "word-of-mouth", "growth")
    moment = sorted(float(row["after_s"]) for row in told)[len(told) // 2]
    drawn = page(world, "word-of-mouth", at=int(moment))
    late = [row for row in told if float(row["after_s"]) > int(moment)]
    assert drawn.count('class="branch who later"') == len(late) > 0
    assert f"{len(told) - 1 - len(late)} reached" in drawn


def test_each_cascade_leads_to_its_own_tree(world):
    listed = world.rows(
        "SELECT root, root_id, customers FROM cascades WHERE brand = 'lumiere' ORDER BY customers"
    )
    assert len(lines(world, "word-of-mouth", "cascades")) == len(listed)
    smallest, largest = listed[0], listed[-1]
    for asked, shown in ((smallest["root"], smallest), (1, largest)):
        tree = lines(world, "word-of-mouth", "growth", root=asked)
        assert len([row for row in tree if row["generation"] != "0"]) == shown["customers"]


def test_content_counts_customers_and_leads_to_them(world):
    for row in lines(world, "content", "works"):
        name = row["content"].replace("'", "''")
        counted = f"SELECT uniqExact(customer), count() FROM touchpoints WHERE brand = 'lumiere' AND content = '{name}'"
        assert only(world, counted) == (int(row["customers"]), int(row["touches"]))
        behind = lines(world, "content", "touched", content=row["content"])
        assert len(behind) == int(row["customers"])
        assert sum(each["engaged"] == "True" for each in behind) == int(row["engaged"])
    dead = world.rows("SELECT content FROM zombies(days = 7) WHERE brand = 'lumiere'")
    assert sorted(row["content"] for row in lines(world, "content", "zombies")) == sorted(
        row["content"] for row in dead
    )


def test_a_target_leads_to_the_customers_who_stand_there(world):
    told = lines(world, "targets", "progress")
    assert len(told) == 2
    for row in told:
        behind = lines(world, "targets", "standing", stage=row["stage"], channel=row["channel"])
        assert len(behind) == int(row["actual"])
    assert "<b>" not in page(world, "targets")


def test_what_was_planted_is_shown_as_text(world):
    for view in ("channels", "word-of-mouth", "content"):
        assert html.escape(PLANTED) in page(world, view), view


def test_people_heard_are_those_of_the_view_that_alerts_are_raised_from(world):
    heard = "advocates_by_minute(model = (SELECT model FROM model_in_force), since = '2026-10-17 00:00:00', until = '2026-10-18 00:00:00')"
    found = only(world, f"SELECT sum(people) FROM {heard} WHERE brand = 'lumiere' AND kind = 'brand'")
    told = lines(world, "spikes", "series")
    assert sum(int(row["people"]) for row in told) == found[0] > 0
    assert {row["expected"] for row in told} == {""}, (
        "a detector that saw a day of nothing yet expects nothing"
    )


def alerted(world, *sequence, **more):
    ledger = Ledger(world.embedded.store, world.embedded.store.insert)
    for number, what in sequence:
        ledger.add(told(number, what, at_us=NOON_US + 43_200_000_000, brand="lumiere", since_us=NOON_US - 43_200_000_000,
                        last_hot_us=NOON_US + 40_000_000_000, **more))  # fmt: skip
    return ledger


def test_an_alert_is_shown_with_its_people_and_taken_on_from_there(world):
    share = world.rows(
        "SELECT content, uniqExact(customer) AS people"
        " FROM advocacy_touches(model = (SELECT model FROM model_in_force), since = '2026-10-17 00:00:00', until = '2026-10-18 00:00:01')"
        " WHERE brand = 'lumiere' AND direction = 'for' AND content != '' GROUP BY content ORDER BY people DESC LIMIT 1"
    )[0]
    scope = type(told().change.alert.scope)("content", share["content"])
    ledger = alerted(world, (1, "opened"), (2, "grew"), scope=scope, people=share["people"])
    shown = page(world, "spikes")
    assert f"{share['people']} people recommend {share['content']}" in html.unescape(
        re.sub("<[^>]+>", "", shown)
    )
    assert len(lines(world, "spikes", "behind", alert=ALERT)) == share["people"]

    assert '<input type="hidden" name="brand" value="lumiere">' in shown
    form = urlencode({"alert": ALERT, "by": "Ada L.", "brand": "lumiere", "back": "brand=lumiere"}).encode()
    own, form_type = f"http://127.0.0.1:{world.port}", "application/x-www-form-urlencoded"
    target = "/view/spikes/acknowledge"
    foreign = world.ask(target, "POST", form, origin="https://evil.example", content_type=form_type)
    assert (foreign.status, ledger.marks()) == (403, [])
    for wrong in (
        b"alert=ffff&by=Ada&brand=lumiere",
        f"alert={ALERT}&brand=lumiere".encode(),
        f"alert={ALERT}&by=%20&brand=lumiere".encode(),
        f"alert={ALERT}&by=Ada&brand=acme".encode(),
    ):
        nobody = world.ask(target, "POST", wrong, origin=own, content_type=form_type)
        assert (nobody.status, ledger.marks()) == (400, []), "of no alert, by nobody, or of another brand"
    done = world.ask(target, "POST", form, origin=own, content_type=form_type)
    assert done.status == 303
    assert [(mark.mark, mark.alert, mark.by) for mark in ledger.marks()] == [("ack", ALERT, "Ada L.")]
    shown = world.ask(done.headers["location"]).body.decode()
    assert "The alert is taken on" in shown
    assert "Taken on by Ada L." in shown
    assert "<button>Acknowledge" not in shown


def test_support_lists_who_is_unhappy_where_and_by_which_act(world):
    now = datetime.now(UTC)
    about = {"brand": "unloved", "product": PLANTED}
    said = [("ann", "social.comment", {"sentiment": -0.9, "place": PLANTED}), ("ann", "support.ticket", {}), ("bea", "social.share", {}), ("cem", "web.review", {"rating": 1})]  # fmt: skip
    world.load(
        [
            json.dumps(
                event(
                    f"unhappy-{n}",
                    type=kind,
                    time=now.isoformat(),
                    data=about | {"handles": {"user": who}} | more,
                )
            ).encode()
            for n, (who, kind, more) in enumerate(said)
        ]
    )
    asked = {"brand": "unloved", "since": f"{now:%Y-%m-%d}", "until": f"{now:%Y-%m-%d}"}
    until_s = time.monotonic() + 20
    while not (found := lines(world, "support", "unhappy", **asked)) and time.monotonic() < until_s:
        time.sleep(0.2)  # the page asks now and then whether there is anything new
    rows = {row["last_type"]: row for row in found}
    assert rows.keys() == {"social.comment", "web.review"}
    ann = rows["social.comment"]
    assert (ann["place"], ann["open_tickets"], ann["about"]) == (PLANTED, "1", f"{PLANTED} · sentiment -0.9")
    assert float(ann["affinity"]) == float(ann["advocacy"]) == pytest.approx(-1, abs=0.01)
    places = [(place["named"], place["customers"]) for place in lines(world, "support", "places", **asked)]
    assert sorted(places) == sorted([(PLANTED, "1"), ("no place", "1")])
    for place, who in ((PLANTED, ["social.comment"]), ("", ["web.review"]), ("elsewhere", [])):
        chosen = lines(world, "support", "unhappy", chosen="yes", place=place, **asked)
        assert [row["last_type"] for row in chosen] == who, place
    assert "Nobody: no customer" in page(world, "support", since="2026-10-16", until="2026-10-16")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("day", ["2026-10-17", "2026-10-19"])
def test_no_label_is_a_word_of_the_program_with_data_and_without(world, view, day):
    shown = page(world, view, since=day, until=day)
    assert not re.search(r"\b(NaN|None|nan|inf|undefined|null)\b", re.sub(r'class="[^"]*"', "", shown))
    assert "<img" not in shown
    assert "could not be drawn" not in shown
    assert "does not answer" not in shown


@pytest.mark.parametrize(("days", "stage"), [("7", ""), ("90", ""), ("366", "advocacy"), ("1.5", "audience")])
def test_who_lapses_in_the_next_days_is_who_the_views_say(world, days, stage):
    found = world.rows(
        "SELECT stage, customer FROM standings WHERE brand = 'lumiere' AND lapses_at > now()"
        " AND lapses_at < now() + toIntervalSecond({days:Float64} * 86400)",
        days=float(days),
    )
    told = lines(world, "lapses", "soon", days=days, stage=stage)
    chosen = [row for row in found if stage in {"", row["stage"]}]
    assert sorted(row["customer"] for row in told) == sorted(f"{row['customer']:016x}" for row in chosen)
    assert [row["lapses_at"] for row in told] == sorted(row["lapses_at"] for row in told)
    by_stage = {row["stage"]: int(row["customers"]) for row in lines(world, "lapses", "stages", days=days)}
    assert by_stage == Counter(row["stage"] for row in found)


def test_lapses_are_there_to_be_found(world):
    assert lines(world, "lapses", "soon", days="366")
    assert "Nobody falls" in page(world, "lapses", stage="attention", days="1")
    assert world.ask(address("lapses", days="0.5")).status == 400
