"""deploy/docs/guide/adapters.md says what the code does."""

import re
import tomllib
from pathlib import Path

from schemas.webhook import SCHEMES, bundled, parse_webhook
from streams.collector.adapters.activities import REVERSED
from streams.collector.adapters.segment import Segment
from streams.settings import ENVIRONMENT

FILE = Path(__file__).parents[3] / "deploy" / "docs" / "guide" / "adapters.md"
TEXT = FILE.read_text(encoding="utf-8")


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


def test_its_variables_are_those_of_the_settings():
    assert {name.replace("SQUARE", "NAME") for name in re.findall(r"JOURNEY_[A-Z_]+", TEXT)} <= set(
        ENVIRONMENT
    )


def test_its_example_of_a_mapping_is_one():
    example = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)[1]
    assert tomllib.loads(example)["version"] == 1
    (event,) = parse_webhook(example, name="doors").events
    assert event.type == "store.check_in"
