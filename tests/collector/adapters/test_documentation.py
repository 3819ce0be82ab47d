"""deploy/docs/guide/adapters.md and webhooks.md say what the code does."""

import re
import tomllib
from pathlib import Path

from schemas.reversals import REVERSED
from schemas.webhook import SCHEMES, bundled, parse_webhook
from streams.collector.adapters.segment import Segment
from streams.settings import ENVIRONMENT

GUIDE = Path(__file__).parents[3] / "deploy" / "docs" / "guide"
WEBHOOKS = (GUIDE / "webhooks.md").read_text(encoding="utf-8")
TEXT = (GUIDE / "adapters.md").read_text(encoding="utf-8") + WEBHOOKS
PROVIDERS = (GUIDE / "webhook-providers.md").read_text(encoding="utf-8")


def test_every_name_that_one_needs_is_there():
    wanted = [
        *bundled(),
        *SCHEMES,
        *REVERSED,
        *REVERSED.values(),
        *(path.rpartition("/")[2] for path in Segment.routes),
    ]
    assert not [
        name
        for name in wanted
        if f"`{name}`" not in TEXT and f"`/v1/{name}`" not in TEXT and f"/{name}`" not in TEXT
    ]


def test_every_provider_has_a_section_that_says_what_to_click():
    assert not [name for name in bundled() if f"`{name}`" not in PROVIDERS]
    signed = {name for name, mapping in bundled().items() if mapping.signature.scheme == "hmac"}
    assert not [name for name in signed if f"JOURNEY_WEBHOOK_{name.upper()}_SECRET" not in PROVIDERS]


def test_every_reason_to_pass_over_is_there():
    reasons = {
        reason
        for mapping in bundled().values()
        for event in (mapping, *mapping.events)
        for reason in getattr(event, "passed", getattr(event, "unless", ()))
    }
    assert not [
        reason
        for reason in {*reasons, "no_event", "other_account", "unknown_original"}
        if f"`{reason}`" not in WEBHOOKS
    ]


def test_its_variables_are_those_of_the_settings():
    names = "|".join(name.upper() for name in bundled())
    assert {
        re.sub(rf"_({names})_", "_NAME_", name) for name in re.findall(r"JOURNEY_[A-Z_]+", TEXT + PROVIDERS)
    } <= set(ENVIRONMENT)


def test_its_examples_of_mappings_are_some():
    one, batch = re.findall(r"```toml\n(.*?)```", WEBHOOKS, re.DOTALL)
    assert tomllib.loads(one)["version"] == 1
    (event,) = parse_webhook(one, name="doors").events
    assert event.type == "store.check_in"
    assert event.taken_back.by
    mapping = parse_webhook(batch, name="batch")
    assert [name for name, _ in mapping.items[0].each] == ["entry", "item"]
