"""A privacy officer asks who can do what in the zones, by what, and since when."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from e2e import workloads
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.controlplane.tools import Completed
from e2e.product import NAMESPACE as HOME
from e2e.product import RELEASE, Product, running
from e2e.rest import MERGE, Rest, connect
from e2e.waiting import until
from e2e.workloads import NAMESPACES, WORKLOADS, unique
from phiwarden.access.rbac import Subject, SubjectKind
from tests.access.cases import case, corners, everybody, requests
from tests.access.made import binding, role, rule
from tests.access.oracle import Request, Who, account

Object = dict[str, Any]

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
PLURALS = {
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
}
SEEDS = range(3)
DRAWN = 6
"""Small clusters that a seed brings into one."""
ASKED = 500
"""Requests of each seed that are allowed by the review, and as many that are not."""


def place(body: Object) -> str:
    """Return the path of the collection that an object of RBAC belongs to."""
    namespace = body["metadata"].get("namespace")
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"{RBAC}{where}/{PLURALS[body['kind']]}"


@pytest.fixture
def rights(root: Rest) -> Iterator[Callable[..., None]]:
    """Make roles and bindings, and take those of the cluster back at the end."""
    made = []

    def make(*bodies: Object) -> None:
        for body in bodies:
            known = {key: body["metadata"].get(key) for key in ("name", "namespace", "labels")}
            metadata = {key: value for key, value in known.items() if value}
            answer = root.create(place(body), {**body, "metadata": metadata})
            assert answer.ok, answer.message
            made.append(f"{place(body)}/{metadata['name']}")

    yield make
    for path in made:
        root.delete(path)


@dataclass
class Reviewer:
    """Somebody with the rights of a role, who asks as kubectl's user."""

    product: Product
    kubeconfig: Path

    def run(self, *arguments: str) -> Completed:
        return self.product.cluster.kubectl(
            "phi", "access", *arguments, kubeconfig=self.kubeconfig, check=False
        )

    def ask(self, workload: str) -> Object:
        """Return a review; its exit code must be that of the process."""
        done = self.run(workload, "-o", "json")
        assert done.stdout, done.stderr
        told: Object = json.loads(done.stdout)
        assert told["exitCode"] == done.returncode
        return told


@pytest.fixture(autouse=True)
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the plugin where kubectl looks for it, as `pip install` puts it there."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}", prepend=":")


Reviewers = Callable[[str], Reviewer]


@pytest.fixture
def reviewers(product: Product, root: Rest, rights: Callable[..., None]) -> Reviewers:
    """Make somebody who has a ClusterRole everywhere."""

    def make(named: str) -> Reviewer:
        name = unique("reviewer")
        account = f"{NAMESPACES}/default/serviceaccounts"
        assert root.create(account, {"metadata": {"name": name}}).ok
        subject = f"ServiceAccount default/{name}"
        rights(binding(name, f"ClusterRole {named}", subject, namespace=""))
        return Reviewer(product, product.cluster.create_token(name, "default"))

    return make


@pytest.fixture
def reviewer(reviewers: Reviewers) -> Reviewer:
    """Somebody with the role that the chart has for it."""
    return reviewers("phiwarden-reviewer")


def declared(name: str, **spec: Any) -> Object:
    """Return a declaration of two zones whose namespaces are there already, merely observed."""
    accounts = [{"name": "app"}, {"name": "api", "apiAccess": True}]
    zones = [
        workloads.zone(zone, data=data, adopt=True, serviceAccounts=accounts)
        for zone, data in (("clinical", "phi"), ("edge", "none"))
    ]
    usual = {"enforcement": "observe", "zones": zones, "flows": [], "externals": []}
    return workloads.clinic(name, **{**usual, **spec})


@pytest.fixture(scope="module")
def portal(product: Product, root: Rest) -> Iterator[str]:
    """A workload with two zones, which the operator marked before it went away."""
    name = unique("portal")
    for zone in ("clinical", "edge"):
        assert root.create(NAMESPACES, {"metadata": {"name": f"{name}-{zone}"}}).ok
    with running(product):
        assert workloads.apply(root, declared(name)).ok
        workloads.wait(root, name, "Ready")
    yield name
    root.delete(f"{WORKLOADS}/{name}")


def allowed(root: Rest, who: Who, request: Request) -> bool:
    """Ask the API server's own authorizer."""
    attributes = {
        "verb": request.verb,
        "group": request.group,
        "resource": request.resource,
        "subresource": request.subresource,
        "namespace": request.namespace,
        "name": request.name,
    }
    spec = {"user": who.user, "groups": list(who.groups), "resourceAttributes": attributes}
    answer = root.create(REVIEWS, {"spec": spec})
    assert answer.ok, answer.message
    return bool(answer.body["status"]["allowed"])


class Told:
    """A review, as answers to requests."""

    def __init__(self, told: Object) -> None:
        self._names: dict[tuple[str | None, ...], list[list[str] | None]] = {}
        for grant in told["grants"]:
            who = tuple(grant["subject"][field] for field in ("kind", "name", "namespace"))
            for zone in grant["zones"]:
                for right in (r for each in grant["abilities"] for r in each["rights"]):
                    for verb in right["verbs"]:
                        key = (*who, zone, right["apiGroup"], right["resource"], verb)
                        self._names.setdefault(key, []).append(right["names"])

    def allows(self, subjects: tuple[Subject, ...], zone: str, request: Request) -> bool:
        resource = "/".join(filter(None, (request.resource, request.subresource)))
        what = (zone, request.group, resource, request.verb)
        return any(
            names is None or request.name in names
            for each in subjects
            for names in self._names.get((each.kind, each.name, each.namespace or None, *what), ())
        )


def taken_up(root: Rest, rights: Callable[..., None], namespaces: tuple[str, ...]) -> None:
    """Wait until the authorizer knows all roles and bindings that were made so far."""
    mark = unique("last")
    secrets = rule("secrets", "get", "core")
    for namespace in (*namespaces, ""):
        kind = "Role" if namespace else "ClusterRole"
        rights(
            role(mark, secrets, namespace=namespace),
            binding(mark, f"{kind} {mark}", f"User {mark}{namespace}", namespace=namespace),
        )
    for namespace in (*namespaces, ""):
        asked = Request("get", "", "secrets", "", namespace, "")
        until(
            lambda namespace=namespace, asked=asked: allowed(
                root, Who(f"{mark}{namespace}"), asked
            ),
            "the authorizer has taken up all roles and bindings",
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_told_is_what_the_authorizer_decides(
    root: Rest, rights: Callable[..., None], reviewer: Reviewer, seed: int
) -> None:
    """Nobody reconciles: what stands in the namespaces is only what chance brought."""
    name = unique("drawn")
    zones = {"clinical": f"{name}-clinical", "edge": f"{name}-edge"}
    namespaces = tuple(zones.values())
    for namespace in namespaces:
        assert root.create(NAMESPACES, {"metadata": {"name": namespace}}).ok
    assert workloads.apply(root, declared(name)).ok
    chance = Random(seed)
    for number in range(DRAWN):
        rights(*case(chance, namespaces, f"{name}-{number}-", f"{number}"))
    taken_up(root, rights, namespaces)
    told = Told(reviewer.ask(name))
    asked: dict[bool, list[tuple[Who, Request]]] = {True: [], False: []}
    for number in range(DRAWN):
        for who, subjects in everybody(namespaces, f"{name}-{number}-").items():
            for zone, namespace in zones.items():
                for _, request in requests(namespace):
                    said = told.allows(subjects, zone, request)
                    asked[said].append((who, request))
    seen: Counter[bool] = Counter()
    for said, each in asked.items():
        for who, request in chance.sample(each, min(len(each), ASKED)):
            assert allowed(root, who, request) == said, (seed, who, request)
            seen[said] += 1
    assert min(seen.values()) >= 100, seen
    assert root.delete(f"{WORKLOADS}/{name}").ok


def test_rules_that_are_easily_misread_are_told_as_the_authorizer_decides(
    root: Rest, rights: Callable[..., None], reviewer: Reviewer, portal: str
) -> None:
    zones = {"clinical": f"{portal}-clinical", "edge": f"{portal}-edge"}
    objects, people = corners(zones["clinical"], f"{portal}-")
    rights(*objects)
    taken_up(root, rights, tuple(zones.values()))
    told = Told(reviewer.ask(portal))
    chance = Random(0)
    for who in people:
        subjects = (Subject(SubjectKind.USER, who.user),)
        asked: dict[bool, list[Request]] = {True: [], False: []}
        for zone, namespace in zones.items():
            for _, request in requests(namespace):
                asked[told.allows(subjects, zone, request)].append(request)
        for said, each in asked.items():
            for request in chance.sample(each, min(len(each), 80)):
                assert allowed(root, who, request) == said, (who, request)


def people(portal: str) -> tuple[Object, ...]:
    """Return what a grown namespace has: what is meant to be, and what slipped in."""
    inside = f"{portal}-clinical"
    return (
        role("deployer", rule("deployments", "get list patch", "apps"), namespace=inside),
        binding("deployers", "Role deployer", f"Group {portal}-team", f"ServiceAccount {inside}/api", namespace=inside),
        role("debug", rule("pods/exec", "create", "core"), namespace=inside),
        binding("debug", "Role debug", f"User {portal}-ann", namespace=inside),
        binding("pipeline", "Role deployer", f"ServiceAccount {portal}-edge/app", "ServiceAccount ci/deployer", namespace=inside),
        binding("old", "Role removed", f"User {portal}-bob", namespace=inside),
        role(f"{portal}-secrets", rule("secrets", "get", "core", ("db",)), namespace=""),
        binding(f"{portal}-secrets", f"ClusterRole {portal}-secrets", f"User {portal}-eve", namespace=""),
    )  # fmt: skip


def entries(told: Object) -> dict[str, tuple[str, list[str], list[str]]]:
    """Return standing, zones and abilities by subject, of who is neither Kubernetes nor known."""
    return {
        grant["subject"]["name"]: (
            grant["standing"],
            grant["zones"],
            [each["ability"] for each in grant["abilities"]],
        )
        for grant in told["grants"]
    }


def findings(told: Object, portal: str) -> set[tuple[str, str, str]]:
    """Return weight, reason and object of the findings about what a test made."""
    return {
        (found["weight"], found["reason"], found["object"]["name"])
        for found in told["findings"]
        if (found["object"]["namespace"] or found["object"]["name"]).startswith(portal)
    }


def test_a_review_tells_who_can_do_what_and_what_nobody_declared(
    product: Product, root: Rest, rights: Callable[..., None], reviewer: Reviewer, portal: str
) -> None:
    inside = f"{portal}-clinical"
    rights(*people(portal))
    told = reviewer.ask(portal)
    assert told["exitCode"] == 1
    assert all(zone["stands"] for zone in told["zones"])
    assert findings(told, portal) == {
        ("beyond", "breaks-rule", "debug"),
        ("beyond", "no-api-access", "pipeline"),
        ("beyond", "foreign-account", "pipeline"),
        ("beyond", "dangling", "old"),
        ("cluster-wide", "cluster-wide", f"{portal}-secrets"),
    }
    who = entries(told)
    assert who[f"{portal}-team"] == ("declared", ["clinical"], ["change-workloads"])
    assert who["api"] == ("declared", ["clinical"], ["change-workloads"])
    assert who[f"{portal}-ann"] == ("beyond", ["clinical"], ["reach-into-pods"])
    assert who[f"{portal}-eve"] == ("cluster-wide", ["clinical", "edge"], ["read-secrets"])
    assert f"{portal}-bob" not in who
    engineer = who[PLATFORM_ENGINEER]
    assert (engineer[0], len(engineer[2])) == ("cluster-wide", 7)
    assert who[RELEASE][0] == "phiwarden"
    kubernetes = [g for g in told["grants"] if g["standing"] == "kubernetes"]
    assert {"system:kube-scheduler", "job-controller"} <= {g["subject"]["name"] for g in kubernetes}
    ours = [g["subject"] for g in told["grants"] if g["standing"] == "phiwarden"]
    assert ours == [{"kind": "ServiceAccount", "name": RELEASE, "namespace": HOME}]

    # What is told is what these people meet.
    secrets = f"{NAMESPACES}/{inside}/secrets"
    assert root.create(secrets, {"metadata": {"name": "db"}}).ok
    eve, ann, bob = (
        connect(product.cluster.kubeconfig_for(f"{portal}-{each}"))
        for each in ("eve", "ann", "bob")
    )
    until(lambda: eve.get(f"{secrets}/db").code == 200, "eve reads the secret of that name")
    assert {eve.get(secrets).code, ann.get(f"{secrets}/db").code, bob.get(secrets).code} == {403}
    for person, may in ((f"{portal}-ann", True), (f"{portal}-eve", False)):
        request = Request("create", "", "pods", "exec", inside, "app")
        until(
            lambda person=person, may=may, request=request: (
                allowed(root, Who(person), request) == may
            ),
            f"{person} may {'' if may else 'not '}run commands",
        )
    pipeline = account(f"{portal}-edge", "app")
    deploys = Request("patch", "apps", "deployments", "", inside, "app")
    until(lambda: allowed(root, pipeline, deploys), "the account of the other zone may deploy")


def test_a_mended_workload_has_no_finding_of_its_own(
    root: Rest, rights: Callable[..., None], reviewer: Reviewer, portal: str
) -> None:
    """What each finding says to do is enough."""
    inside = f"{portal}-clinical"
    rights(*people(portal))
    assert findings(reviewer.ask(portal), portal)
    bindings = f"{RBAC}/namespaces/{inside}/rolebindings"
    for path in (
        f"{RBAC}/namespaces/{inside}/roles/debug",
        *(f"{bindings}/{name}" for name in ("debug", "pipeline", "old")),
        f"{RBAC}/clusterrolebindings/{portal}-secrets",
    ):
        assert root.delete(path).ok
    assert findings(reviewer.ask(portal), portal) == set()


def test_since_when_a_right_stands_is_told_by_what_changed_last(
    root: Rest, rights: Callable[..., None], reviewer: Reviewer, portal: str
) -> None:
    inside = f"{portal}-clinical"
    rights(*people(portal))
    deployer = f"{RBAC}/namespaces/{inside}/roles/deployer"

    def told() -> Object:
        (grant,) = [
            g for g in reviewer.ask(portal)["grants"] if g["subject"]["name"] == f"{portal}-team"
        ]
        found: Object = grant["since"]
        return found

    bound = root.get(f"{RBAC}/namespaces/{inside}/rolebindings/deployers").body["metadata"]
    assert told() == {
        "time": bound["creationTimestamp"],
        "event": "binding made",
        "sure": True,
    }
    # The API server writes times by the second: what happens within the same counts as making it.
    wider = {"rules": [rule("deployments", "delete", "apps")]}

    def later() -> bool:
        answer = root.request("PATCH", deployer, wider, content=MERGE)
        assert answer.ok, answer.message
        times = [entry["time"] for entry in answer.body["metadata"]["managedFields"]]
        wider["rules"].append(rule("deployments", f"verb{len(wider['rules'])}", "apps"))
        return bool(max(times) > bound["creationTimestamp"])

    until(later, "the role is changed in a later second", every=0.3)
    changed = root.get(deployer).body["metadata"]["managedFields"]
    assert told() == {
        "time": max(entry["time"] for entry in changed),
        "event": "role changed",
        "sure": True,
    }
    wiped = {"metadata": {"managedFields": [{}]}}
    assert root.request("PATCH", deployer, wiped, content=MERGE).ok
    assert told()["sure"] is False


def test_what_somebody_added_to_view_counts_where_view_is_given(
    root: Rest, rights: Callable[..., None], reviewer: Reviewer, portal: str
) -> None:
    """Every zone may give it, by its name; what it gives, the cluster puts together."""
    inside = f"{portal}-clinical"
    rights(binding("readers", "ClusterRole view", f"User {portal}-ann", namespace=inside))
    assert f"{portal}-ann" not in entries(reviewer.ask(portal))
    label = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    part = rule("secrets", "list", "core")
    rights(role(f"{portal}-part", part, namespace="", labels=label))
    view = f"{RBAC}/clusterroles/view"
    until(lambda: part in root.get(view).body["rules"], "the role is aggregated")
    told = reviewer.ask(portal)
    assert entries(told)[f"{portal}-ann"] == ("beyond", ["clinical"], ["read-secrets"])
    assert findings(told, portal) == {("beyond", "widened-role", "readers")}
    assert root.delete(f"{RBAC}/clusterroles/{portal}-part").ok
    until(lambda: part not in root.get(view).body["rules"], "the role is as it was")


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ("clusterrolebindings", "list clusterrolebindings.rbac.authorization.k8s.io in all"),
        ("clusterroles", "list clusterroles.rbac.authorization.k8s.io in all namespaces"),
        ("rolebindings", "list rolebindings.rbac.authorization.k8s.io in namespace {}-clinical"),
        ("roles", "list roles.rbac.authorization.k8s.io in namespace {}-edge"),
    ],
)
def test_whoever_may_not_see_all_is_told_which_right_is_missing(
    root: Rest,
    rights: Callable[..., None],
    reviewers: Reviewers,
    portal: str,
    lacks: str,
    said: str,
) -> None:
    kinds = " ".join(set(PLURALS.values()) - {lacks})
    rights(
        role(
            portal,
            rule("phiworkloads", "list", "phiwarden.dev"),
            rule(kinds, "list", "rbac.authorization.k8s.io"),
            namespace="",
        ),
        *people(f"{portal}"),
    )
    done = reviewers(portal).run(portal)
    assert done.returncode == 2
    told = " ".join(done.stdout.split())
    assert f"you lack the right to {said.format(portal)}" in told


def test_a_name_that_is_not_there_and_a_caller_without_rights_end_with_2(
    reviewer: Reviewer, product: Product, portal: str, root: Rest
) -> None:
    done = reviewer.run("nobodys")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no PHIWorkload nobodys; there are " in done.stderr
    name = unique("nobody")
    assert root.create(f"{NAMESPACES}/default/serviceaccounts", {"metadata": {"name": name}}).ok
    nobody = Reviewer(product, product.cluster.create_token(name, "default"))
    done = nobody.run(portal)
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs the right to list phiworkloads.phiwarden.dev" in done.stderr


def test_a_person_reads_it_on_one_screen(
    rights: Callable[..., None], reviewer: Reviewer, portal: str
) -> None:
    rights(*people(portal))
    done = reviewer.run(portal)
    assert done.returncode == 1, done.stderr
    assert "\x1b" not in done.stdout
    said = " ".join(done.stdout.split())
    assert said.startswith(f"{portal}, 2 zones: ")
    assert f"zone clinical, data phi: {portal}-clinical" in said
    assert "every zone" in said
    assert f"phiwarden's own: ServiceAccount {HOME}/{RELEASE}" in said
    assert "PHI-IDN-003: a right that reaches patient data past every rule" in said
    assert len(done.stdout.splitlines()) <= 100
