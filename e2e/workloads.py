"""PHIWorkloads and applications that the stories are told with."""

from __future__ import annotations

import copy
import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from e2e.rest import APPLY, JSON_PATCH, MERGE, Answer, Rest
from e2e.waiting import until
from phiwarden.cluster.resources import WORKLOADS as RESOURCES
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.examples import DIGEST

WORKLOADS = "/apis/phiwarden.dev/v1alpha1/phiworkloads"
NAMESPACES = "/api/v1/namespaces"
Object = dict[str, Any]


def unique(name: str) -> str:
    """Return a name that no other test uses."""
    return f"{name}-{uuid.uuid4().hex[:6]}"


def clinic(name: str, **spec: Any) -> Object:
    """Return a PHIWorkload with three zones, two flows between them and one external.

    Args:
        name: its name; namespaces are named after it.
        spec: fields of the spec to put in place of the usual ones.
    """
    registry = "registry.hospital.example/portal"
    usual = {
        "owner": {"team": "digital-health", "contact": "digital-health@hospital.example"},
        "environment": "production",
        "clinicalImpact": "direct-care",
        "residency": {"regions": ["us-east-1", "us-west-2"]},
        "zones": [
            zone("edge", data="none", exposure="public", images={"registries": [registry]}),
            zone("clinical", data="phi", images={"registries": [registry]}),
            zone("analytics", data="deidentified", images={"registries": [registry]}),
        ],
        "flows": [
            flow({"zone": "edge"}, {"zone": "clinical"}, 8443),
            flow({"zone": "clinical"}, {"external": "epic-fhir"}, 443),
            flow(
                {"zone": "clinical"},
                {"zone": "analytics"},
                5432,
                purpose="operations",
                deidentifiedBy="deid-gateway",
            ),
        ],
        "externals": [external("epic-fhir", "2199-12-31")],
    }
    return {
        "apiVersion": "phiwarden.dev/v1alpha1",
        "kind": "PHIWorkload",
        "metadata": {"name": name},
        "spec": {**usual, **spec},
    }


def zone(name: str, **fields: Any) -> Object:
    """Return a zone with one service account, `app`."""
    return {"name": name, "data": "none", "serviceAccounts": [{"name": "app"}], **fields}


def flow(source: Object, destination: Object, port: int, **fields: Any) -> Object:
    """Return a flow for treatment on one TCP port."""
    ends = {"from": source, "to": destination}
    return {**ends, "ports": [{"port": port}], "purpose": "treatment", **fields}


def external(name: str, expires: str, **fields: Any) -> Object:
    """Return an external EHR under a BAA that is in force until the given day."""
    agreement = {
        "type": "BAA",
        "counterparty": "Epic",
        "reference": "BAA-2026-014",
        "expires": expires,
    }
    cidrs = ["203.0.113.0/24"]
    return {
        "name": name,
        "kind": "ehr",
        "cidrs": cidrs,
        "region": "us-east-1",
        "agreement": agreement,
        **fields,
    }


def apply(rest: Rest, workload: Object) -> Answer:
    """Apply a PHIWorkload as kubectl's server-side apply does."""
    path = f"{WORKLOADS}/{workload['metadata']['name']}"
    return rest.request("PATCH", path, workload, content=APPLY, fieldManager="e2e", force="true")


def change(rest: Rest, name: str, **spec: Any) -> Answer:
    """Change fields of a PHIWorkload's spec."""
    return rest.request("PATCH", f"{WORKLOADS}/{name}", {"spec": spec}, content=MERGE)


def status(rest: Rest, name: str) -> Object:
    """Return the status of a PHIWorkload, empty if nothing was said yet."""
    found: Object = rest.get(f"{WORKLOADS}/{name}").body.get("status") or {}
    return found


def condition(rest: Rest, name: str, kind: str) -> Object:
    """Return a condition that speaks of the current generation, else an empty one."""
    body = rest.get(f"{WORKLOADS}/{name}").body
    for entry in (body.get("status") or {}).get("conditions") or ():
        current = entry.get("observedGeneration") == body["metadata"]["generation"]
        if entry["type"] == kind and current:
            found: Object = entry
            return found
    return {}


def wait(
    rest: Rest, name: str, kind: str = "Ready", value: str = "True", reason: str = ""
) -> Object:
    """Wait until a condition of the current generation has a value, and a reason if one is named."""

    def there() -> Object | None:
        entry = condition(rest, name, kind)
        told = entry.get("status") == value and (not reason or entry["reason"] == reason)
        return entry if told else None

    return until(there, f"{name}: {kind} is {value} {reason}; {status(rest, name)}")


def zone_status(rest: Rest, name: str, zone_name: str) -> Object:
    """Return what the status says of one zone."""
    found = [z for z in status(rest, name).get("zones", ()) if z["name"] == zone_name]
    return found[0] if found else {}


def claim_spec(storage_class: str | None, **spec: Any) -> Object:
    """Return the spec of a claim of 1 GiB, without a class if it is None."""
    named = {} if storage_class is None else {"storageClassName": storage_class}
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {**asked, **named, **spec}


def claim(name: str, storage_class: str | None, **spec: Any) -> Object:
    """Return a PersistentVolumeClaim; fields of its spec can be added or put in place of others."""
    return {"metadata": {"name": name}, "spec": claim_spec(storage_class, **spec)}


def declared_volume(name: str, zone_name: str, **fields: Any) -> Object:
    """Return a volume as a PHIWorkload declares it; its class or encryption is among the fields."""
    usual = {"name": name, "zone": zone_name, "size": "10Gi", "accessModes": ["ReadWriteOnce"]}
    return {**usual, **fields}


def deployment(name: str, *, replicas: int = 2, **container: Any) -> Object:
    """Return a compliant Deployment; fields of its container can be put in place of the good ones."""
    spec = {"replicas": replicas, **_selecting(name), "template": _template(name, container)}
    return _made("apps/v1", "Deployment", name, spec)


def stateful_set(name: str, *, replicas: int = 2, **container: Any) -> Object:
    """Return a compliant StatefulSet without claims; the container as for `deployment`."""
    spec = deployment(name, replicas=replicas, **container)["spec"]
    return _made("apps/v1", "StatefulSet", name, {**spec, "serviceName": name})


def daemon_set(name: str, **container: Any) -> Object:
    """Return a compliant DaemonSet; the container as for `deployment`."""
    spec = {**_selecting(name), "template": _template(name, container)}
    return _made("apps/v1", "DaemonSet", name, spec)


def job(name: str, **container: Any) -> Object:
    """Return a compliant Job of one pod, which is not tried again; the container as for others."""
    template = _template(name, container)
    template["spec"]["restartPolicy"] = "Never"
    return _made("batch/v1", "Job", name, {"backoffLimit": 0, "template": template})


def cron_job(name: str, *, schedule: str = "* * * * *", **container: Any) -> Object:
    """Return a CronJob whose Jobs are compliant; the container as for `deployment`."""
    spec = {"schedule": schedule, "jobTemplate": {"spec": job(name, **container)["spec"]}}
    return _made("batch/v1", "CronJob", name, spec)


def _made(version: str, kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _selecting(name: str) -> Object:
    return {"selector": {"matchLabels": {"app": name}}}


def _template(name: str, container: Object) -> Object:
    good = {
        "name": "app",
        "image": f"registry.hospital.example/portal/{name}@{DIGEST}",
        "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "32Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8443}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "serviceAccountName": "app",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": {"topology.kubernetes.io/region": "us-east-1"},
        "containers": [{**good, **container}],
    }
    return {"metadata": {"labels": {"app": name}}, "spec": pod}


def template_of(workload: Object) -> Object:
    """Return the template of the pods of a workload of any kind."""
    spec = workload["spec"]
    found: Object = (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]
    return found


def budgets(namespace: str) -> str:
    """Return the path of a namespace's PodDisruptionBudgets."""
    return f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"


def budget(name: str = "everything", **spec: Any) -> Object:
    """Return a PodDisruptionBudget, of every pod of its namespace if nothing else is said."""
    return {"metadata": {"name": name}, "spec": {"selector": {}, "maxUnavailable": 1, **spec}}


def bad(good: Object, tag: str = "1.0") -> Object:
    """Return a workload whose image is named by a tag."""
    container, worse = _copied(good)
    container["image"] = container["image"].split("@")[0] + f":{tag}"
    return worse


def failing(good: Object) -> Object:
    """Return a workload whose pods start, and never become ready."""
    container, worse = _copied(good)
    container["readinessProbe"] = {"httpGet": {"path": "/failing", "port": 8443}}
    return worse


def slow(good: Object, seconds: int) -> Object:
    """Return a workload whose pods become ready so many seconds after their start."""
    container, slower = _copied(good)
    container["readinessProbe"]["initialDelaySeconds"] = seconds
    return slower


def _copied(workload: Object) -> tuple[Object, Object]:
    """Return the only container of a copy, and the copy."""
    copied = copy.deepcopy(workload)
    (container,) = template_of(copied)["spec"]["containers"]
    return container, copied


def fail_probe(rest: Rest, namespace: str, pod: str, *, fails: bool = True) -> None:
    """Have a pod that runs fail its readiness probe from now on, or pass it again."""
    note = {"metadata": {"annotations": {"simulated.e2e/failing": "true" if fails else None}}}
    answer = rest.request("PATCH", f"{pods(namespace)}/{pod}", note, content=MERGE)
    assert answer.ok, answer.message


def deployments(namespace: str) -> str:
    """Return the path of a namespace's Deployments."""
    return collection_of("Deployment", namespace)


def pods(namespace: str) -> str:
    """Return the path of a namespace's Pods."""
    return collection_of("Pod", namespace)


def collection_of(kind: str, namespace: str) -> str:
    """Return the path of a namespace's objects of a kind that is, or has, pods."""
    return collection(RESOURCES[kind], namespace)


def path_of(workload: Object, namespace: str) -> str:
    """Return the path of an object of such a kind."""
    return f"{collection_of(workload['kind'], namespace)}/{workload['metadata']['name']}"


def image_of(rest: Rest, namespace: str, name: str) -> str:
    """Return the image that a Deployment names now."""
    template = rest.get(f"{deployments(namespace)}/{name}").body["spec"]["template"]
    image: str = template["spec"]["containers"][0]["image"]
    return image


def available(rest: Rest, namespace: str, name: str) -> Callable[[], bool]:
    """Return a question: has the newest template of a Deployment rolled out?"""
    return rolled_out(rest, f"{deployments(namespace)}/{name}")


def rolled_out(rest: Rest, path: str) -> Callable[[], bool]:
    """Return a question: does what is at a path run by its newest template, and by no other?

    Of a Deployment, StatefulSet or DaemonSet.
    """

    def ask() -> bool:
        body = rest.get(path).body
        seen = body.get("status", {})
        if seen.get("observedGeneration") != body["metadata"]["generation"]:
            return False
        if body["kind"] == "DaemonSet":
            wanted = seen["desiredNumberScheduled"]
            counts = ("updatedNumberScheduled", "numberAvailable", "currentNumberScheduled")
            return wanted > 0 and all(seen.get(each, 0) == wanted for each in counts)
        counts = ("updatedReplicas", "availableReplicas", "replicas")
        return all(seen.get(each, 0) == body["spec"]["replicas"] for each in counts)

    return ask


def aged(rest: Rest, path: str, days: int) -> None:
    """Have it that an object was last written so many days ago.

    Of times alone the API server takes no change.
    """
    time = (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    managed = rest.get(path).body["metadata"]["managedFields"]
    patch: list[Object] = [
        {"op": "replace", "path": f"/metadata/managedFields/{index}/time", "value": time}
        for index in range(len(managed))
    ]
    patch.append({"op": "add", "path": "/metadata/labels", "value": {"aged": unique("aged")}})
    answer = rest.request("PATCH", path, patch, content=JSON_PATCH, fieldManager="clock")
    assert answer.ok, answer.message
    assert answer.body["metadata"]["managedFields"][0]["time"] == time
