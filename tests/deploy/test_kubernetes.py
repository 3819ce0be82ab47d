"""deploy/kubernetes: every document is one, and whatever one names is there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from streams.alerts.config import read
from streams.settings import ENVIRONMENT, CollectorSettings, Settings
from tests.destinations.world import of_an_example

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
VERSIONS = ("1.30", "1.34", kubernetes_validate.latest_version())
SECRET = (
    "journey",
    {"handle-key", "store-password", "watcher-password", "kafka-password", "page-password", "page-token"},
)  # made by the command in kustomization.yaml

Document = dict[str, Any]


def documents() -> list[Document]:
    return [
        document
        for name in KUSTOMIZATION["resources"]
        for document in yaml.safe_load_all((FOLDER / name).read_text())
    ]


def of_kind(*kinds: str) -> list[Document]:
    return [document for document in documents() if document["kind"] in kinds]


def named(kind: str, name: str) -> Document:
    return next(document for document in of_kind(kind) if document["metadata"]["name"] == name)


def pods() -> dict[str, Document]:
    """Pod templates, by the name of what makes them."""
    nightly = {made["metadata"]["name"]: made["spec"]["jobTemplate"]["spec"] for made in of_kind("CronJob")}
    made = {each["metadata"]["name"]: each["spec"] for each in of_kind("Deployment", "Job")} | nightly
    return {name: spec["template"] for name, spec in made.items()}


def containers() -> Iterator[tuple[str, Document]]:
    for name, pod in pods().items():
        for container in pod["spec"]["containers"]:
            yield name, container


def matched(selector: dict[str, str]) -> set[str]:
    return {name for name, pod in pods().items() if selector.items() <= pod["metadata"]["labels"].items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_fits_the_schema_of_its_kind(version: str) -> None:
    for document in documents():
        kubernetes_validate.validate(document, version, strict=True)


def test_the_validator_refuses_what_is_wrong() -> None:
    broken = of_kind("Deployment")[0]
    broken["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_every_file_is_part_of_the_base() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(KUSTOMIZATION["resources"])


def test_no_secret_is_in_the_folder_and_each_that_is_named_is_in_the_instructions() -> None:
    assert of_kind("Secret") == []
    head = (FOLDER / "kustomization.yaml").read_text()
    for _, container in containers():
        for variable in container["env"]:
            if "value" in variable:
                assert not re.search("PASSWORD|TOKEN", variable["name"])
                continue
            secret = variable["valueFrom"]["secretKeyRef"]
            assert secret["name"] == SECRET[0]
            assert secret["key"] in SECRET[1]
    assert "create secret generic journey" in head
    assert set(re.findall(r"--from-literal=([a-z-]+)=", head)) == SECRET[1]


def test_settings_are_those_that_the_program_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = named("ConfigMap", "journey")
    given = {variable["name"] for _, container in containers() for variable in container["env"]}
    assert set(settings["data"]) | given <= set(ENVIRONMENT)
    for _, container in containers():
        assert [each["configMapRef"]["name"] for each in container["envFrom"]] == [
            settings["metadata"]["name"]
        ]
    for name, value in settings["data"].items():
        monkeypatch.setenv(name, value)
    read = Settings.read()
    assert read.store == settings["data"]["JOURNEY_STORE"]
    assert read.kafka.protocol == "SASL_SSL"


def test_ports_and_probes_are_those_of_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = named("ConfigMap", "journey")
    port = int(settings["data"]["JOURNEY_WEB_PORT"])
    for name, container in containers():
        if name in {
            "journey-collector",
            "journey-gateway",
            "journey-worker",
            "journey-watcher",
            "journey-page",
        }:
            ports = {each["name"]: each["containerPort"] for each in container["ports"]}
            events = (
                {"http": CollectorSettings().port} if name in {"journey-collector", "journey-page"} else {}
            )
            assert ports == {"web": port} | events
            assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "web"}
            assert container["livenessProbe"]["httpGet"] == {"path": "/health", "port": "web"}
            assert pods()[name]["metadata"]["annotations"]["prometheus.io/port"] == str(port)
    policy = named("NetworkPolicy", "journey")
    assert [rule["ports"] for rule in policy["spec"]["ingress"]] == [
        [{"protocol": "TCP", "port": name}] for name in ("web", "http")
    ]


def test_ports_that_pods_may_reach_are_those_of_the_settings() -> None:
    settings = named("ConfigMap", "journey")
    policy = named("NetworkPolicy", "journey")
    allowed = {
        each["port"] for rule in policy["spec"]["egress"] if "to" not in rule for each in rule["ports"]
    }
    asked = {
        int(re.findall(r":(\d+)", settings["data"][name])[-1]) for name in ("JOURNEY_STORE", "JOURNEY_KAFKA")
    }
    assert allowed == asked


def test_selectors_find_pods() -> None:
    for document in of_kind("Deployment", "PodDisruptionBudget"):
        assert matched(document["spec"]["selector"]["matchLabels"]) == {document["metadata"]["name"]}
    policy = named("NetworkPolicy", "journey")
    assert matched(policy["spec"]["podSelector"]["matchLabels"]) == set(pods())
    more = named("NetworkPolicy", "journey-watcher")
    assert matched(more["spec"]["podSelector"]["matchLabels"]) == {"journey-watcher"}
    (scaler,) = of_kind("HorizontalPodAutoscaler")
    target = scaler["spec"]["scaleTargetRef"]
    assert target["name"] in {deployment["metadata"]["name"] for deployment in of_kind("Deployment")}


def test_there_are_never_more_workers_than_partitions() -> None:
    (scaler,) = of_kind("HorizontalPodAutoscaler")
    (topics,) = (container for name, container in containers() if name == "journey-topics")
    partitions = int(topics["args"][topics["args"].index("--partitions") + 1])
    assert scaler["spec"]["maxReplicas"] <= partitions


def test_pods_have_no_rights() -> None:
    for name, pod in pods().items():
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert pod["spec"]["serviceAccountName"] == of_kind("ServiceAccount")[0]["metadata"]["name"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
    for name, container in containers():
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True), name
        assert set(container["resources"]) == {"requests", "limits"}, name


def test_the_user_of_the_pods_is_that_of_the_image() -> None:
    (user,) = re.findall(r"^USER (\d+):(\d+)$", (FOLDER.parents[1] / "Dockerfile").read_text(), re.MULTILINE)
    for pod in pods().values():
        context = pod["spec"]["securityContext"]
        assert (str(context["runAsUser"]), str(context["runAsGroup"])) == user


def test_workers_are_replaced_one_at_a_time() -> None:
    (worker,) = (each for each in of_kind("Deployment") if each["metadata"]["name"] == "journey-worker")
    assert worker["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert "replicas" not in worker["spec"]  # the scaler's business


def test_the_watcher_is_one_has_no_key_of_handles_and_reads_a_file_of_rules_that_is_one(
    tmp_path: Path,
) -> None:
    watcher = named("Deployment", "journey-watcher")
    assert (watcher["spec"]["replicas"], watcher["spec"]["strategy"]) == (1, {"type": "Recreate"})
    (container,) = watcher["spec"]["template"]["spec"]["containers"]
    given = {variable["name"]: variable for variable in container["env"]}
    assert "JOURNEY_HANDLE_KEY" not in given
    settings = named("ConfigMap", "journey")
    where = settings["data"]["JOURNEY_STORE"].replace("//journey@", "//watcher@")
    assert given["JOURNEY_STORE"]["value"] == where
    (mount,) = (each for each in container["volumeMounts"] if each["name"] == "alerts")
    (name, text), *_ = named("ConfigMap", "journey-alerts")["data"].items()
    assert given["JOURNEY_ALERTS"]["value"] == f"{mount['mountPath']}/{name}"
    (tmp_path / name).write_text(text)
    assert read(tmp_path / name, {}.get).rules  # type: ignore[arg-type]


def test_the_watcher_has_a_file_of_audiences_whose_example_is_one(tmp_path: Path) -> None:
    (container,) = named("Deployment", "journey-watcher")["spec"]["template"]["spec"]["containers"]
    given = {variable["name"]: variable for variable in container["env"]}
    assert given["JOURNEY_AUDIENCES"]["value"] == "/etc/journey/audiences.toml"
    text = named("ConfigMap", "journey-alerts")["data"]["audiences.toml"]
    of_an_example(tmp_path / "audiences.toml", text)
