"""What phiwarden manages of an object, in one spelling.

A desired object and the live one are compared by this alone: equal means that
no write is needed. It is blind to what the API server adds and to what others
own, and keeps everything else, fields that it does not know included, so that
no widening escapes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.amounts import canonical_quantity
from phiwarden.api.workload import Enforcement
from phiwarden.boundary.namespace import pod_security

_OWNER_LABELS: Final = (names.MANAGED_BY, names.WORKLOAD, names.ZONE)


def managed(body: Mapping[str, Any]) -> Any:
    """Return the part of a desired or live object that phiwarden manages.

    Raises:
        ValueError: for a kind that phiwarden's boundary has no objects of.
    """
    kind = body.get("kind")
    project = _PROJECTIONS.get(str(kind))
    if project is None:
        raise ValueError(f"the boundary manages no objects of kind {kind!r}")
    return {"kind": kind, **project(body)}


def digest(body: Mapping[str, Any]) -> bytes:
    """Return 16 bytes that are equal when `managed` is."""
    canonical = json.dumps(managed(body), sort_keys=True, separators=(",", ":"))
    return blake2b(canonical.encode(), digest_size=16).digest()


def spec_digest(body: Mapping[str, Any]) -> bytes:
    """Return 16 bytes that are equal when a spec and whose it is are, of any kind."""
    text = json.dumps([body.get("spec"), _owner_labels(body)], sort_keys=True)
    return blake2b(text.encode(), digest_size=16).digest()


def _namespace(body: Mapping[str, Any]) -> dict[str, Any]:
    """Pick our labels and annotations.

    Of the Pod Security labels ours are those that the zone's own enforcement
    sets: another one is somebody else's, and not ours to remove.
    """
    metadata = body.get("metadata") or {}
    labels = metadata.get("labels") or {}
    try:
        enforcement = Enforcement(labels.get(names.ENFORCEMENT, ""))
    except ValueError:
        enforcement = Enforcement.ENFORCE
    ours = (names.MANAGED_BY, *names.BOUNDARY_LABELS, *pod_security(enforcement, relaxed=False))
    return {
        "labels": _pick(labels, ours),
        "annotations": _pick(
            metadata.get("annotations") or {},
            (*names.BOUNDARY_ANNOTATIONS, *names.OPTIONAL_ANNOTATIONS),
        ),
    }


def _service_account(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "labels": _owner_labels(body),
        "automountServiceAccountToken": body.get("automountServiceAccountToken"),
    }


def _network_policy(body: Mapping[str, Any]) -> dict[str, Any]:
    spec = dict(body.get("spec") or {})
    ingress = [_traffic_rule(rule, "from") for rule in spec.pop("ingress", None) or ()]
    egress = [_traffic_rule(rule, "to") for rule in spec.pop("egress", None) or ()]
    # https://kubernetes.io/docs/concepts/services-networking/network-policies/
    defaulted = ["Ingress", "Egress"] if egress else ["Ingress"]
    types = spec.pop("policyTypes", None) or defaulted
    return {
        "labels": _owner_labels(body),
        "spec": {
            **spec,
            "podSelector": _selector(spec.get("podSelector") or {}),
            "policyTypes": sorted(types),
            "ingress": ingress,
            "egress": egress,
        },
    }


def _traffic_rule(rule: Mapping[str, Any] | None, side: str) -> dict[str, Any]:
    rest = _without_empty(rule or {}, side, "ports")
    if side in rest:
        rest[side] = [_peer(peer) for peer in rest[side]]
    if "ports" in rest:
        rest["ports"] = [{"protocol": "TCP", **port} for port in rest["ports"]]
    return rest


def _peer(peer: Mapping[str, Any]) -> dict[str, Any]:
    rest = dict(peer)
    for key in ("namespaceSelector", "podSelector"):
        # Present but empty selects everything; absent does not.
        if rest.get(key) is not None:
            rest[key] = _selector(rest[key])
    if rest.get("ipBlock") is not None:
        rest["ipBlock"] = _without_empty(rest["ipBlock"], "except")
    return rest


def _selector(selector: Mapping[str, Any]) -> dict[str, Any]:
    return _without_empty(selector, "matchLabels", "matchExpressions")


def _resource_quota(body: Mapping[str, Any]) -> dict[str, Any]:
    spec = _without_empty(body.get("spec") or {}, "scopes", "scopeSelector")
    spec["hard"] = _quantities(spec.get("hard") or {})
    return {"labels": _owner_labels(body), "spec": spec}


def _limit_range(body: Mapping[str, Any]) -> dict[str, Any]:
    spec = dict(body.get("spec") or {})
    spec["limits"] = [
        {
            field: _quantities(value) if isinstance(value, Mapping) else value
            for field, value in limit.items()
        }
        for limit in spec.get("limits") or ()
    ]
    return {"labels": _owner_labels(body), "spec": spec}


def _quantities(values: Mapping[str, Any]) -> dict[str, str]:
    return {resource: canonical_quantity(value) for resource, value in values.items()}


def _owner_labels(body: Mapping[str, Any]) -> dict[str, str]:
    return _pick((body.get("metadata") or {}).get("labels") or {}, _OWNER_LABELS)


def _pick(values: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    return {key: values[key] for key in keys if key in values}


def _without_empty(values: Mapping[str, Any], *fields: str) -> dict[str, Any]:
    """Leave out those of the fields that mean the same empty and absent."""
    return {key: value for key, value in values.items() if key not in fields or value}


_PROJECTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "Namespace": _namespace,
    "ServiceAccount": _service_account,
    "NetworkPolicy": _network_policy,
    "ResourceQuota": _resource_quota,
    "LimitRange": _limit_range,
}
