"""A platform engineer asks before raising the level: `kubectl phi plan` says what will happen."""

from __future__ import annotations

import json
import re
import sys
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e import custom_kinds, workloads
from e2e.controlplane import ControlPlane
from e2e.product import ROOT, Operator, Product, running
from e2e.rest import MERGE, Rest, connect
from e2e.rollouts import quarantine_of, roll_out, worked
from e2e.waiting import until
from e2e.wire import tapped
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    available,
    bad,
    budget,
    budgets,
    clinic,
    deployment,
    deployments,
    image_of,
    status,
    unique,
    wait,
)
from phiwarden.cli.survey import KINDS
from phiwarden.cluster.resources import WORKLOADS as WORKLOAD_KINDS
from phiwarden.cluster.resources import collection
from phiwarden.remediation.rollout import ROLLING

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ACCOUNTS = f"{NAMESPACES}/default/serviceaccounts"
REGISTRY = "registry.hospital.example/portal"

BACK = {"Deployment": "records", "StatefulSet": "ledger", "DaemonSet": "agent"}
NO_WAY_BACK = {
    "Deployment": "fax",
    "StatefulSet": "store",
    "DaemonSet": "probe",
    "CronJob": "nightly",
    "Job": "import",
}
"""What `settle` brings in: with a revision to go back to, and without."""
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

    def ask(self, *declarations: Object, arguments: tuple[str, ...] = ()) -> Object:
        """Return a plan; its exit code must be that of the process."""
        done = self.run(*declarations, arguments=(*arguments, "-o", "json"))
        assert done.stdout, done.stderr
        told: Object = json.loads(done.stdout)
        assert told["exitCode"] == done.returncode
        return told


Reader = Callable[[Object], Planner]


def role_of_the_readme() -> Object:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n([^`]*kind: ClusterRole\n[^`]*)```", text)
    role: Object = yaml.safe_load(block)
    return role


@pytest.fixture
def reader(product: Product, admin: Rest, tmp_path: Path) -> Iterator[Reader]:
    """Make somebody who has the rights of a role, for the duration of a test."""
    made = []

    def make(role: Object) -> Planner:
        name = unique("planner")
        made.append(name)
        account = {"metadata": {"name": name}}
        assert admin.create(ACCOUNTS, account).ok
        assert admin.create(f"{RBAC}/clusterroles", {**role, "metadata": {"name": name}}).ok
        granted = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": "default"}
        binding = {"metadata": {"name": name}, "roleRef": granted, "subjects": [subject]}
        assert admin.create(f"{RBAC}/clusterrolebindings", binding).ok
        return Planner(product.cluster, product.cluster.create_token(name, "default"), tmp_path)

    yield make
    for name in made:
        for path in (f"{RBAC}/clusterrolebindings", f"{RBAC}/clusterroles", ACCOUNTS):
            admin.delete(f"{path}/{name}")


@pytest.fixture
def planner(reader: Reader) -> Planner:
    return reader(role_of_the_readme())


@pytest.fixture
def name(operator: Operator, admin: Rest) -> Iterator[str]:
    chosen = unique("plan")
    assert admin.create(NAMESPACES, {"metadata": {"name": chosen}}).ok
    assert admin.create(f"{NAMESPACES}/{chosen}/serviceaccounts", {"metadata": {"name": "app"}}).ok
    assert admin.create(budgets(chosen), budget()).ok
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
    return clinic(name, **{"zones": [zone], "flows": flows, "externals": externals(), **spec})


def externals(region: str = "us-east-1") -> list[Object]:
    return [
        workloads.external("epic-fhir", "2199-12-31", region=region),
        workloads.external("archive", "2199-12-31", region=region, cidrs=["198.51.100.0/24"]),
    ]


def as_kind(kind: str, body: Object) -> Object:
    """Return a Deployment as another kind."""
    name, spec = body["metadata"]["name"], dict(body["spec"])
    template = spec["template"]
    # Its pods find no node, so that the Job does not end.
    elsewhere = {"nodeSelector": {"topology.kubernetes.io/region": "us-west-2"}}
    pod = {**template["spec"], **elsewhere, "restartPolicy": "Never"}
    once = {"template": {**template, "spec": pod}}
    match kind:
        case "StatefulSet":
            spec["serviceName"] = name
        case "DaemonSet":
            del spec["replicas"]
        case "Job":
            spec = once
        case "CronJob":
            spec = {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": once}}
    version = "apps/v1" if kind in ROLLING else "batch/v1"
    return {**body, "apiVersion": version, "kind": kind, "spec": spec}


def place_of(namespace: str, kind: str, name: str) -> str:
    return f"{collection(WORKLOAD_KINDS[kind], namespace)}/{name}"


def roll(admin: Rest, namespace: str, kind: str, *revisions: Object) -> None:
    """Have the real controllers go through revisions, each of which phiwarden sees work."""
    name = revisions[0]["metadata"]["name"]
    for number, revision in enumerate(revisions, start=1):
        body = as_kind(kind, revision)
        if number == 1:
            answer = admin.create(collection(WORKLOAD_KINDS[kind], namespace), body)
        else:
            path = place_of(namespace, kind, name)
            answer = admin.request("PATCH", path, body, content=MERGE)
        assert answer.ok, answer.message
        if kind in ROLLING:
            until(
                lambda number=number: len(worked(admin, namespace, kind, name)) == number,
                f"revision {number} of {kind} {name} was seen to work",
            )


def settle(admin: Rest, namespace: str) -> None:
    """Have in a namespace that is watched what keeps rules and what breaks them, of many kinds."""
    roll(admin, namespace, "Deployment", deployment("good"))
    roll(admin, namespace, "Deployment", deployment("loose", resources=None, readinessProbe=None))
    for kind, name in BACK.items():
        roll(admin, namespace, kind, deployment(name), bad(deployment(name), "2.0"))
    for kind, name in NO_WAY_BACK.items():
        roll(admin, namespace, kind, bad(deployment(name)))
    until(lambda: pods_of(admin, namespace, "import"), "the Job has its pod")
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


def pods_of(admin: Rest, namespace: str, app: str) -> dict[str, Object]:
    """Return the pods of an app by name."""
    found = admin.get(f"{NAMESPACES}/{namespace}/pods", labelSelector=f"app={app}").body["items"]
    return {pod["metadata"]["name"]: pod for pod in found}


REFUSED_ANYWHERE = {f"{kind}/door": "Refused" for kind in ("Service", "ConfigMap", "NetworkPolicy")}
PUT_BACK = {f"{kind}/{name}": "RolledBack" for kind, name in BACK.items()}
DEEDS = {
    "direct-care": {
        "Pod/door": "Held",
        **PUT_BACK,
        "DaemonSet/agent": "Held",  # on the one node it would be missed meanwhile
        "Deployment/fax": "Held",
        "Deployment/loose": "Refused",
        "StatefulSet/store": "Held",
        "DaemonSet/probe": "Held",
        "CronJob/nightly": "Held",
        "Job/import": "Held",
    },
    "care-support": {
        "Pod/door": "Isolated",
        **PUT_BACK,
        "Deployment/fax": "Isolated",
        "Deployment/loose": "Warned",
        "StatefulSet/store": "Isolated",
        "DaemonSet/probe": "Isolated",
        "CronJob/nightly": "Suspended",
        "Job/import": "Isolated",
    },
    "administrative": {
        "Pod/door": "Isolated",
        **PUT_BACK,
        "Deployment/fax": "ScaledToZero",
        "Deployment/loose": "Warned",
        "StatefulSet/store": "ScaledToZero",
        "DaemonSet/probe": "Isolated",
        "CronJob/nightly": "Suspended",
        "Job/import": "Suspended",
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
    assert workloads.apply(admin, declared(name, clinicalImpact=impact, enforcement="observe")).ok
    wait(admin, name)
    settle(admin, name)

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
    ((turn,),) = (told["turns"],)
    assert (turn["cause"], turn["clinicalImpact"]) == ("Violation", impact)
    assert len(turn["objects"]) == sum(bool(entry["steps"]) for entry in found.values())
    before = {at: stored(admin, name, at) for at in found if at.split("/")[0] in WORKLOAD_KINDS}

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
    for at, planned in found.items():
        if at in before:
            _check_steps(admin, name, planned, before[at])
    _check_rollback(admin, name, found["Deployment/records"])
    _check_fax(admin, name, found["Deployment/fax"])
    _check_left_alone(admin, product, name)

    again = objects_in(planner.ask(raised))
    assert "Deployment/records" not in again
    assert all(entry["now"] == entry["then"] for entry in again.values())
    assert [at for at, entry in again.items() if entry["steps"]] == []


def stored(admin: Rest, name: str, at: str) -> Object:
    """Return an object as the API server has it, by kind and name."""
    found: Object = admin.get(place_of(name, *at.split("/"))).body
    return found


def _check_steps(admin: Rest, name: str, planned: Object, before: Object) -> None:
    """What was printed is what was done: to the object, to its pods, and nothing else."""
    at = f"{planned['kind']}/{planned['name']}"
    expected = before["spec"]
    for step in planned["steps"]:
        if step["kind"] != "Pod":
            assert (step["kind"], step["name"]) == (planned["kind"], planned["name"])
            assert step["contentType"] == "application/json-patch+json"
            expected = _patched(before, step["patch"])
            continue
        (label,) = step["patch"]["metadata"]["labels"].items()
        path = f"{NAMESPACES}/{name}/pods/{step['name']}"
        until(
            lambda path=path, label=label: (
                label in admin.get(path).body["metadata"]["labels"].items()
            ),
            f"{step['name']} carries {label}",
        )
    until(lambda: stored(admin, name, at)["spec"] == expected, f"{at} is as it was planned")
    if planned["kind"] != "Pod" and any(step["kind"] == "Pod" for step in planned["steps"]):
        marked = set(pods_of(admin, name, planned["name"]))
        assert marked == {step["name"] for step in planned["steps"]}


def _patched(body: Object, patch: list[Object]) -> Object:
    """Return the spec of an object as a JSON Patch leaves it, whose first operation guards it."""
    guard, *operations = patch
    version = body["metadata"]["resourceVersion"]
    assert guard == {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    spec: Object = dict(body["spec"])
    for operation in operations:
        _, top, key = operation["path"].split("/")
        assert top == "spec"
        assert operation["op"] == "add" or key in spec
        spec[key] = operation["value"]
    return spec


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


def test_a_person_reads_one_screen(admin: Rest, planner: Planner, name: str) -> None:
    assert workloads.apply(admin, declared(name, enforcement="warn")).ok
    wait(admin, name)
    good = deployment("records")
    roll(admin, name, "Deployment", good, bad(good, "2.0"))
    roll(admin, name, "Deployment", bad(deployment("fax"), "1.0"))
    done = planner.run(declared(name))
    assert done.returncode == 1, done.stderr
    assert "\x1b" not in done.stdout
    said = " ".join(done.stdout.split())
    assert said.startswith(
        f"{name}: raising enforcement from warn to enforce: 1 object would be kept running apart,"
        " 1 rolled back, "
    )
    fax = "kept running apart Deployment/fax warned PHI-IMG-001 there is no earlier revision"
    assert f"{fax} label 2 pods phiwarden.dev/quarantine=care" in said
    assert "rolled back Deployment/records warned PHI-IMG-001 to revision 1: " in said
    assert "patch /spec/template: that of revision 1" in said
    assert "2 objects take turns, at the rate that the chart sets (remediation.perMinute)" in said
    image = good["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image[:50] in "".join(said.split()), "wherever its line is broken"
    assert "network policies begin to stand; only these stay open: app to external archive" in said
    # How many kinds a cluster lacks is another matter.
    told, _, _ = done.stdout.partition("not known to this cluster")
    assert len(told.splitlines()) <= 23


@pytest.fixture(scope="module")
def portal(product: Product, operator: Operator) -> str:
    """A zone that enforces, in which everything keeps the rules."""
    admin = connect(product.cluster.kubeconfig)
    name = unique("portal")
    assert admin.create(NAMESPACES, {"metadata": {"name": name}}).ok
    assert admin.create(budgets(name), budget()).ok
    assert workloads.apply(admin, declared(name)).ok
    wait(admin, name)
    roll_out(admin, name, deployment("api"))
    for path, body in {
        f"{NAMESPACES}/{name}/services": {"spec": {"ports": [{"port": 443}]}},
        f"/apis/discovery.k8s.io/v1/namespaces/{name}/endpointslices": {
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["203.0.113.7"]}],
            "ports": [{"port": 443}],
        },
    }.items():
        answer = admin.create(path, {"metadata": {"name": "ehr"}, **body})
        assert answer.ok, answer.message
    return name


def zone_of(name: str, **fields: Any) -> Object:
    (zone,) = declared(name)["spec"]["zones"]
    return {"zones": [{**zone, **fields}]}


CHANGES = {
    "nothing": (lambda name: {}, {}),
    "a registry less": (
        lambda name: zone_of(name, images={"registries": ["registry.hospital.example/other"]}),
        {"Deployment/api": "PHI-IMG-002"},
    ),
    "a region less": (
        lambda name: {"residency": {"regions": ["us-west-2"]}, "externals": externals("us-west-2")},
        {"Deployment/api": "PHI-RES-001"},
    ),
    "a service account less": (
        lambda name: zone_of(name, serviceAccounts=[{"name": "other"}]),
        {"Deployment/api": "PHI-IDN-001"},
    ),
    "a flow less": (
        lambda name: {"flows": declared(name)["spec"]["flows"][1:]},
        {"EndpointSlice/ehr": "PHI-NET-004"},
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_declaration_tells_what_it_breaks(
    planner: Planner, portal: str, what: str
) -> None:
    change, breaks = CHANGES[what]
    told = planner.ask(declared(portal, **change(portal)))
    new = {
        at: rule
        for at, found in objects_in(told).items()
        for rule, change_ in rules_of(found).items()
        if change_ == "new"
    }
    assert new == breaks
    assert told["exitCode"] == (1 if breaks else 0)
    closed = [way["to"] for way in told["workloads"][0]["network"]["closed"]]
    assert closed == (["external epic-fhir"] if what == "a flow less" else [])


def test_what_a_declaration_mends_is_told(admin: Rest, planner: Planner, name: str) -> None:
    assert workloads.apply(admin, declared(name, enforcement="warn", **zone_of(name, images={}))).ok
    wait(admin, name)
    roll_out(admin, name, deployment("api"))
    told = planner.ask(declared(name, enforcement="warn"))
    api = objects_in(told)["Deployment/api"]
    assert (api["now"], api["then"]) == ("Warned", "Unaffected")
    assert rules_of(api) == {"PHI-IMG-002": "mended"}
    assert told["exitCode"] == 0


def test_nothing_is_written(admin: Rest, planner: Planner, portal: str) -> None:
    """The reader's role holds `get` and `list` alone; every object stays as it was, besides."""
    verbs = {verb for rule in role_of_the_readme()["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list"}
    before = versions(admin, portal)
    assert len(before) > 10
    assert planner.ask(declared(portal, enforcement="warn"))["complete"]
    assert versions(admin, portal) == before


def versions(admin: Rest, namespace: str) -> dict[str, str]:
    """Return the resource version of the declaration, its Namespace and all that is in it."""
    found = {}
    for path in (f"{WORKLOADS}/{namespace}", f"{NAMESPACES}/{namespace}"):
        found[path] = admin.get(path).body["metadata"]["resourceVersion"]
    for kind in (versions[0] for versions in KINDS):
        if kind.group in custom_kinds.GROUPS:
            continue  # nobody installed it here
        path = collection(kind, namespace)
        for item in admin.get(path).body["items"]:
            at = f"{path}/{item['metadata']['name']}"
            found[at] = item["metadata"]["resourceVersion"]
    return found


def without(*resources: str) -> Object:
    """Return the README's ClusterRole without some of its rights."""
    role = role_of_the_readme()
    for rule in role["rules"]:
        rule["resources"] = [entry for entry in rule["resources"] if entry not in resources]
    return role


def test_what_may_not_be_read_is_said_and_the_rest_is_told(
    admin: Rest, reader: Reader, name: str
) -> None:
    limited = reader(without("configmaps", "replicasets", "phihistories"))
    good = deployment("records")
    roll_out(admin, name, good, bad(good))
    service = {"metadata": {"name": "door"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
    assert admin.create(f"{NAMESPACES}/{name}/services", service).ok
    told = limited.ask(declared(name))
    assert (told["exitCode"], told["complete"]) == (2, False)
    unread = {(gap["what"], gap["namespace"]) for gap in told["unread"]}
    assert unread == {(kind, name) for kind in ("ConfigMap", "PHIHistory", "ReplicaSet")}
    found = objects_in(told)
    assert found["Deployment/records"]["then"] == "Untold"
    assert found["Deployment/records"]["message"].startswith(
        "its revisions (ReplicaSets) and what is remembered of it (PHIHistory) could not be read: "
    )
    assert found["Service/door"]["then"] == "Refused"
    said = limited.run(declared(name))
    assert said.returncode == 2
    assert f"not read in {name} (not permitted): ReplicaSet, ConfigMap, PHIHistory" in said.stdout


def test_a_secret_that_is_gone_is_missed_by_whoever_may_list_names(
    admin: Rest, product: Product, planner: Planner, reader: Reader, name: str, tmp_path: Path
) -> None:
    """Its value never leaves the API server, though the same right would give it."""
    value = uuid.uuid4().hex
    secrets = [{"name": "db", "zone": "app", "keys": ["password"], "consumers": ["app"]}]
    reads = deployment("records", envFrom=[{"secretRef": {"name": "db"}}])
    path = f"{NAMESPACES}/{name}/secrets"
    body = {"metadata": {"name": "db"}, "stringData": {"password": value}}
    assert admin.create(path, body).ok
    watched = declared(name, enforcement="observe", secrets=secrets)
    assert workloads.apply(admin, watched).ok
    wait(admin, name)
    roll(admin, name, "Deployment", reads, bad(reads))
    raised = declared(name, secrets=secrets)

    found = objects_in(planner.ask(raised))["Deployment/records"]
    assert found["then"] == "RolledBack"
    assert found["notes"] == [
        "Secrets could not be listed, so it is not known whether revision 1 finds what it needs: db"
    ]
    role = role_of_the_readme()
    role["rules"].append({"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]})
    may_list = reader(role)
    with tapped(may_list.kubeconfig, tmp_path) as (wire, kubeconfig):
        found = objects_in(Planner(product.cluster, kubeconfig, tmp_path).ask(raised))
        told = bytes(wire.answered)
    assert (found["Deployment/records"]["then"], found["Deployment/records"]["notes"]) == (
        "RolledBack",
        [],
    )
    assert b'"name":"db"' in told
    assert value.encode() not in told
    assert b64encode(value.encode()) not in told

    assert admin.delete(f"{path}/db").ok
    found = objects_in(may_list.ask(raised))["Deployment/records"]
    assert found["then"] == "Held"
    assert "revision 1 cannot start: Secret db is not there" in found["message"]
    assert workloads.apply(admin, raised).ok
    until(lambda: deeds_of(admin, name) == {"Deployment/records": "Held"}, "it is kept running")


def test_a_failed_rollout_goes_back_as_planned(admin: Rest, planner: Planner, name: str) -> None:
    assert workloads.apply(admin, declared(name)).ok
    wait(admin, name)
    good = deployment("records")
    good["spec"]["progressDeadlineSeconds"] = 2
    roll(admin, name, "Deployment", good)
    # It keeps the rules, and finds no node.
    stuck = deployment("records", env=[{"name": "RELEASE", "value": "2"}])
    stuck["spec"]["template"]["spec"]["nodeSelector"] = {
        "topology.kubernetes.io/region": "us-west-2"
    }
    path = f"{deployments(name)}/records"
    assert admin.request("PATCH", path, stuck, content=MERGE).ok

    def given_up() -> Object | None:
        conditions = admin.get(path).body["status"].get("conditions", ())
        reasons = {entry["type"]: entry["reason"] for entry in conditions}
        return reasons if reasons.get("Progressing") == "ProgressDeadlineExceeded" else None

    until(given_up, "the rollout failed")
    assert objects_in(planner.ask(declared(name))) == {}
    taking_back = declared(name, rollback={"onFailedRollout": True})
    told = planner.ask(taking_back)
    planned = objects_in(told)["Deployment/records"]
    assert (planned["now"], planned["then"], planned["cause"]) == (
        "Unaffected",
        "RolledBack",
        "FailedRollout",
    )
    assert told["turns"] == [
        {
            "cause": "FailedRollout",
            "clinicalImpact": "direct-care",
            "objects": [f"{name}/Deployment/records"],
        }
    ]
    before = stored(admin, name, "Deployment/records")
    assert workloads.apply(admin, taking_back).ok
    _check_steps(admin, name, planned, before)


def test_what_stands_is_planned_for_by_its_name(
    admin: Rest, planner: Planner, reader: Reader, name: str
) -> None:
    assert workloads.apply(admin, declared(name, enforcement="observe")).ok
    wait(admin, name)
    roll(admin, name, "StatefulSet", bad(deployment("store")))
    by_file = planner.ask(declared(name, enforcement="observe"))
    by_name = planner.ask(arguments=(name,))
    assert by_name == by_file
    assert by_name["workloads"][0]["unchanged"] is True
    assert objects_in(by_name)["StatefulSet/store"]["then"] == "Noted"
    both = planner.ask(declared(name), arguments=(name,))
    assert both["workloads"][0]["unchanged"] is False, "the file is what is to be"
    said = planner.run(arguments=(name,))
    assert said.stdout.startswith(f"{name}: as it stands, at enforcement observe: 1 object")
    for arguments, says in (
        ((), "nothing to plan for: give a file with -f, or name a PHIWorkload"),
        ((f"{name}-gone",), f"PHIWorkload {name}-gone: there is none in this cluster"),
    ):
        done = planner.run(arguments=arguments)
        assert (done.returncode, done.stderr) == (2, f"kubectl phi plan: {says}\n")
    done = reader(without("phiworkloads")).run(arguments=(name,))
    assert done.stderr == f"kubectl phi plan: PHIWorkload {name}: not permitted\n"


def test_somebody_who_may_read_nothing_is_told_so(admin: Rest, reader: Reader, name: str) -> None:
    nobody = reader({"rules": []})
    told = nobody.ask(declared(name))
    assert told["exitCode"] == 2
    assert {gap["what"] for gap in told["unread"]} == {"PHIWorkload", "Namespace"}
    (zone,) = told["workloads"][0]["zones"]
    assert zone["namespaceFate"] == "unread"


def test_namespaces_are_made_adopted_or_not_taken(
    admin: Rest, planner: Planner, portal: str, name: str
) -> None:
    """Two declarations of one file are planned together; the older one of two keeps a namespace."""
    zones = [
        workloads.zone("new"),
        workloads.zone("old", namespace=name, adopt=True),
        workloads.zone("taken", namespace=portal, adopt=True),
    ]
    mine = unique("mine")
    told = planner.ask(clinic(mine, zones=zones, flows=[], externals=[]))
    fates = {zone["name"]: zone["namespaceFate"] for zone in told["workloads"][0]["zones"]}
    assert fates == {"new": "made", "old": "adopted", "taken": "refused"}
    assert told["exitCode"] == 1
    why = {zone["name"]: zone["message"] for zone in told["workloads"][0]["zones"]}
    assert why["taken"] == f"namespace {portal} is a zone of PHIWorkload {portal}: name another"
    assert admin.get(f"{NAMESPACES}/{mine}-new").code == 404

    untouched = [workloads.zone("old", namespace=name)]
    told = planner.ask(clinic(mine, zones=untouched, flows=[], externals=[]))
    (zone,) = told["workloads"][0]["zones"]
    assert zone["namespaceFate"] == "refused"
    assert "set adopt: true" in zone["message"]

    fresh = clinic(mine, zones=zones[:1], flows=[], externals=[])
    told = planner.ask(fresh)
    assert told["exitCode"] == 0
    assert planner.run(fresh).stdout.startswith(
        f"{mine}: declaring it at enforcement enforce: nothing runs there yet"
    )


def test_a_zone_that_is_no_longer_declared_is_told(planner: Planner, portal: str) -> None:
    other = [workloads.zone("other")]
    told = planner.ask(declared(portal, zones=other, flows=[], externals=[]))
    zones = {zone["name"]: zone for zone in told["workloads"][0]["zones"]}
    assert zones["other"]["namespaceFate"] == "made"
    assert zones["app"]["namespaceFate"] == "left"
    assert zones["app"]["namespace"] == portal


BAD_FILES = {
    "no YAML": ("zones: [", "workload-0.yaml:2:1: "),
    "no declaration": ("apiVersion: v1\nkind: Pod\n", "no PHIWorkload is declared here"),
    "a field that cannot be": (
        yaml.safe_dump(clinic("portal", clinicalImpact="high"), sort_keys=False),
        "workload-0.yaml:10:3: spec.clinicalImpact: Input should be 'direct-care', ",
    ),
    "a contradiction": (
        yaml.safe_dump(clinic("portal", environment="staging")),
        "real PHI may be declared in production alone (PHI-DAT-001)",
    ),
    "two that differ": (
        yaml.safe_dump_all([clinic("portal"), clinic("portal", enforcement="warn")]),
        "PHIWorkload portal is declared twice, and differently",
    ),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_wrong_file_is_told_by_its_field(planner: Planner, what: str) -> None:
    text, says = BAD_FILES[what]
    done = planner.run(text)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_change_that_the_api_server_would_refuse_is_told(planner: Planner, portal: str) -> None:
    lowered = {"environment": "staging", **zone_of(portal, data="synthetic")}
    done = planner.run(declared(portal, **lowered))
    assert done.returncode == 2
    environment, data = done.stderr.splitlines()
    assert environment == (
        f"kubectl phi plan: PHIWorkload {portal}: spec.environment: cannot be changed from"
        " production to staging: declare the other environment as a workload of its own"
    )
    assert "spec.zones[0].data: data of zone app cannot be lowered from phi to synthetic" in data


def test_the_context_that_is_asked_for_is_used(
    planner: Planner, portal: str, tmp_path: Path
) -> None:
    config = json.loads(planner.kubeconfig.read_text())
    elsewhere = {"server": "https://127.0.0.1:1"}
    config["clusters"].append({"name": "elsewhere", "cluster": elsewhere})
    (context,) = config["contexts"]
    away = {"name": "away", "context": {**context["context"], "cluster": "elsewhere"}}
    config["contexts"].append(away)
    config["current-context"] = "away"
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    both = Planner(planner.cluster, path, tmp_path)
    done = both.run(declared(portal))
    assert done.returncode == 2
    assert done.stderr.startswith(
        "kubectl phi plan: the API server cannot be reached: Cannot connect to host 127.0.0.1:1"
    )
    done = both.run(declared(portal), arguments=("--context", context["name"]))
    assert done.returncode == 0, done.stderr
    done = both.run(declared(portal), arguments=("--context", "nowhere"))
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    done = both.run(declared(portal), arguments=("--kubeconfig", str(planner.kubeconfig)))
    assert done.returncode == 0, done.stderr


def test_a_namespace_of_many_objects_is_read_page_by_page(
    admin: Rest, planner: Planner, name: str
) -> None:
    path = f"{NAMESPACES}/{name}/configmaps"
    for number in range(1_100):
        body = {"metadata": {"name": f"settings-{number}"}, "data": {"LOG_LEVEL": "info"}}
        assert admin.create(path, body).ok
    assert admin.create(path, {"metadata": {"name": "z"}, "data": {"API_TOKEN": "x"}}).ok
    told = planner.ask(declared(name))
    (workload,) = told["workloads"]
    assert workload["zones"][0]["judged"] == 1_100 + 2  # and the cluster's own root certificate
    assert [at for at, found in objects_in(told).items()] == ["ConfigMap/z"]
