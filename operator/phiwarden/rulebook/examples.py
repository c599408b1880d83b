"""Whole objects from a rule's examples: for tests, and to show a rule to people."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from phiwarden.api import names
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.model import LISTS, Each, Example, Reads, Rule
from phiwarden.rulebook.shapes import POD_SHAPES, PODS, WORKLOADS, Kind

DIGEST: Final = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

ZONE: Final = ZoneBoundary(
    workload="portal",
    zone="clinical",
    data="phi",
    environment="production",
    impact="direct-care",
    enforcement="enforce",
    exposure="none",
    registries=("registry.hospital.example/portal",),
    service_accounts=("app",),
    regions=("us-east-1", "us-west-2"),
)
"""The zone that examples are judged in, where they do not say otherwise."""

_CONTAINER: Final[dict[str, Any]] = {
    "name": "app",
    "image": f"registry.hospital.example/portal/app@{DIGEST}",
    "resources": {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "128Mi"},
    },
    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8443}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    },
}

NOT_IN: Final = {
    "initContainers": ("readinessProbe", "livenessProbe", "startupProbe", "lifecycle"),
    "ephemeralContainers": (
        "readinessProbe",
        "livenessProbe",
        "startupProbe",
        "lifecycle",
        "ports",
        "resources",
    ),
}
"""Fields that the API server takes in no such container."""

_POD: Final[dict[str, Any]] = {
    "serviceAccountName": "app",
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "nodeSelector": {names.REGION: "us-east-1"},
    "containers": [_CONTAINER],
}


def zone_of(example: Example) -> ZoneBoundary:
    """Return the zone that an example is judged in."""
    changes: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in example.zone.items()
    }
    return replace(ZONE, **changes)


def _changed(base: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    merged = copy.deepcopy({**base, **(changes or {})})
    return {key: value for key, value in merged.items() if value is not None}


def pod_template(example: Example, container_list: str = "containers") -> dict[str, Any]:
    """Return metadata and spec of a pod with the example's changes.

    Args:
        example: the changes.
        container_list: which of the three lists the changed container stands in.
    """
    changed = _changed(_CONTAINER, example.container)
    pod = _changed(_POD, example.pod)
    if container_list == "containers":
        pod["containers"] = [changed]
    else:
        if example.pod is not None:
            # The example changes what all containers inherit, so all of them change with it.
            pod["containers"] = [changed]
        second = {k: v for k, v in changed.items() if k not in NOT_IN[container_list]}
        pod[container_list] = [{**second, "name": "second"}]
    metadata: dict[str, Any] = {"labels": {"app": "app"}}
    if example.annotations is not None:
        metadata["annotations"] = dict(example.annotations)
    return {"metadata": metadata, "spec": pod}


def _spec(kind: Kind, template: Mapping[str, Any]) -> dict[str, Any]:
    selector = {"matchLabels": {"app": "app"}}
    match kind.kind:
        case "Deployment":
            return {"replicas": 2, "selector": selector, "template": template}
        case "DaemonSet" | "ReplicaSet":
            return {"selector": selector, "template": template}
        case "StatefulSet":
            service = {"replicas": 2, "serviceName": "app"}
            return {**service, "selector": selector, "template": template}
        case "ReplicationController":
            return {"selector": {"app": "app"}, "template": template}
        case "Job":
            return {"template": _once(template)}
        case "CronJob":
            return {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": _once(template)}}}
    raise KeyError(kind.kind)


def _once(template: Mapping[str, Any]) -> dict[str, Any]:
    return {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}


def manifest(kind: Kind, template: Mapping[str, Any], name: str = "app") -> dict[str, Any]:
    """Return an object of a pod-carrying kind around a pod template."""
    head = {"apiVersion": kind.api_version, "kind": kind.kind}
    if kind.kind == "Pod":
        metadata = {"name": name, **template["metadata"]}
        return {**head, "metadata": metadata, "spec": template["spec"]}
    return {**head, "metadata": {"name": name}, "spec": _spec(kind, template)}


def objects(rule: Rule, example: Example) -> Iterator[dict[str, Any]]:
    """Yield the objects of an example, in every kind and container list that its rule looks at.

    Ephemeral containers stand in running pods only, and so in no template:
    the API server's own validation refuses them in a new object.
    """
    if example.object is not None:
        metadata = {"name": "app", **example.object.get("metadata", {})}
        yield {**copy.deepcopy(example.object), "metadata": metadata}
        return
    if example.settings is not None:
        deployment = manifest(WORKLOADS.kinds[0], pod_template(example))
        yield {**deployment, "spec": _changed(deployment["spec"], example.settings)}
        return
    reads = {rule.reads_of(check) for check in rule.checks}
    shapes = POD_SHAPES if Reads.POD in reads else (WORKLOADS,)
    for shape in shapes:
        for kind in shape.kinds:
            for container_list in _lists(rule, example):
                yield manifest(kind, pod_template(example, container_list))


def _lists(rule: Rule, example: Example) -> tuple[str, ...]:
    """Return the lists in which an example's container is shown: never the one for debugging."""
    if example.container is None:
        return ("containers",)
    eaches = {check.each for check in rule.checks}
    return LISTS[Each.MAIN_CONTAINER if Each.MAIN_CONTAINER in eaches else Each.LASTING_CONTAINER]


def debugged(rule: Rule, example: Example) -> dict[str, Any] | None:
    """Return a pod whose ephemeral container has the example's changes, if the rule looks there."""
    asked = any(
        check.each is Each.CONTAINER and rule.reads_of(check) is Reads.POD for check in rule.checks
    )
    if example.container is None or not asked:
        return None
    return manifest(PODS.kinds[0], pod_template(example, "ephemeralContainers"))


def every(rules: tuple[Rule, ...]) -> Iterator[tuple[Rule, bool, int, Example]]:
    """Yield (rule, whether it passes, number, example) of all examples."""
    for rule in rules:
        for passes, examples in ((True, rule.examples.passing), (False, rule.examples.failing)):
            for number, example in enumerate(examples):
                yield rule, passes, number, example
