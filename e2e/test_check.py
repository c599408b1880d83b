"""A team asks before it applies: `kubectl phi check` says what the API server will say."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e import workloads, zones
from e2e.controlplane import ControlPlane
from e2e.controlplane.tools import Completed
from e2e.demo.applications import refused_by
from e2e.product import ROOT, Product
from e2e.rest import MERGE, Rest, connect
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import zone_boundary
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.model import Facts
from phiwarden.cli.manifests.documents import Document, documents
from phiwarden.rulebook import declared, examples
from phiwarden.rulebook.declared import DeclaredRule
from tests.cli.scalars import SCALARS

APPS = ROOT / "examples" / "clinic" / "apps"
PORTAL = ROOT / "examples" / "clinic" / "phiworkload.yaml"
DEVELOPER = "platform-engineer"


@pytest.fixture(autouse=True)
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the plugin where kubectl looks for it, as `pip install` puts it there."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}", prepend=":")


def check(cluster: ControlPlane, *arguments: object, stdin: str | None = None) -> Completed:
    words = [str(argument) for argument in arguments]
    return cluster.kubectl("phi", "check", *words, input=stdin, check=False)


def rules_in(done: Completed, severity: str = "deny") -> list[str]:
    """Return the rules of a severity that a report in JSON names, each once."""
    objects = json.loads(done.stdout)["objects"]
    failures = [failure for judged in objects for failure in judged["failures"]]
    return sorted({f["rule"] for f in failures if f["severity"] == severity})


def boundaries() -> dict[str, ZoneBoundary]:
    """Return the zones of the example, by their namespaces."""
    manifest = yaml.safe_load(PORTAL.read_text(encoding="utf-8"))
    spec = WorkloadSpec.model_validate(manifest["spec"])
    facts = Facts(today=spec.externals[0].agreement.expires)  # type: ignore[union-attr]
    return {zone.namespace_in("portal"): zone_boundary("portal", zone, spec, facts) for zone in spec.zones}  # fmt: skip


@pytest.fixture(scope="module")
def portal(product: Product) -> Iterator[dict[str, str]]:
    """Zones as the example declares them, under names of their own."""
    admin = connect(product.cluster.kubeconfig)
    made = {name: zones.make(admin, boundary) for name, boundary in boundaries().items()}
    yield made
    for name in made.values():
        admin.delete(f"{zones.CORE}/{name}")


OF_PORTAL = sorted(p.name for p in APPS.glob("*.yaml") if "namespace: portal-" in p.read_text())


@pytest.mark.parametrize("file", OF_PORTAL)
def test_the_verdict_is_that_of_the_api_server(
    product: Product, portal: dict[str, str], file: str
) -> None:
    asked = check(product.cluster, APPS / file, "-w", PORTAL, "-o", "json")
    text = (APPS / file).read_text(encoding="utf-8")
    for declared_name, name in portal.items():
        text = text.replace(f"namespace: {declared_name}", f"namespace: {name}")
    applied = product.cluster.kubectl(
        "create", "--dry-run=server", "-f=-", user=DEVELOPER, input=text, check=False
    )
    assert rules_in(asked) == refused_by(applied.stderr)
    assert asked.returncode == (1 if applied.returncode else 0), asked.stdout + applied.stderr


def test_kubectl_finds_the_plugin_and_prints_lines(cluster: ControlPlane) -> None:
    done = check(cluster, APPS / "patient-export.yaml", "-w", PORTAL)
    assert done.returncode == 1
    assert "patient-export.yaml:3 Deployment/patient-export" in done.stdout
    assert "23:11 image is not pinned by digest" in done.stdout
    assert "\x1b" not in done.stdout
    explained = cluster.kubectl("phi", "explain", "img-001")
    assert explained.stdout.startswith("PHI-IMG-001  Every image is pinned by digest")


def test_what_helm_renders_is_checked_from_a_pipe(cluster: ControlPlane, tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 0.1.0\n")
    bad = (APPS / "patient-export.yaml").read_text(encoding="utf-8")
    (templates / "app.yaml").write_text(bad.replace("replicas: 2", "replicas: {{ .Values.x }}"))
    (tmp_path / "values.yaml").write_text("x: 2\n")
    (templates / "web.yaml").write_text((APPS / "web.yaml").read_text(encoding="utf-8"))
    rendered = cluster.helm("template", "app", str(tmp_path)).stdout
    piped = check(cluster, "-", "-w", PORTAL, "-o", "json", stdin=rendered)
    asked = check(cluster, APPS / "patient-export.yaml", "-w", PORTAL, "-o", "json")
    assert (piped.returncode, rules_in(piped)) == (1, rules_in(asked))
    assert json.loads(piped.stdout)["summary"]["judged"] == 5
    unrendered = check(cluster, tmp_path, "-w", PORTAL)
    assert (unrendered.returncode, "helm template" in unrendered.stdout) == (2, True)


def test_what_runs_in_a_zone_is_judged_by_the_boundary_that_stands(
    cluster: ControlPlane, product: Product, admin: Rest
) -> None:
    with zones.zone(admin, zones.unique(examples.ZONE)) as namespace:
        clean = check(cluster, "--live", namespace)
        assert clean.returncode == 0
        assert clean.stdout.endswith(" judged, 0 would be refused.\n")
        path = workloads.deployments(namespace)
        # Its administrators may do anything, so this one gets in.
        bad = workloads.bad(workloads.deployment("records"))
        labels = {"metadata": {"labels": {"phiwarden.dev/enforcement": "observe"}}}
        assert admin.request("PATCH", f"{zones.CORE}/{namespace}", labels, content=MERGE).ok
        answer = admin.create(path, bad)
        assert answer.ok, answer.message
        assert admin.create(path, workloads.deployment("good")).ok
        lacking = check(cluster, "--live", namespace, "-o", "json")
        assert rules_in(lacking, "warn") == ["PHI-REL-002"]
        assert admin.create(workloads.budgets(namespace), workloads.budget()).ok
        done = check(cluster, "--live", namespace, "-o", "json")
        assert rules_in(done, "warn") == []
        assert (done.returncode, rules_in(done)) == (1, ["PHI-IMG-001"])
        listed = {o["name"]: o for o in json.loads(done.stdout)["objects"] if o["failures"]}
        assert set(listed) == {"records"}, "its ReplicaSet and pods only repeat it"
        assert listed["records"]["file"] == f"namespace/{namespace}"


@pytest.mark.parametrize(
    ("namespace", "says"), [("default", "is no zone"), ("not-there", "there is no namespace")]
)
def test_a_namespace_that_is_no_zone_is_told(
    cluster: ControlPlane, namespace: str, says: str
) -> None:
    done = check(cluster, "--live", namespace)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr


def test_a_namespace_that_may_not_be_read_is_told(cluster: ControlPlane) -> None:
    kubeconfig = cluster.create_token("default", "default")
    done = cluster.kubectl("phi", "check", "--live", "default", kubeconfig=kubeconfig, check=False)
    assert done.returncode == 2
    assert "forbidden" in done.stderr


# What is read from a file must be what kubectl reads from it.

_ODD = (
    "repeated: 1\nrepeated: 2\n"
    "base: &base {a: 1, b: 2}\n"
    "merged: {a: 3, <<: *base, b: 4}\n"
    "several: {<<: [{a: 1}, {a: 2, b: 3}]}\n"
    "1: one\nyes: true\n1.5: float\n"
    "text: !!str 010\nbinary: !!binary aGVsbG8=\ncustom: !custom 5\n"
    'quoted: "010"\nfolded: >\n  a\n  b\nblock: |\n  ---\n'
)


def test_odd_yaml_is_read_as_kubectl_reads_it(cluster: ControlPlane) -> None:
    scalars = "".join(f"  s{n}: {text}\n" for n, (text, _) in enumerate(SCALARS))
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: odd}}\nscalars:\n{scalars}{_ODD}"
    done = cluster.kubectl(
        "create", "--dry-run=client", "--validate=false", "-o=json", "-f=-", input=text
    )
    read: dict[str, Any] = json.loads(done.stdout)
    (document,) = documents(text)
    assert isinstance(document, Document)
    assert read["scalars"] == {f"s{n}": value for n, (_, value) in enumerate(SCALARS)}
    assert document.value == {**read, "metadata": {"name": "odd"}}


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "{[1]: 2}\n", "a: !!int x\n", "a: {<<: 1}\n"])
def test_what_kubectl_cannot_read_is_not_read(cluster: ControlPlane, text: str) -> None:
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: odd}\n"
    done = cluster.kubectl(
        "create", "--dry-run=client", "--validate=false", "-f=-", input=head + text, check=False
    )
    assert done.returncode != 0
    assert not [each for each in documents(head + text) if isinstance(each, Document)]


RULES = [pytest.param(rule, id=rule.id) for rule in declared.rules()]


@pytest.mark.parametrize("rule", RULES)
def test_the_api_server_agrees_with_the_examples_of_a_declaration(
    cluster: ControlPlane, rule: DeclaredRule
) -> None:
    cluster.kubectl("apply", "--server-side", "--force-conflicts", f"-f={ROOT / 'crds'}")
    crd = "crd/phiworkloads.phiwarden.dev"
    cluster.kubectl("wait", "--for=condition=Established", crd, "--timeout=60s")

    def create(example: dict[str, Any]) -> Completed:
        text = json.dumps(declared.manifest(example, workloads.unique("example")))
        return cluster.kubectl("create", "--dry-run=server", "-f=-", input=text, check=False)

    for example in rule.examples.passing:
        assert create(example).returncode == 0
    for example in rule.examples.failing:
        assert rule.id in create(example).stderr
