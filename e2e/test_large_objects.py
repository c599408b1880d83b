"""Objects of the largest sizes: judged by their rules, and not by what judging them costs.

The API server ends an expression that costs too much, and refuses the request with it. What
rules may cost is bounded for the sizes in `rulebook/sizes.py`; here the bound meets the API
server itself. The figures come from counting costs with cel-go: see `tests/rulebook/test_cost.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from e2e import zones
from e2e.product import Product
from e2e.rest import Answer, Rest, connect
from e2e.verdicts import to_tell, told
from e2e.waiting import until
from phiwarden.api.release import MAX_RELEASED
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster import resources
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import budget, examples, render
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example, Rule
from phiwarden.rulebook.shapes import POD_SHAPES
from phiwarden.rulebook.subjects import SUBJECTS

KIB = 1024
KINDS = {(kind.kind, kind.api_version): kind for subject in SUBJECTS for kind in subject.kinds}
CLOSED = examples.ZONE
OPEN = replace(CLOSED, exposure="public")
RELEASED = replace(
    CLOSED,
    releases=(examples.DIGEST, *(f"sha256:{n:0>64}" for n in range(1, MAX_RELEASED))),
)
(POD,) = POD_SHAPES[0].kinds
DEPLOYMENT = POD_SHAPES[1].kinds[0]

Object = dict[str, Any]


def workload(
    containers: int = 1,
    variables: int = 0,
    *,
    characters: int = 20,
    annotations: int = 0,
    name: str = "N{}",
    kind: Any = DEPLOYMENT,
) -> Object:
    """Return a good object with so many containers, variables in each, and characters."""
    template = examples.pod_template(Example())
    (good,) = template["spec"]["containers"]
    env = [{"name": name.format(n), "value": "v" * characters} for n in range(variables)]
    template["spec"]["containers"] = [
        {**copy.deepcopy(good), "name": f"c{number}", "env": env} for number in range(containers)
    ]
    if annotations:
        template["metadata"]["annotations"] = {
            f"note-{part}": "v" * (annotations // 8) for part in range(8)
        }
    return examples.manifest(kind, template)


def arguments(count: int) -> Object:
    """Return a good object with so many arguments of one character."""
    found = workload(1)
    found["spec"]["template"]["spec"]["containers"][0]["args"] = ["x"] * count
    return found


def config(entries: int, characters: int, name: str = "entry-{}.txt") -> Object:
    data = {name.format(number): "x" * characters for number in range(entries)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}, "data": data}


def role(rules: int, resource: str = "deployments") -> Object:
    rule = {"apiGroups": ["apps"], "resources": [resource], "verbs": ["get", "list", "watch"]}
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}
    return {**head, "metadata": {"name": "app"}, "rules": [rule] * rules}


def endpoints(count: int) -> Object:
    addresses = [f"203.0.{number // 250}.{number % 250 + 1}" for number in range(count)]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "app"},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]} for address in addresses],
        "ports": [{"port": 443}],
    }


def leading_to(ranges: int, last: str = "203.0.0.0/16") -> ZoneBoundary:
    others = tuple(f"198.51.{number}.0/24" for number in range(ranges - 1))
    return replace(CLOSED, destinations=(*others, last))


def ingress(hosts: int) -> Object:
    names = [f"portal-{number}.apps.hospital.example" for number in range(hosts)]
    backend = {"service": {"name": "web", "port": {"number": 8443}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "app"},
        "spec": {
            "tls": [{"hosts": [name], "secretName": "tls"} for name in names],
            "rules": [{"host": name, "http": {"paths": [path]}} for name in names],
        },
    }


ADMITTED = {
    "a pod of 100 containers": (workload(100, kind=POD), CLOSED),
    "as many in a zone with as many releases as there may be": (workload(100), RELEASED),
    "10 containers with 100 variables each": (workload(10, 100), CLOSED),
    "16 containers with 200 variables each": (workload(16, 200), CLOSED),
    "a variable of 100 KiB": (workload(1, 1, characters=100 * KIB), CLOSED),
    "annotations of 250 KiB": (workload(annotations=250 * KIB), CLOSED),
    "annotations of 250 KiB and 1,000 variables": (
        workload(10, 100, annotations=250 * KIB),
        CLOSED,
    ),
    "a ConfigMap of one entry of 1 MiB": (config(1, KIB * KIB - 200), CLOSED),
    "a ConfigMap of 1,000 entries of 1,000": (config(1000, 1000), CLOSED),
    "a ConfigMap of 5,000 entries": (config(5000, 1), CLOSED),
    "1,700 containers": (workload(1700), CLOSED),
    "10,000 arguments": (arguments(10_000), CLOSED),
    "a variable of 127 KiB": (workload(1, 1, characters=127 * KIB), CLOSED),
    "variables of 64 KiB and annotations of 250 KiB": (
        workload(1, 64, characters=KIB - 20, annotations=250 * KIB),
        CLOSED,
    ),
    "a Role of 500 rules": (role(500), CLOSED),
    "a Role of 2,000 rules": (role(2000), CLOSED),
    "1,000 endpoints, one destination": (endpoints(1000), leading_to(1)),
    "1,000 endpoints, 64 destinations": (endpoints(1000), leading_to(64)),
    "an Ingress of 60 hosts": (ingress(60), OPEN),
    "an Ingress of 200 hosts": (ingress(200), OPEN),
}
TOO_MUCH = {
    "100 containers with 200 variables each": (workload(100, 200), CLOSED),
    "a variable of 150 KiB": (workload(1, 1, characters=150 * KIB), CLOSED),
    "100 KiB of variables and 250 KiB of annotations": (
        workload(1, 100, characters=KIB, annotations=250 * KIB),
        CLOSED,
    ),
    "a ConfigMap of 10,000 entries": (config(10_000, 1), CLOSED),
    "a Role of 15,000 rules": (role(15_000), CLOSED),
    "an Ingress of 400 hosts": (ingress(400), OPEN),
}
REFUSED = {
    "1,000 literal passwords": (workload(10, 100, name="PASSWORD_{}"), CLOSED, "PHI-SEC-001"),
    "1,000 passwords in a ConfigMap": (config(1000, 20, "{}-password"), CLOSED, "PHI-SEC-005"),
    "500 wildcards": (role(500, "*"), CLOSED, "PHI-IDN-003"),
    "1,000 strange endpoints": (endpoints(1000), leading_to(64, "198.51.100.0/24"), "PHI-NET-004"),
    "60 hosts in a zone without exposure": (ingress(60), CLOSED, "PHI-NET-003"),
}


@pytest.fixture(scope="module")
def developer(product: Product) -> Rest:
    return connect(product.cluster.kubeconfig_for("platform-engineer"))


@pytest.fixture(scope="module")
def namespaces(product: Product) -> Iterator[dict[ZoneBoundary, str]]:
    admin = connect(product.cluster.kubeconfig)
    asked = (*ADMITTED.values(), *TOO_MUCH.values(), *REFUSED.values())
    made = {zone: zones.make(admin, zone) for zone in {zone for _, zone, *_ in asked}}
    yield made
    for name in made.values():
        admin.delete(f"{zones.CORE}/{name}")


def ask(rest: Rest, namespace: str, obj: Object) -> Answer:
    return rest.create(
        collection(KINDS[obj["kind"], obj["apiVersion"]], namespace), obj, dry_run=True
    )


@pytest.mark.parametrize("case", ADMITTED)
def test_what_keeps_the_rules_is_admitted_however_large(
    case: str, developer: Rest, namespaces: dict[ZoneBoundary, str]
) -> None:
    obj, zone = ADMITTED[case]
    answer = ask(developer, namespaces[zone], obj)
    assert answer.ok, answer.message[-300:]


@pytest.mark.parametrize("case", REFUSED)
def test_what_breaks_a_rule_many_times_hears_of_the_rule(
    case: str, developer: Rest, namespaces: dict[ZoneBoundary, str]
) -> None:
    obj, zone, rule = REFUSED[case]
    answer = ask(developer, namespaces[zone], obj)
    assert answer.code == 403
    assert f"broken: {rule}" in answer.message, answer.message[:300]
    assert any(line.startswith(rule) for line in told(answer))


@pytest.mark.parametrize("case", TOO_MUCH)
def test_what_is_too_large_to_be_judged_hears_so_and_of_nothing_else(
    case: str, developer: Rest, namespaces: dict[ZoneBoundary, str]
) -> None:
    obj, zone = TOO_MUCH[case]
    answer = ask(developer, namespaces[zone], obj)
    assert answer.code == 403
    (denied,) = judged = [f for f in standard_judge().failures(obj, zone) if f.severity == "deny"]
    assert denied.rule == "PHI-GRD-004"
    assert told(answer) == to_tell(judged), answer.message[:300]


def looking_for(pattern: str) -> Rule:
    """Return a rule that looks for a pattern in every variable of every container."""
    check = {
        "each": "container",
        "offends": "has(container.env) && container.env.exists(entry, has(entry.value)"
        f" && entry.value.matches('{pattern}'))",
        "path": ".env",
        "problem": "a variable holds the pattern",
        "found": "'pattern'",
    }
    return Rule.model_validate(
        {
            "id": "ACME-COST-001",
            "title": "No variable holds the pattern",
            "rationale": "It is looked for everywhere.",
            "fix": "leave it out",
            "controls": {},
            "severity": dict.fromkeys(("direct-care", "care-support", "administrative"), "deny"),
            "reads": "rollout",
            "checks": [check],
            "examples": {"pass": [], "fail": []},
        }
    )


@contextmanager
def standing(admin: Rest, rule: Rule, name: str) -> Iterator[int]:
    """Have a policy of a rule stand, whatever it costs; yields the bound of its cost."""
    policy, enforcing, *_ = render.render_own([rule])
    policy["metadata"]["name"] = enforcing["metadata"]["name"] = name
    enforcing["spec"]["policyName"] = name
    wanted = {
        collection(resources.ADMISSION_POLICY): policy,
        collection(resources.ADMISSION_BINDING): enforcing,
    }
    try:
        for path, manifest in wanted.items():
            answer = admin.create(path, manifest)
            assert answer.ok, answer.message
        yield budget.costs(policy)["clean"].most
    finally:
        for path in wanted:
            admin.delete(f"{path}/{name}")


@pytest.mark.parametrize(("length", "fits"), [(900, True), (12_000, False)])
def test_the_bound_of_a_rule_is_the_api_servers(
    product: Product, developer: Rest, admin: Rest, length: int, fits: bool
) -> None:
    """What is within the bound is judged; what is far beyond it is refused for its cost."""
    largest = workload(32, 22, characters=34)
    offender = workload(1, 1, characters=length)
    offender["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "x" * length
    name = f"phiwarden-own-{length}"
    with (
        standing(admin, looking_for("x" * length), name) as bound,
        zones.zone(admin, zones.unique(CLOSED)) as namespace,
    ):
        assert (bound <= budget.PER_EXPRESSION) is fits

        def refusal(obj: Object) -> str:
            message = ask(developer, namespace, obj).message
            return message if name in message else ""

        told = until(lambda: refusal(offender), "the rule is enforced", within=60)
        assert ("ACME-COST-001" in told) is fits, told[-300:]
        assert ("cost limit exceeded" in refusal(largest)) is not fits
