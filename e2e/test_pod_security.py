"""Kubernetes' own test pods for the Pod Security Standards, held against the rules.

Whatever `restricted` forbids is refused in a zone, by Pod Security admission, by a rule, or by
both; and a rule that refuses what `restricted` allows has a reason of its own.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from e2e import zones
from e2e.pod_security import Fixture, bare, dressed, fixtures
from e2e.rest import Answer, Rest
from e2e.verdicts import by_api_server, by_python, is_cut
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import PODS, WORKLOADS

Body = dict[str, Any]
(POD,) = PODS.kinds
DEPLOYMENT = WORKLOADS.kinds[0]

BEYOND_THE_STANDARDS: Mapping[str, str] = {
    "PHI-IDN-001": "the standards know no identities; the pods run as `default`",
    "PHI-IMG-001": "the standards know no digests; the pods name their images without one",
    "PHI-IMG-002": "the standards know no registries; the images are those of Kubernetes",
    "PHI-POD-005": "the standards ask for no requests and limits",
    "PHI-RES-001": "the standards know no regions; the pods run anywhere",
}
"""The rules that may refuse a pod which `restricted` allows, and why."""

WINDOWS = frozenset({"PHI-POD-001", "PHI-POD-002"})
"""Rules that no Windows pod keeps: they ask for what Windows lacks, and the standards exempt it."""

NO_PODS = "procmount"
"""The check whose pods are invalid for newer API servers, so nobody judges them."""


@dataclass(frozen=True)
class Verdict:
    """Everybody's answer to one pod.

    Attributes:
        fixture: the pod.
        standards: Pod Security alone, at `restricted`.
        rules: the rules alone; the pod has all that the zone asks for beyond the standards.
        as_shipped: the rules alone, on the pod as it was shipped.
        template: the rules alone, on a Deployment of the pod.
        zone: rules and Pod Security, in a zone as the operator makes it.
        held: the same, where a workload is held and Pod Security steps back.
    """

    fixture: Fixture
    standards: Answer
    rules: Answer
    as_shipped: Answer
    template: Answer
    zone: Answer
    held: Answer

    @property
    def forbidden(self) -> bool:
        """Whether `restricted`, of this cluster's version, forbids the pod."""
        return not self.standards.ok

    @property
    def broken(self) -> frozenset[str]:
        """The rules that refuse the pod, but for those that go beyond the standards."""
        return rules_of(self.rules) - BEYOND_THE_STANDARDS.keys()


Verdicts = tuple[Verdict, ...]


def rules_of(answer: Answer) -> frozenset[str]:
    """Return the rules that a refusal names."""
    return frozenset(rule for rule, _ in by_api_server(answer))


@dataclass(frozen=True)
class Namespaces:
    """Where the pods are judged; each has the accounts `default` and `app`."""

    standards: str
    rules: str
    zone: str
    held: str


@pytest.fixture(scope="module")
def namespaces(root: Rest, engineer: Rest) -> Iterator[Namespaces]:
    held = replace(examples.ZONE, held=("Deployment/elsewhere",))
    made = [
        restricted(root),
        zones.make(root, zones.unique(examples.ZONE)),
        zones.make(root, zones.unique(examples.ZONE), pod_security=True),
        zones.make(root, zones.unique(held), pod_security=True),
    ]
    try:
        for name in made:
            wait_until_judged(root, engineer, name)
        yield Namespaces(*made)
    finally:
        for name in made:
            root.delete(f"{zones.CORE}/{name}")


def wait_until_judged(root: Rest, engineer: Rest, name: str) -> None:
    account = f"{zones.CORE}/{name}/serviceaccounts/default"
    until(lambda: root.get(account).ok, f"{account} is there")
    wrong = examples.manifest(POD, examples.pod_template(Example(pod={"hostPID": True})))
    path = collection(POD, name)
    until(
        lambda: "hostPID" in engineer.create(path, wrong, dry_run=True).message,
        f"{name} is enforced",
    )


def restricted(root: Rest) -> str:
    """Make a namespace that Pod Security alone holds, and return its name."""
    name = f"restricted-{uuid.uuid4().hex[:6]}"
    labels = {f"{names.POD_SECURITY}enforce": "restricted"}
    assert root.create(zones.CORE, {"metadata": {"name": name, "labels": labels}}).ok
    account = {"metadata": {"name": "app"}}
    assert root.create(f"{zones.CORE}/{name}/serviceaccounts", account).ok
    return name


@pytest.fixture(scope="module")
def everything(root: Rest, engineer: Rest, namespaces: Namespaces) -> Verdicts:
    """Every pod of the standards up to the cluster's version, judged by everybody."""
    minor = int(root.get("/version").body["minor"].removesuffix("+"))

    def ask(namespace: str, obj: Body) -> Answer:
        kind = {k.kind: k for k in (POD, DEPLOYMENT)}[obj["kind"]]
        return engineer.create(collection(kind, namespace), obj, dry_run=True)

    return tuple(
        Verdict(
            fixture,
            standards=ask(namespaces.standards, bare(fixture)),
            rules=ask(namespaces.rules, dressed(fixture)),
            as_shipped=ask(namespaces.rules, bare(fixture)),
            template=ask(namespaces.rules, deployment(dressed(fixture))),
            zone=ask(namespaces.zone, dressed(fixture)),
            held=ask(namespaces.held, dressed(fixture)),
        )
        for fixture in fixtures(minor)
    )


@pytest.fixture(scope="module")
def judged(everything: Verdicts) -> Verdicts:
    """What the API server takes for a pod at all."""
    return tuple(verdict for verdict in everything if verdict.standards.code != 422)


def deployment(pod: Body) -> Body:
    metadata = {**pod["metadata"], "labels": {"app": "app"}}
    metadata.pop("name")
    return examples.manifest(DEPLOYMENT, {"metadata": metadata, "spec": pod["spec"]})


def test_the_standards_say_what_they_are_shipped_with(everything: Verdicts) -> None:
    """The cluster's own Pod Security admission agrees with the newest folder, or nothing here counts."""
    newest = max(verdict.fixture.minor for verdict in everything)
    shipped = [
        v for v in everything if (v.fixture.level, v.fixture.minor) == ("restricted", newest)
    ]
    assert len(shipped) > 50
    for verdict in shipped:
        assert verdict.standards.ok == verdict.fixture.passes, verdict.fixture
    invalid = {verdict.fixture.check for verdict in everything if verdict.standards.code == 422}
    assert invalid <= {NO_PODS}


def test_what_the_standards_forbid_is_refused_in_a_zone(judged: Verdicts) -> None:
    print(report(judged))
    for verdict in judged:
        if verdict.forbidden:
            assert verdict.zone.code == 403, verdict.fixture


def test_the_rules_alone_refuse_all_of_it(judged: Verdicts) -> None:
    """So Pod Security may step back for a held workload, and the rest of the zone stays held."""
    assert [verdict for verdict in judged if verdict.forbidden and not verdict.broken] == []
    for verdict in judged:
        assert verdict.held.ok == verdict.rules.ok, verdict.fixture


def test_no_rule_refuses_what_the_standards_allow_but_for_a_reason_of_its_own(
    judged: Verdicts,
) -> None:
    allowed = [verdict for verdict in judged if not verdict.forbidden]
    assert len(allowed) > 20
    for verdict in allowed:
        windows = WINDOWS if "windows" in verdict.fixture.name else frozenset()
        assert verdict.broken == windows, verdict.fixture
        assert rules_of(verdict.as_shipped) - windows <= BEYOND_THE_STANDARDS.keys(), (
            verdict.fixture
        )
        for answer in (verdict.zone, verdict.held, verdict.template):
            assert rules_of(answer) == rules_of(verdict.rules), verdict.fixture
            assert answer.ok == (not rules_of(answer)), answer.message
    met = frozenset().union(*(rules_of(verdict.as_shipped) for verdict in allowed))
    assert met >= BEYOND_THE_STANDARDS.keys()


def test_python_and_the_api_server_tell_the_same_failures(judged: Verdicts) -> None:
    for verdict in judged:
        for obj, answer in (
            (dressed(verdict.fixture), verdict.rules),
            (bare(verdict.fixture), verdict.as_shipped),
            (deployment(dressed(verdict.fixture)), verdict.template),
        ):
            expected = by_python(obj, examples.ZONE)
            told = by_api_server(answer)
            assert told == (expected[: len(told)] if is_cut(answer) else expected), verdict.fixture


def report(judged: Verdicts) -> str:
    """Return who refuses the pods of each check, as a table."""
    counts: Counter[tuple[str, str]] = Counter()
    for verdict in judged:
        match verdict.forbidden, bool(verdict.broken):
            case True, True:
                who = "both"
            case True, False:
                who = "Pod Security"
            case False, True:
                who = "rules"
            case _:
                who = "nobody"
        counts[verdict.fixture.check, who] += 1
    columns = ("both", "Pod Security", "rules", "nobody")
    head = f"{'refused by':<30}" + "".join(f"{name:>14}" for name in columns)
    checks = sorted({check for check, _ in counts})
    rows = (
        f"{check:<30}" + "".join(f"{counts[check, name]:>14}" for name in columns)
        for check in checks
    )
    return "\n".join([head, *rows])
