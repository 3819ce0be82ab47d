"""A labelled conversation: what people say of a film, by hand, with the mood that a reader gave it."""

from tests.cli.conftest import event as made

# Who says what where, with sentiment and rating as a classifier and stars would give them; last, what a reader calls it.
SAID = (
    ("ann", "social.comment", "best evening in months", 0.9, None, "kind"),
    ("bea", "social.share", "go and see it", None, None, "kind"),
    ("cem", "social.comment", "which hall is it in?", -0.1, None, "kind"),
    ("dia", "web.review", "five stars", 0.8, 5, "kind"),
    ("eli", "community.answer", "row 12 is the best", 0.2, None, "kind"),
    ("fay", "social.comment", "an hour in the queue, never again", -0.8, None, "angry"),
    ("gil", "social.share", "do NOT go", -0.9, None, "angry"),
    ("hal", "web.review", "one star", None, 1, "angry"),
    ("ida", "web.review", "lovely film. shame about the cold popcorn and the rude man at the till", 0.4, 2, "angry"),
    ("jon", "community.post", "has anybody got their money back?", -0.5, None, "angry"),
    ("kim", "community.answer", "they do not even pick up", -0.7, None, "angry"),
    ("lea", "social.user_content", "a picture of the broken seat", -0.6, None, "angry"),
    ("ned", "support.ticket", "my card was charged twice", -0.6, None, "neutral"),
)  # fmt: skip
AT, LATER = "2026-11-01T12:00:00Z", "2026-11-02 12:00:00"


def events():
    yield made(
        "visit", "store.purchase", "2026-09-01T12:00:00Z", handles={"social": "x:fay"}, place="bastille"
    )
    for person, kind, _, sentiment, rating, _ in SAID:
        mood = {"sentiment": sentiment, "rating": rating}
        said = {name: value for name, value in mood.items() if value is not None}
        yield made(person, kind, AT, handles={"social": f"x:{person}"}, content=person, **said)


def test_a_reader_and_the_model_agree_on_who_is_angry(journey, write):
    journey("load", str(write(*events())))
    labels = {person: label for person, *_, label in SAID}
    people = journey.rows(
        f"SELECT t.content AS person, j.stage AS stage, j.affinity AS affinity, j.advocacy AS advocacy"
        f" FROM journeys_at(at = '{LATER}') AS j"
        " INNER JOIN (SELECT DISTINCT customer, content FROM touchpoints WHERE content != '') AS t ON t.customer = j.customer"
    )
    called = {
        row["person"]: "angry"
        if (row["advocacy"] or 0) < 0
        else "kind"
        if row["stage"] in ("affinity", "advocacy")
        else "neutral"
        for row in people
    }
    assert called == labels
    angry = sorted(person for person, label in labels.items() if label == "angry")
    listed = journey.rows(f"SELECT * FROM unhappy_customers(at = '{LATER}')")
    assert sorted(row["last_content"] for row in listed) == angry
    (fay,) = [row for row in listed if row["last_content"] == "fay"]
    assert (fay["place"], fay["last_type"], fay["last_sentiment"]) == ("bastille", "social.comment", -0.8)
    spoken = journey.rows(
        "SELECT direction, uniqExact(customer) AS people FROM advocacy_touches(model = (SELECT model FROM model_in_force),"
        " since = '2026-10-01 00:00:00', until = '2026-12-01 00:00:00') GROUP BY direction ORDER BY direction"
    )
    assert [(row["direction"], row["people"]) for row in spoken] == [("against", len(angry)), ("for", 3)]
    assert journey.json("verify")["ok"]
