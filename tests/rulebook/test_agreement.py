"""What Python once judged in another way than the API server, found by e2e/differential."""

import dataclasses
import json
from dataclasses import replace
from typing import Any

import pytest

from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import PODS, WORKLOADS

(POD,) = PODS.kinds
DEPLOYMENT, STATEFUL_SET, DAEMON_SET = WORKLOADS.kinds
APPARMOR = "container.apparmor.security.beta.kubernetes.io/app"
UNCONFINED = {"appArmorProfile": {"type": "Unconfined"}}


def pod(**changes: Any) -> dict[str, Any]:
    return examples.manifest(POD, examples.pod_template(Example(**changes)))


def told(obj: dict[str, Any]) -> list[str]:
    return [
        f"{failure.rule} {failure.place} ({failure.found})"
        for failure in standard_judge().failures(obj, examples.ZONE)
    ]


def annotated(value: str, **security: Any) -> dict[str, Any]:
    """Return a Pod whose container has an old AppArmor annotation, beside a profile of the pod."""
    confined = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return pod(annotations={APPARMOR: value}, pod={"securityContext": {**confined, **security}})


@pytest.mark.parametrize(
    ("obj", "broken"),
    [
        (annotated("runtime/default"), []),
        (annotated("runtime/default", **UNCONFINED), []),
        (annotated("localhost/app", **UNCONFINED), []),
        (
            annotated("localhost/", **UNCONFINED),
            ["spec.containers[app].securityContext.appArmorProfile (Unconfined)"],
        ),
        (
            annotated("unconfined"),
            [
                "spec.containers[app].securityContext.appArmorProfile (Unconfined)",
                f"metadata.annotations[{APPARMOR}] (unconfined)",
            ],
        ),
    ],
)
def test_the_annotation_of_a_pod_is_read_as_its_field(
    obj: dict[str, Any], broken: list[str]
) -> None:
    assert told(obj) == [f"PHI-POD-002 {each}" for each in broken]


def test_the_annotation_of_a_template_is_not() -> None:
    template = examples.pod_template(Example(annotations={APPARMOR: "unconfined"}))
    assert told(examples.manifest(DEPLOYMENT, template)) == [
        f"PHI-POD-002 spec.template.metadata.annotations[{APPARMOR}] (unconfined)"
    ]


def test_a_field_of_the_container_counts_for_more_than_its_annotation() -> None:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    profile = {"appArmorProfile": {"type": "RuntimeDefault"}, "readOnlyRootFilesystem": True}
    obj = pod(
        annotations={APPARMOR: "unconfined"}, container={"securityContext": {**security, **profile}}
    )
    assert told(obj) == [f"PHI-POD-002 metadata.annotations[{APPARMOR}] (unconfined)"]


def test_a_long_name_of_an_annotation_is_told_in_full() -> None:
    key = f"{'long.' * 49}example/{'a' * 63}"
    assert told(pod(annotations={key: "://u:p@h"})) == [
        f"PHI-SEC-001 metadata.annotations[{key}] ((not shown))"
    ]


def test_ports_are_told_where_they_are_the_fault() -> None:
    """On the node's network the API server writes a hostPort for every port."""
    ports = {"ports": [{"containerPort": 8443}]}
    shares = ["PHI-POD-003 spec (hostNetwork )"]
    assert told(pod(pod={"hostNetwork": True}, container=ports)) == shares
    ports["ports"][0]["hostPort"] = 8443
    assert told(pod(pod={"hostNetwork": True}, container=ports)) == shares
    assert told(pod(container=ports)) == ["PHI-POD-003 spec.containers[app].ports (8443)"]


@pytest.mark.parametrize(
    ("kind", "field"),
    [(DEPLOYMENT, "strategy"), (STATEFUL_SET, "updateStrategy"), (DAEMON_SET, "updateStrategy")],
)
def test_an_empty_strategy_is_the_default_one(kind: Any, field: str) -> None:
    obj = examples.manifest(kind, examples.pod_template(Example()))
    obj["spec"][field] = {"type": ""}
    assert told(obj) == []


def test_failures_of_the_template_come_before_those_of_the_settings() -> None:
    template = examples.pod_template(Example(annotations={"dsn": "://u:p@h"}))
    obj = examples.manifest(DEPLOYMENT, template)
    obj["spec"]["strategy"] = {"type": "Recreate"}
    assert [line.split()[0] for line in told(obj)] == ["PHI-SEC-001", "PHI-REL-001"]


@pytest.mark.parametrize(
    ("path", "value", "told_as"),
    [
        ("capabilities", {"drop": []}, "capabilities.drop (absent)"),
        ("seLinuxOptions", {"user": "u", "type": ""}, "seLinuxOptions (user or role)"),
    ],
)
def test_what_is_empty_is_found_absent(path: str, value: Any, told_as: str) -> None:
    obj = json.loads(json.dumps(pod()))
    obj["spec"]["containers"][0]["securityContext"][path] = value
    assert told(obj) == [f"PHI-POD-001 spec.containers[app].securityContext.{told_as}"]


def test_an_empty_policy_for_traffic_is_the_default_one() -> None:
    spec = {"type": "NodePort", "selector": {"app": "app"}, "externalTrafficPolicy": ""}
    found = told({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec})
    assert "PHI-NET-005 spec.externalTrafficPolicy (Cluster)" in found


def test_a_claim_that_kubernetes_bound_names_a_volume_that_nobody_chose() -> None:
    """The API server tells by who writes the name; of what stands, an annotation tells."""
    claim: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "records"},
        "spec": {"storageClassName": "fast", "volumeName": "pvc-1"},
    }
    zone = replace(examples.ZONE, storage_classes=("fast",))
    judge = standard_judge()
    assert [f.place for f in judge.failures(claim, zone)] == ["spec.volumeName"]
    claim["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
    assert judge.failures(claim, zone) == ()


@pytest.mark.parametrize("named", [{}, {"name": ""}])
def test_a_secret_of_an_empty_name_is_one_of_none(named: dict[str, str]) -> None:
    """The API server leaves an empty name out."""
    zone = dataclasses.replace(examples.ZONE, secrets=())
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {**named, "key": "k"}}}]
    volumes = [{"name": "v", "projected": {"sources": [{"secret": named}]}}]
    container = {"env": env, "envFrom": [{"secretRef": named}]}
    obj = pod(container=container, pod={"volumes": volumes})
    found = [(f.rule, f.found) for f in standard_judge().failures(obj, zone)]
    assert found == [("PHI-SEC-002", "none")] * 3
