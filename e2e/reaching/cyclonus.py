"""The verdicts of cyclonus' simulation engine, an implementation that owes nothing to this one."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.reach.oracle import Who

Body = dict[str, Any]
Connection = tuple[Who, Who, str, int]


def verdicts(
    binary: Path, asked: Iterable[tuple[list[Body], list[Connection]]]
) -> list[list[bool]]:
    """Return cyclonus' verdict of every connection of every case."""
    lines = [
        json.dumps(
            {
                "policies": [_defaulted(policy) for policy in policies],
                "connections": [_connection(*each) for each in connections],
            }
        )
        for policies, connections in asked
    ]
    done = subprocess.run(
        [binary], input="\n".join(lines), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def as_cyclonus_reads(policies: list[Body]) -> list[Body]:
    """Return policies that mean to Kubernetes what the given ones mean to cyclonus.

    One difference is known. NotIn matches objects that have no such label: "selects all
    resources with key equal to tier and values distinct from frontend and backend, and all
    resources with no labels with the tier key"
    (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/), and so does
    `labels.Requirement.Matches` of k8s.io/apimachinery, which the API server uses. To
    cyclonus an object without the label never matches.
    """
    read = copy.deepcopy(policies)
    for selector in _selectors(read):
        expressions = selector.get("matchExpressions") or []
        expressions += [
            {"key": each["key"], "operator": "Exists"}
            for each in expressions
            if each["operator"] == "NotIn"
        ]
    return read


def _selectors(value: Any) -> Iterator[Body]:
    if isinstance(value, list):
        for item in value:
            yield from _selectors(item)
    elif isinstance(value, dict):
        if "matchExpressions" in value:
            yield value
        for item in value.values():
            yield from _selectors(item)


def _defaulted(policy: Body) -> Body:
    """Return a policy as the API server stores it: cyclonus refuses one without policyTypes."""
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return {**policy, "spec": {**spec, "policyTypes": types}}


def _connection(source: Who, target: Who, protocol: str, port: int) -> Body:
    return {
        "source": _end(source),
        "target": _end(target),
        "port": port,
        "portName": _name(target, protocol, port),
        "protocol": protocol,
    }


def _end(who: Who) -> Body:
    (address,) = who.addresses
    if who.pod is None or not who.on_pod_network:
        return {"ip": address}
    metadata = who.pod["metadata"]
    return {
        "ip": address,
        "namespace": metadata["namespace"],
        "namespaceLabels": who.namespace_labels,
        "podLabels": metadata["labels"],
    }


def _name(target: Who, protocol: str, port: int) -> str:
    """Return the name of a port, which cyclonus leaves to whoever asks."""
    if target.pod is None:
        return ""
    (container,) = target.pod["spec"]["containers"]
    for each in container["ports"]:
        if (each["protocol"], each["containerPort"]) == (protocol, port):
            return str(each["name"])
    return ""
