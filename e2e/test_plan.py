"""A platform engineer asks before raising the level: `kubectl phi plan` says what will happen."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e import workloads
from e2e.controlplane import ControlPlane
from e2e.product import ROOT, Operator, Product, running
from e2e.rest import MERGE, Rest, connect
from e2e.rollouts import quarantine_of, roll_out
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    available,
    bad,
    clinic,
    deployment,
    deployments,
    image_of,
    status,
    unique,
    wait,
)

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REGISTRY = "registry.hospital.example/portal"
Object = dict[str, Any]


@pytest.fixture(scope="module")
def operator(product: Product) -> Iterator[Operator]:
    with running(product) as started:
        yield started


@pytest.fixture(autouse=True)
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the plugin where kubectl looks for it, as `pip install` puts it there."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}", prepend=":")


@dataclass
class Planner:
    """Somebody who may read what the README's ClusterRole allows, and nothing else."""

    cluster: ControlPlane
    kubeconfig: Path
    folder: Path

    def run(self, *declarations: Object | str, arguments: tuple[str, ...] = ()) -> Any:
        files = []
        for number, declared in enumerate(declarations):
            path = self.folder / f"workload-{number}.yaml"
            path.write_text(declared if isinstance(declared, str) else yaml.safe_dump(declared))
            files += ["-f", str(path)]
        return self.cluster.kubectl(
            "phi", "plan", *files, *arguments, kubeconfig=self.kubeconfig, check=False
        )

    def ask(self, *declarations: Object) -> Object:
        """Return a plan; its exit code must be that of the process."""
        done = self.run(*declarations, arguments=("-o", "json"))
        assert done.stdout, done.stderr
        told: Object = json.loads(done.stdout)
        assert told["exitCode"] == done.returncode
        return told


def role_of_the_readme() -> Object:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (role,) = [body for body in map(yaml.safe_load, blocks) if body["kind"] == "ClusterRole"]
    return role


def reader(product: Product, role: Object, folder: Path) -> Planner:
    """Return somebody with the rights of a role."""
    admin = connect(product.cluster.kubeconfig)
    name = unique("planner")
    account = {"metadata": {"name": name}}
    assert admin.create(f"{NAMESPACES}/default/serviceaccounts", account).ok
    assert admin.create(f"{RBAC}/clusterroles", {**role, "metadata": {"name": name}}).ok
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    }
    assert admin.create(f"{RBAC}/clusterrolebindings", binding).ok
    return Planner(product.cluster, product.cluster.create_token(name, "default"), folder)


@pytest.fixture
def planner(product: Product, tmp_path: Path) -> Planner:
    return reader(product, role_of_the_readme(), tmp_path)


@pytest.fixture
def name(operator: Operator, admin: Rest) -> Iterator[str]:
    chosen = unique("plan")
    assert admin.create(NAMESPACES, {"metadata": {"name": chosen}}).ok
    assert admin.create(f"{NAMESPACES}/{chosen}/serviceaccounts", {"metadata": {"name": "app"}}).ok
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def declared(name: str, **spec: Any) -> Object:
    """Return a declaration with one zone, the namespace of that name."""
    registries = {"registries": [REGISTRY]}
    zone = workloads.zone("app", namespace=name, adopt=True, data="phi", images=registries)
    flows = [
        workloads.flow({"zone": "app"}, {"external": "epic-fhir"}, 443),
        workloads.flow({"zone": "app"}, {"external": "archive"}, 443, purpose="operations"),
    ]
    externals = [
        workloads.external("epic-fhir", "2199-12-31"),
        workloads.external("archive", "2199-12-31", cidrs=["198.51.100.0/24"]),
    ]
    return clinic(name, **{"zones": [zone], "flows": flows, "externals": externals, **spec})


def stateful_set(name: str) -> Object:
    base = bad(deployment(name))
    return {**base, "kind": "StatefulSet", "spec": {**base["spec"], "serviceName": name}}


def settle(admin: Rest, namespace: str) -> None:
    """Have in a namespace what keeps rules and what breaks them, of many kinds."""
    good = deployment("records")
    roll_out(admin, namespace, deployment("good"))
    roll_out(admin, namespace, good, bad(good, "2.0"))
    roll_out(admin, namespace, bad(deployment("fax"), "1.0"))
    roll_out(admin, namespace, deployment("loose", resources=None, readinessProbe=None))
    sets = f"/apis/apps/v1/namespaces/{namespace}/statefulsets"
    assert admin.create(sets, stateful_set("store")).ok
    until(
        lambda: admin.get(f"{sets}/store").body.get("status", {}).get("readyReplicas") == 2,
        "the StatefulSet runs",
    )
    core = f"{NAMESPACES}/{namespace}"
    ports = {"selector": {"app": "good"}, "ports": [{"port": 8443}]}
    for path, body in {
        f"{core}/services": {"spec": {**ports, "type": "NodePort"}},
        f"{core}/configmaps": {"data": {"DB_PASSWORD": "hunter2"}},
        f"{core}/pods": {"spec": {"containers": [{"name": "app", "image": "nginx"}]}},
        f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies": {
            "spec": {"podSelector": {}}
        },
    }.items():
        assert admin.create(path, {"metadata": {"name": "door"}, **body}).ok


REFUSED_ANYWHERE = {
    f"{kind}/door": "Refused" for kind in ("Service", "ConfigMap", "Pod", "NetworkPolicy")
}
DEEDS = {
    "direct-care": {
        "Deployment/records": "RolledBack",
        "Deployment/fax": "Held",
        "Deployment/loose": "Refused",
        "StatefulSet/store": "Held",
    },
    "care-support": {
        "Deployment/records": "RolledBack",
        "Deployment/fax": "Isolated",
        "Deployment/loose": "Warned",
        "StatefulSet/store": "Refused",
    },
    "administrative": {
        "Deployment/records": "RolledBack",
        "Deployment/fax": "ScaledToZero",
        "Deployment/loose": "Warned",
        "StatefulSet/store": "Refused",
    },
}
"""What becomes of what `settle` brings in, when enforcement is raised to `enforce`."""


def objects_in(told: Object) -> dict[str, Object]:
    """Return the objects of a plan's only zone, by kind and name."""
    (workload,) = told["workloads"]
    (zone,) = workload["zones"]
    return {f"{found['kind']}/{found['name']}": found for found in zone["objects"]}


def rules_of(found: Object) -> dict[str, str]:
    return {entry["rule"]: entry["change"] for entry in found["rules"]}


@pytest.mark.parametrize("impact", DEEDS)
def test_what_a_plan_says_is_what_the_operator_does(
    admin: Rest, product: Product, planner: Planner, name: str, impact: str
) -> None:
    settle(admin, name)
    assert workloads.apply(admin, declared(name, clinicalImpact=impact, enforcement="observe")).ok
    wait(admin, name)

    told = planner.ask(declared(name, clinicalImpact=impact, enforcement="warn"))
    found = objects_in(told)
    assert told["exitCode"] == 0
    assert found.keys() == {*REFUSED_ANYWHERE, *DEEDS[impact]}
    assert {(entry["now"], entry["then"]) for entry in found.values()} == {("Noted", "Warned")}

    raised = declared(name, clinicalImpact=impact)
    told = planner.ask(raised)
    found = objects_in(told)
    assert told["exitCode"] == 1
    assert {at: entry["then"] for at, entry in found.items()} == {
        **REFUSED_ANYWHERE,
        **DEEDS[impact],
    }
    assert set(rules_of(found["Deployment/records"]).values()) == {"stays"}
    (workload,) = told["workloads"]
    assert workload["enforcement"] == {"before": "observe", "after": "enforce"}
    assert workload["network"]["policiesStand"] == {"before": False, "after": True}

    assert workloads.apply(admin, raised).ok
    deeds = {
        at: entry["then"]
        for at, entry in found.items()
        if entry["then"] not in ("Refused", "Warned")
    }
    done = until(
        lambda: deeds_of(admin, name) if deeds.items() <= deeds_of(admin, name).items() else None,
        f"{deeds} are done",
    )
    left = {at: deed for at, deed in done.items() if at not in deeds}
    assert set(left.values()) <= {"LeftAlone"}
    _check_rollback(admin, name, found["Deployment/records"])
    _check_fax(admin, name, found["Deployment/fax"])
    _check_left_alone(admin, product, name)

    again = objects_in(planner.ask(raised))
    assert "Deployment/records" not in again
    assert all(entry["now"] == entry["then"] for entry in again.values())


def deeds_of(admin: Rest, name: str) -> dict[str, str]:
    """Return what the operator did, by object, as the status lists it."""
    listed = status(admin, name).get("remediations", ())
    return {f"{entry['kind']}/{entry['name']}": entry["action"] for entry in listed}


def _check_rollback(admin: Rest, name: str, planned: Object) -> None:
    until(available(admin, name, "records"), "the earlier revision runs")
    assert image_of(admin, name, "records") == planned["images"][0]
    entries = {entry["name"]: entry for entry in status(admin, name)["remediations"]}
    assert entries["records"]["toRevision"] == planned["toRevision"] == 1


def _check_fax(admin: Rest, name: str, planned: Object) -> None:
    replicas = 0 if planned["then"] == "ScaledToZero" else 2
    assert admin.get(f"{deployments(name)}/fax").body["spec"]["replicas"] == replicas
    lost = {flow.split(" (")[0] for flow in planned["cutOff"]}
    if planned["then"] == "Held":
        until(lambda: quarantine_of(admin, name, "fax") == {"care"}, "its pods are apart")
        assert lost == {"app to external archive"}
        assert reached_by(admin, name, "care") == {"epic-fhir"}
    elif planned["then"] == "Isolated":
        until(lambda: quarantine_of(admin, name, "fax") == {"full"}, "its pods are cut off")
        assert lost == {"app to external archive", "app to external epic-fhir"}
        assert reached_by(admin, name, "full") == set()


def reached_by(admin: Rest, name: str, quarantine: str) -> set[str]:
    """Return the externals that network policies let pods reach that carry a quarantine."""
    path = f"/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies"
    found = set()
    for policy in admin.get(path, labelSelector="phiwarden.dev/zone=app").body["items"]:
        (term,) = policy["spec"]["podSelector"].get("matchExpressions") or [{"operator": "none"}]
        selects = term["operator"] == "NotIn" and quarantine not in term["values"]
        named = re.match(r"phiwarden-to-external-(.+)-[a-z]+$", policy["metadata"]["name"])
        if selects and named:
            found.add(named[1])
    return found


def _check_left_alone(admin: Rest, product: Product, name: str) -> None:
    """What is only refused at its next change keeps running, and is refused when it is changed."""
    developer = connect(product.cluster.kubeconfig_for("platform-engineer"))
    core = f"{NAMESPACES}/{name}"
    loose = f"{deployments(name)}/loose"
    assert admin.get(loose).body["metadata"]["generation"] == 1
    assert quarantine_of(admin, name, "loose") == {None}
    changes = {
        f"{core}/services/door": {"spec": {"sessionAffinity": "ClientIP"}},
        f"{core}/configmaps/door": {"data": {"more": "text"}},
    }
    for path, change in changes.items():
        assert admin.get(path).ok
        assert developer.request("PATCH", path, change, content=MERGE).code == 403
