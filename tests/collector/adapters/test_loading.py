"""What the settings name: mappings of one's own, secrets from variables and files, and mistakes in them."""

import os

import pytest

from streams.collector.adapters import Unverified
from streams.collector.adapters.files import load
from streams.settings import Settings, SettingsError
from tests.collector.adapters.edge import events, request
from tests.collector.adapters.test_signatures import BODY, SECRET, signed
from tests.collector.adapters.test_webhooks import OWN
from tests.fixtures import commands


def adapter(path):
    return next(each for each in load(Settings.read().adapters) if path in each.routes)


@pytest.mark.parametrize("by_file", [False, True])
def test_a_webhook_of_ones_own_is_read_and_its_secret_comes_from_a_variable_or_a_file(
    tmp_path, monkeypatch, by_file
):
    (tmp_path / "front-doors.toml").write_text(OWN.replace("none", "shopify"))
    (tmp_path / "secret").write_text(f"old\n{SECRET}\n")
    monkeypatch.setenv("JOURNEY_WEBHOOKS", str(tmp_path))
    if by_file:
        monkeypatch.setenv("JOURNEY_WEBHOOK_FRONT_DOORS_SECRET_FILE", str(tmp_path / "secret"))
    else:
        monkeypatch.setenv("JOURNEY_WEBHOOK_FRONT_DOORS_SECRET", f"old {SECRET}")
    webhooks = adapter("/v1/webhooks/{name}")
    webhooks.verify(request("/v1/webhooks/front-doors", BODY, headers=signed("shopify")))
    with pytest.raises(Unverified):
        webhooks.verify(request("/v1/webhooks/shopify", BODY, headers=signed("shopify")))
    assert SECRET not in repr(Settings.read())


def test_a_mapping_of_ones_own_takes_the_place_of_the_bundled_one(tmp_path, monkeypatch):
    text = 'version = 1\n[calls]\npage = "app.seen"\nscreen = "app.seen"\ngroup = "app.group"\n[areas]\nweb = "app"\n'
    (tmp_path / "own.toml").write_text(text)
    monkeypatch.setenv("JOURNEY_SEGMENT", str(tmp_path / "own.toml"))
    (event,) = events(adapter("/v1/page").translate(request("/v1/page", {"userId": "u"})))
    assert event["type"] == "app.seen"


@pytest.mark.parametrize(
    ("variable", "name", "text", "told"),
    [
        ("JOURNEY_SEGMENT", "a.toml", "version = 2", "version"), ("JOURNEY_SEGMENT", "nothing", None, "cannot be read"),
        ("JOURNEY_WEBHOOKS", "a.toml", "version = 2", "signature"), ("JOURNEY_WEBHOOKS", "A b.toml", "", "small letters"),
        ("JOURNEY_WEBHOOK_SQUARE_SECRET_FILE", "nothing", None, "cannot be read"), ("JOURNEY_WEBHOOKS", "nothing", None, "not a folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_with_its_variable(tmp_path, monkeypatch, variable, name, text, told):
    if text is not None:
        (tmp_path / name).write_text(text)
    folder = variable == "JOURNEY_WEBHOOKS" and text is not None
    monkeypatch.setenv(variable, str(tmp_path if folder else tmp_path / name))
    with pytest.raises(SettingsError, match=f"{variable}(.|\n)*{told}"):
        load(Settings.read().adapters)


def test_a_collector_with_a_mapping_that_cannot_be_used_does_not_start_and_says_why(tmp_path):
    (tmp_path / "a.toml").write_text(OWN.replace("item.id", "item."))
    environment = os.environ | {
        "JOURNEY_WEBHOOKS": str(tmp_path),
        "JOURNEY_COLLECTOR_PORT": "0",
        "JOURNEY_WEB_PORT": "0",
    }
    command = [commands.JOURNEY, "collector", "--data", str(tmp_path / "data")]
    done = commands.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "event.0.id" in done.stderr
    assert "Traceback" not in done.stderr
