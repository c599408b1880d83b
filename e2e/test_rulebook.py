"""Each rule's own examples, judged by the real API server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from e2e import custom_kinds, zones
from e2e.product import Product
from e2e.rest import Answer, Rest, connect
from e2e.verdicts import to_tell, told
from e2e.waiting import until
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example, Rule, Severity, rulebook
from phiwarden.rulebook.shapes import PODS, Kind
from phiwarden.rulebook.subjects import SUBJECTS

CASES = [
    pytest.param(rule, passes, example, id=f"{rule.id}-{'pass' if passes else 'fail'}-{number}")
    for rule, passes, number, example in examples.every(rulebook())
]
KINDS = {(kind.kind, kind.api_version): kind for subject in SUBJECTS for kind in subject.kinds}


@pytest.fixture(scope="module")
def developer(product: Product) -> Rest:
    """Somebody with every right that RBAC can give, and no exemption."""
    return connect(product.cluster.kubeconfig_for("platform-engineer"))


@pytest.fixture(scope="module")
def namespaces(product: Product) -> Iterator[Zones]:
    admin = connect(product.cluster.kubeconfig)
    with custom_kinds.installed(admin):
        made = Zones(admin)
        yield made
        made.remove()


class Zones:
    """One namespace for each boundary that examples are judged in."""

    def __init__(self, admin: Rest) -> None:
        self.admin = admin
        self.made: dict[ZoneBoundary, str] = {}

    def of(self, boundary: ZoneBoundary, developer: Rest) -> str:
        if boundary not in self.made:
            name = zones.make(self.admin, boundary)
            self.made[boundary] = name
            # Kubernetes itself refuses a pod whose account does not exist, before any policy.
            undeclared = {"metadata": {"name": "other"}}
            assert self.admin.create(f"{zones.CORE}/{name}/serviceaccounts", undeclared).ok
            probe = examples.pod_template(Example())
            path = collection(PODS.kinds[0], name)
            until(
                lambda: (
                    developer.create(
                        path, examples.manifest(PODS.kinds[0], probe), dry_run=True
                    ).code
                    in (201, 403)
                ),
                f"namespace {name} admits or refuses pods",
            )
        return self.made[boundary]

    def remove(self) -> None:
        for name in self.made.values():
            self.admin.delete(f"{zones.CORE}/{name}")


def ask(developer: Rest, kind: Kind, namespace: str, obj: dict[str, Any]) -> Answer:
    return developer.create(collection(kind, namespace), obj, dry_run=True)


@pytest.mark.parametrize(("rule", "passes", "example"), CASES)
def test_the_api_server_agrees_with_the_example(
    rule: Rule, passes: bool, example: Example, developer: Rest, namespaces: Zones
) -> None:
    """A passing example is admitted and a failing one refused with exactly Python's rules."""
    boundary = examples.zone_of(example)
    namespace = namespaces.of(boundary, developer)
    asked = 0
    for obj in examples.objects(rule, example):
        answer = ask(developer, KINDS[obj["kind"], obj["apiVersion"]], namespace, obj)
        denied = [
            failure
            for failure in standard_judge().failures(obj, boundary)
            if failure.severity is Severity.DENY
        ]
        if not denied:
            assert answer.ok, answer.message
        else:
            assert not passes
            assert answer.code == 403, answer.body
            assert told(answer) == to_tell(denied)
        asked += 1
    assert asked


EPHEMERAL = [
    case
    for case in CASES
    if examples.debugged(case.values[0], case.values[2])
    and not case.values[2].pod
    and not case.values[2].zone
]


@pytest.mark.parametrize(("rule", "passes", "example"), EPHEMERAL)
def test_a_debug_container_is_judged_like_any_other(
    rule: Rule, passes: bool, example: Example, developer: Rest, admin: Rest, namespaces: Zones
) -> None:
    """Kubectl debug adds ephemeral containers through a subresource of a running pod.

    Of several policies that refuse, one is told. A zone that warns tells them all, and of these
    one refuses any debug container (e2e/guard/test_sessions.py).
    """
    boundary = replace(examples.zone_of(example), enforcement="warn")
    namespace = namespaces.of(boundary, developer)
    (pod,) = PODS.kinds
    path = collection(pod, namespace)
    good = examples.manifest(pod, examples.pod_template(Example()), name="running")
    assert developer.create(path, good).code in (201, 409)
    wanted = examples.debugged(rule, example)
    assert wanted is not None
    containers = wanted["spec"]["ephemeralContainers"]
    answer = developer.request(
        "PATCH",
        f"{path}/running/ephemeralcontainers",
        {"spec": {"ephemeralContainers": containers}},
        content="application/strategic-merge-patch+json",
        dryRun="All",
    )
    assert answer.ok, answer.message
    kept = passes or (rule.id == "PHI-POD-003" and "ports" in (example.container or {}))
    warned = f"{rule.id} spec.ephemeralContainers[second]" in "".join(answer.warnings)
    assert warned is not kept
