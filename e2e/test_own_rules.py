"""A platform team adds rules of its own: from a folder to refusals, and away again."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cel
import pytest
import yaml

from e2e import verdicts, workloads, zones
from e2e.product import CHART, NAMESPACE, RELEASE, ROOT, Product, install, running
from e2e.rest import Answer, Rest, connect
from e2e.waiting import until
from e2e.workloads import bad, deployment, deployments, unique, wait, zone_status
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster import resources
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import bundle, examples, own, portable
from phiwarden.rulebook.dialect import FUNCTIONS, PORTABLE, program
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.model import Check, Example, Reads, Rule, Severity
from phiwarden.rulebook.render import render_own
from phiwarden.rulebook.subjects import SUBJECTS

FOLDER = ROOT / "examples" / "own-rules"
RULES = own.own_rules(FOLDER)
CASES = [
    pytest.param(rule, example, id=f"{rule.id}-{'pass' if passes else 'fail'}-{number}")
    for rule, passes, number, example in examples.every(RULES)
]
KINDS = {(kind.kind, kind.api_version): kind for subject in SUBJECTS for kind in subject.kinds}
WITHOUT_CONTROLLER = {"controller": {"enabled": False}}


def phi(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "phiwarden.cli.phi", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@cache
def built() -> str:
    """Return the values of the example folder, as the command line builds them."""
    done = phi("rules", "build", str(FOLDER))
    assert done.returncode == 0, done.stderr
    return done.stdout


def values() -> dict[str, Any]:
    """Return those values, the caller's to change."""
    loaded: dict[str, Any] = yaml.safe_load(built())
    return loaded


def upgrade(product: Product, wanted: dict[str, Any]) -> str:
    """Return what helm says of an upgrade; "" if it went well."""
    done = product.cluster.helm(
        *("upgrade", RELEASE, str(CHART), "-n", NAMESPACE, "-f", "-"),
        input=yaml.safe_dump({**WITHOUT_CONTROLLER, **wanted}),
        check=False,
    )
    return done.stderr if done.returncode else ""


def policies(admin: Rest) -> dict[str, int]:
    """Return the own policies that stand, with their generation."""
    found = admin.get(collection(resources.ADMISSION_POLICY)).body["items"]
    metadata = (item["metadata"] for item in found)
    return {m["name"]: m["generation"] for m in metadata if m["name"].startswith("phiwarden-own-")}


@pytest.fixture(scope="module")
def developer(product: Product) -> Rest:
    return connect(product.cluster.kubeconfig_for("platform-engineer"))


@pytest.fixture(scope="module")
def installed(product: Product, developer: Rest) -> Iterator[Product]:
    """The chart with the rules of the example folder; afterwards without them again."""
    shipped = install(product.cluster, values())
    admin = connect(product.cluster.kubeconfig)
    with zones.zone(admin, zones.unique(examples.ZONE)) as namespace:
        for rule in RULES:
            until(
                lambda rule=rule: all(  # type: ignore[misc]
                    rule.id in ask(developer, namespace, obj).message
                    for obj in examples.objects(rule, rule.examples.failing[0])
                ),
                f"{rule.id} is enforced",
                within=60,
            )
    yield shipped
    install(product.cluster)


@pytest.fixture(scope="module")
def namespaces(installed: Product) -> Iterator[dict[ZoneBoundary, str]]:
    """A zone for each boundary that an example asks for."""
    admin = connect(installed.cluster.kubeconfig)
    wanted = {examples.zone_of(case.values[1]) for case in CASES}
    made = {zone: zones.make(admin, zone) for zone in wanted}
    yield made
    for name in made.values():
        admin.delete(f"{zones.CORE}/{name}")


def ask(rest: Rest, namespace: str, obj: dict[str, Any]) -> Answer:
    kind = KINDS[obj["kind"], obj["apiVersion"]]
    return rest.create(collection(kind, namespace), obj, dry_run=True)


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_the_api_server_and_python_agree_on_the_examples(
    rule: Rule, example: Example, developer: Rest, namespaces: dict[ZoneBoundary, str]
) -> None:
    """In words, too: an own rule is told like one of phiwarden's."""
    zone = examples.zone_of(example)
    judge = Judge(RULES)
    for obj in examples.objects(rule, example):
        answer = ask(developer, namespaces[zone], obj)
        denied = [f for f in judge.failures(obj, zone) if f.severity is Severity.DENY]
        if denied:
            assert verdicts.told(answer) == verdicts.to_tell(denied), answer.message
            assert verdicts.broken(answer) == sorted({f.rule for f in denied})
        else:
            assert own_rules_in(answer) == set(), answer.message


def own_rules_in(answer: Answer) -> set[str]:
    return {rule.id for rule in RULES if rule.id in answer.message}


def test_what_breaks_both_rulebooks_hears_of_each_in_full(
    installed: Product, developer: Rest, admin: Rest
) -> None:
    """The API server tells of one policy at a time when it denies, and of all when it warns."""
    worst = deployment("api", imagePullPolicy="Always", resources=None)
    worst = bad(worst)
    theirs = ["ACME-IMG-001", "ACME-OPS-002"]
    builtin = ["PHI-IMG-001", "PHI-POD-005"]
    with zones.zone(admin, zones.unique(examples.ZONE)) as namespace:
        answer = developer.create(deployments(namespace), worst, dry_run=True)
        assert answer.code == 403
        assert broken(answer.message) in (theirs, builtin)
    warned = replace(zones.unique(examples.ZONE), enforcement="warn")
    with zones.zone(admin, warned) as namespace:
        answer = developer.create(deployments(namespace), worst, dry_run=True)
        assert answer.ok, answer.message
        told = [broken(warning) for warning in answer.warnings if "broken: " in warning]
        assert sorted(told) == [theirs, builtin]


def broken(message: str) -> list[str]:
    """Return the rules that a refusal or warning names as broken."""
    listed = message.partition("broken: ")[2].partition(")")[0]
    return listed.split(", ")


def test_what_runs_is_audited_by_own_rules(
    installed: Product, admin: Rest, developer: Rest, tmp_path: Path
) -> None:
    """The operator reads them where the chart puts them, and reports a policy that is missing."""
    config = f"{zones.CORE}/{NAMESPACE}/configmaps/{RELEASE}-own-rules"
    for name, text in admin.get(config).body["data"].items():
        (tmp_path / name).write_text(text)
    assert installed.settings["PHIWARDEN_RULES"] == "/etc/phiwarden/rules"
    name = unique("audited")
    zone = workloads.zone(
        "app", data="phi", images={"registries": ["registry.hospital.example/portal"]}
    )
    declared = workloads.clinic(name, zones=[zone], flows=[], externals=[], enforcement="observe")
    with running(installed, environment={"PHIWARDEN_RULES": str(tmp_path)}):
        assert workloads.apply(admin, declared).ok
        wait(admin, name, "BoundaryEnforced", "False", "NotEnforcing")
        assert developer.create(workloads.budgets(f"{name}-app"), workloads.budget()).ok
        assert developer.create(deployments(f"{name}-app"), deployment("api")).ok
        (listed,) = until(
            lambda: zone_status(admin, name, "app").get("violations"), "the violation is listed"
        )
        assert listed["rules"] == ["ACME-OPS-002"]
        assert "container has no liveness probe" in listed["message"]
        gone = f"{collection(resources.ADMISSION_BINDING)}/phiwarden-own-workloads-enforce"
        assert admin.delete(gone).ok
        entry = wait(admin, name, "BoundaryEnforced", "False", "PoliciesAltered")
        assert "phiwarden-own-workloads-enforce is missing" in entry["message"]
        assert upgrade(installed, values()) == ""
        wait(admin, name, "BoundaryEnforced", "False", "NotEnforcing")
    assert admin.delete(f"{workloads.WORKLOADS}/{name}").ok


@pytest.mark.parametrize("field", ["rules", "policies"])
def test_values_that_were_edited_by_hand_are_refused(
    installed: Product, admin: Rest, field: str
) -> None:
    before = policies(admin)
    edited = values()
    text = json.dumps(edited["ownRules"][field]).replace("Always", "Sometimes")
    edited["ownRules"][field] = json.loads(text)
    said = upgrade(installed, edited)
    assert "ownRules were changed by hand" in said
    assert "kubectl phi rules build" in said
    assert policies(admin) == before


def test_values_of_another_version_are_refused(
    installed: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "__version__", "0.0.1")
    other = yaml.safe_load(bundle.values_text(own.checked(FOLDER)))
    assert "another version of phiwarden" in upgrade(installed, other)


def test_a_policy_that_does_not_compile_changes_nothing(installed: Product, admin: Rest) -> None:
    """The API server is asked before anything of a release is changed, and compiles for itself."""
    before = policies(admin)
    broken_values = copy.deepcopy(values()["ownRules"])
    for manifest in broken_values["policies"]:
        for variable in manifest["spec"].get("variables", ()):
            if variable["name"] == "clean":
                variable["expression"] += " && object.spec.("
    broken_values["seal"] = bundle.seal(broken_values["rules"], broken_values["policies"])
    said = upgrade(installed, {"ownRules": broken_values})
    assert "compilation failed" in said, said
    assert policies(admin) == before


def test_texts_that_helm_might_take_for_its_own_arrive_as_they_are(
    installed: Product, admin: Rest, tmp_path: Path
) -> None:
    """Braces, signs that HTML and JSON escape, and words that YAML reads as something else."""
    odd = "{{ .Release.Name }} <b> & 'on' \\u0041 \u00e9 1e3 ~ yes"
    text = (FOLDER / "images.yaml").read_text()
    document = yaml.safe_load(text)
    document["rules"][0]["rationale"] = odd
    document["rules"][0]["fix"] = "leave {{ out }} <it> & 'all'"
    (tmp_path / "images.yaml").write_text(yaml.safe_dump(document))
    wanted = yaml.safe_load(bundle.values_text(own.checked(tmp_path)))
    assert upgrade(installed, wanted) == ""
    config = f"{zones.CORE}/{NAMESPACE}/configmaps/{RELEASE}-own-rules"
    stored = yaml.safe_load(admin.get(config).body["data"]["images.yaml"])
    assert stored == document
    assert upgrade(installed, values()) == ""


def test_rules_go_as_they_came(installed: Product, admin: Rest, developer: Rest) -> None:
    assert upgrade(installed, {}) == ""
    assert policies(admin) == {}
    with zones.zone(admin, zones.unique(examples.ZONE)) as namespace:
        lax = deployment("api", imagePullPolicy="Always")
        until(
            lambda: developer.create(deployments(namespace), lax, dry_run=True).ok,
            "own rules are no longer enforced",
            within=60,
        )
    assert upgrade(installed, values()) == ""
    assert policies(admin)


CALLS = {
    "size": "'a'.size() > 0",
    "contains": "'a'.contains('a')",
    "startsWith": "'a'.startsWith('a')",
    "endsWith": "'a'.endsWith('a')",
    "matches": "'a'.matches('^a$')",
    "lowerAscii": "'A'.lowerAscii() == 'a'",
    "indexOf": "'a'.indexOf('a') == 0",
    "substring": "'ab'.substring(1) == 'b' && 'ab'.substring(0, 1) == 'a'",
    "split": "'a,b'.split(',') == ['a', 'b']",
    "join": "['a', 'b'].join(',') == 'a,b' && ['a', 'b'].join() == 'ab'",
    "string": "string(1) == '1'",
    "int": "int('1') == 1",
    "isIP": "isIP('203.0.113.7')",
    "cidr": "cidr('203.0.113.0/24').containsIP('203.0.113.7')",
    "containsIP": "!cidr('203.0.113.0/24').containsIP('198.51.100.7')",
}


@pytest.mark.parametrize("reads", portable.READABLE)
def test_the_api_server_knows_every_word_that_a_rule_may_use(reads: Reads, admin: Rest) -> None:
    """It compiles a policy when it is made, and refuses one with an unknown name or function."""
    assert CALLS.keys() == PORTABLE.keys()
    variables = (*portable.ZONE, *portable.VARIABLES.get(reads, ()))
    fields = portable.OBJECT.get(reads, ())
    names = [f"[variables.{name}].size() == 0" for name in variables]
    names += [f"has(object.{field}) && [object.{field}].size() == 0" for field in fields]
    offends = " || ".join(f"({text})" for text in (*names, *CALLS.values()))
    checks = [
        {
            "each": each,
            "offends": " || ".join([offends, *(f"[{item}].size() == 0" for item in items)]),
            "path": "",
            "problem": f"the {each}",
            "found": "'found'",
        }
        for each, items in portable.ITEMS.items()
        if each in portable.askable(reads)
    ]
    rule = RULES[0].model_copy(
        update={"reads": reads, "checks": tuple(Check.model_validate(c) for c in checks)}
    )
    manifests = [m for m in render_own([rule]) if m["kind"] == "ValidatingAdmissionPolicy"]
    assert manifests
    for manifest in manifests:
        manifest["metadata"]["name"] += "-words"
        made = admin.create(collection(resources.ADMISSION_POLICY), manifest, dry_run=True)
        assert made.ok, made.message


def test_every_call_is_true_in_python() -> None:
    for call in CALLS.values():
        assert program(call, "call").execute(cel.Context(functions=FUNCTIONS)) is True, call
