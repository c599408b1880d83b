"""Clusters to plan for: a namespace, what stands in it, and what is declared around it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.model import Facts
from phiwarden.preview.model import Cluster, Declared, Fate, Outlook
from phiwarden.preview.outlook import outlooks
from phiwarden.remediation.history import digest_of
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.examples import ZONE, manifest, pod_template
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import BUDGET, CONTROLLER_REVISION, POD_SHAPES, Kind

TODAY = dt.date(2026, 11, 20)
NOW = "2026-11-20T12:00:00Z"
AT = dt.datetime.fromisoformat(NOW)
NAMESPACE = "portal-clinical"
KINDS = {kind.kind: kind for shape in POD_SHAPES for kind in shape.kinds}
Object = dict[str, Any]

SPEC: Object = {
    "owner": {"team": "digital-health", "contact": "digital-health@hospital.example"},
    "environment": "production",
    "clinicalImpact": "direct-care",
    "enforcement": "enforce",
    "residency": {"regions": list(ZONE.regions)},
    "zones": [
        {
            "name": "clinical",
            "data": "phi",
            "adopt": True,
            "images": {"registries": list(ZONE.registries)},
            "serviceAccounts": [{"name": "app"}],
        }
    ],
}


def declared(name: str = "portal", *, created: str = NOW, **spec: Any) -> Declared:
    return Declared(name, WorkloadSpec.model_validate({**SPEC, **spec}), created)


def zone(**fields: Any) -> list[Object]:
    """Return the zones of a declaration: the usual one, changed."""
    return [{**SPEC["zones"][0], **fields}]


def namespaces(*standing: Declared) -> dict[str, Object]:
    """Return the Namespaces of declarations as phiwarden makes them."""
    made = [
        plan.namespace.body
        for each in standing
        for plan in compile_boundary(each.name, each.spec, Facts(TODAY)).zones
    ]
    return {body["metadata"]["name"]: body for body in made}


def budget(name: str = "all", **spec: Any) -> Object:
    """Return a PodDisruptionBudget, of every pod if nothing else is said."""
    return thing(BUDGET, name, spec={"selector": {}, "maxUnavailable": 1, **spec})


def cluster(
    *objects: Object, standing: Declared | None = None, protected: bool = True, **fields: Any
) -> Cluster:
    """Return a cluster in which a declaration stands, or only a namespace of nobody."""
    found = [standing] if standing is not None else []
    known = {
        "workloads": {each.name: each for each in found},
        "namespaces": namespaces(*found) or {NAMESPACE: {"metadata": {"name": NAMESPACE}}},
        "objects": {NAMESPACE: (*objects, *([budget()] if protected else []))},
    }
    return Cluster(**{**known, **fields})


def plan(to_be: Declared, around: Cluster) -> Outlook:
    (found,) = outlooks([to_be], around, standard_judge(), AT)
    return found


def fates(outlook: Outlook) -> dict[str, Fate]:
    (zone_,) = outlook.zones
    return {f"{fate.kind}/{fate.name}": fate for fate in zone_.objects}


def runs(kind: str, name: str = "app", *, owner: str | None = None, **container: Any) -> Object:
    """Return an object that carries a pod template; its uid is its kind and name."""
    template = pod_template(Example(container=container))
    return owned(manifest(KINDS[kind], template, name), owner)


def thing(kind: Kind, name: str, *, owner: str | None = None, **fields: Any) -> Object:
    """Return an object that carries no pod template."""
    head = {"apiVersion": kind.api_version, "kind": kind.kind}
    return owned({**head, "metadata": {"name": name}, **fields}, owner)


def owned(body: Object, owner: str | None) -> Object:
    uid = f"{body['kind']}/{body['metadata']['name']}"
    metadata = {**body["metadata"], "uid": uid, "resourceVersion": "7"}
    if owner is not None:
        kind, _, name = owner.partition("/")
        version = KINDS[kind].api_version if kind in KINDS else "somebody.example/v1"
        named = {"apiVersion": version, "kind": kind, "name": name, "uid": owner}
        metadata["ownerReferences"] = [{**named, "controller": True}]
    return {**body, "metadata": metadata}


def revision(of: str, number: int, **container: Any) -> Object:
    """Return a ReplicaSet that keeps a revision of a Deployment."""
    body = runs("ReplicaSet", f"{of}-{number}", owner=f"Deployment/{of}", **container)
    body["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": str(number)}
    return body


def kept(kind: str, number: int, of: str = "app", **container: Any) -> Object:
    """Return what keeps a revision of a Deployment, StatefulSet or DaemonSet."""
    if kind == "Deployment":
        return revision(of, number, **container)
    template = pod_template(Example(container=container))
    data = {"spec": {"template": {**template, "$patch": "replace"}}}
    name, owner = f"{of}-{number}", f"{kind}/{of}"
    return thing(CONTROLLER_REVISION, name, owner=owner, data=data, revision=number)


def history(kind: str, *worked: Object, of: str = "app", **status: Any) -> Object:
    """Return what is remembered of a workload: containers of templates that worked, and more."""
    digests = [digest_of(pod_template(Example(container=container))) for container in worked]
    owner = {"apiVersion": KINDS[kind].api_version, "kind": kind, "name": of, "uid": f"{kind}/{of}"}
    return {
        "metadata": {
            "name": f"{kind.lower()}.{of}",
            "namespace": NAMESPACE,
            "ownerReferences": [owner],
        },
        "spec": {"kind": kind, "name": of},
        "status": {"worked": [{"template": d, "time": NOW} for d in digests], **status},
    }


def remembered(*histories: Object) -> dict[str, tuple[Object, ...]]:
    """Return what a cluster remembers of the workloads of the one namespace."""
    return {NAMESPACE: histories}


def pod_of(owner: str, **labels: str) -> Object:
    """Return a pod that the controller of that uid made, with further labels."""
    body = runs("Pod", f"{owner.partition('/')[2]}-x", owner=owner)
    body["metadata"]["labels"] = {"app": "app", **labels}
    return body
