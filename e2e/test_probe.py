"""`kubectl phi probe` against the API server, and what the operator makes of a proof.

What packets do is measured on the real node (e2e/node).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from e2e import workloads
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest
from e2e.workloads import NAMESPACES, WORKLOADS, clinic, unique, wait
from phiwarden.cli import measuring
from phiwarden.cli.phi import app
from phiwarden.cluster import resources
from phiwarden.cluster.resources import collection
from phiwarden.probe.proof import ANNOTATION, VALID_DAYS, Proof
from phiwarden.rulebook.examples import DIGEST

IMAGE = f"registry.hospital.example/portal/phiwarden@{DIGEST}"


@pytest.fixture(scope="module")
def operator(product: Product) -> Iterator[Operator]:
    with running(product) as started:
        yield started


@pytest.fixture
def name(operator: Operator, admin: Rest) -> Iterator[str]:
    chosen = unique("probe")
    assert workloads.apply(admin, clinic(chosen)).ok
    wait(admin, chosen, "NetworkIsolated", "False", "EnforcementNotProven")
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def prove(admin: Rest, name: str, text: str) -> None:
    patch = {"metadata": {"annotations": {ANNOTATION: text}}}
    answer = admin.request("PATCH", f"{WORKLOADS}/{name}", patch, content=MERGE)
    assert answer.ok, answer.message


def proof(admin: Rest, name: str) -> Proof:
    generation = admin.get(f"{WORKLOADS}/{name}").body["metadata"]["generation"]
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return Proof(now, generation, closed=9, leaking=0, broken=0)


def probe(product: Product, *arguments: str) -> tuple[int, str]:
    kubeconfig = str(product.cluster.kubeconfig)
    ended = CliRunner().invoke(app, ["probe", *arguments, "--kubeconfig", kubeconfig])
    return ended.exit_code, ended.stdout + ended.stderr


def pods(admin: Rest, namespace: str) -> list[Any]:
    found: list[Any] = admin.get(collection(resources.POD, namespace)).body["items"]
    return found


def test_a_network_is_isolated_as_long_as_a_proof_says_so(admin: Rest, name: str) -> None:
    entry = workloads.condition(admin, name, "NetworkIsolated")
    assert "never measured; run kubectl phi probe" in entry["message"]
    good = proof(admin, name)
    prove(admin, name, good.written())
    entry = wait(admin, name, "NetworkIsolated", "True", "Proven")
    assert f"{good.time:%Y-%m-%d}" in entry["message"]
    prove(admin, name, replace(good, leaking=1).written())
    entry = wait(admin, name, "NetworkIsolated", "False", "EnforcementNotProven")
    assert f"were open when measured last, {good.time:%Y-%m-%d}" in entry["message"]


def test_a_changed_declaration_is_to_be_measured_again(admin: Rest, name: str) -> None:
    prove(admin, name, proof(admin, name).written())
    wait(admin, name, "NetworkIsolated", "True", "Proven")
    assert workloads.change(admin, name, flows=[]).ok
    entry = wait(admin, name, "NetworkIsolated", "False", "EnforcementNotProven")
    assert "the declaration was changed" in entry["message"]


@pytest.mark.parametrize("text", ["", "yes", '{"time": "today"}', "[" * 2000])
def test_a_proof_that_cannot_be_read_is_none(admin: Rest, name: str, text: str) -> None:
    prove(admin, name, proof(admin, name).written())
    wait(admin, name, "NetworkIsolated", "True", "Proven")
    prove(admin, name, text)
    entry = wait(admin, name, "NetworkIsolated", "False", "EnforcementNotProven")
    assert "never measured" in entry["message"]


def test_an_old_proof_has_run_out(admin: Rest, name: str) -> None:
    good = proof(admin, name)
    prove(admin, name, good.written())
    wait(admin, name, "NetworkIsolated", "True", "Proven")
    old = replace(good, time=good.time - dt.timedelta(days=VALID_DAYS + 1))
    prove(admin, name, old.written())
    entry = wait(admin, name, "NetworkIsolated", "False", "EnforcementNotProven")
    assert f"{old.time:%Y-%m-%d}, is older than {VALID_DAYS} days" in entry["message"]


def test_an_image_that_a_zone_would_refuse_is_told_before_anything_is_made(
    product: Product, admin: Rest, name: str
) -> None:
    code, said = probe(product, name, "--image", "docker.io/library/phiwarden:latest")
    assert code == 2
    assert "would refuse the pods of the probe: PHI-IMG-00" in said
    assert pods(admin, f"{name}-clinical") == []


def test_what_cannot_be_measured_says_why(product: Product, name: str) -> None:
    for arguments, why in (
        (("nobody",), "there is no PHIWorkload nobody"),
        ((name, "--outsider", "nowhere"), "there is no namespace nowhere"),
        ((name, "--outsider", f"{name}-edge"), f"namespace {name}-edge is a zone itself"),
    ):
        code, said = probe(product, *arguments, "--image", IMAGE)
        assert code == 2
        assert f"kubectl phi probe: {why}" in said.replace("--outsider: ", "")


def test_a_pilot_has_nothing_to_measure(product: Product, operator: Operator, admin: Rest) -> None:
    pilot = unique("pilot")
    assert workloads.apply(admin, clinic(pilot, enforcement="warn")).ok
    code, said = probe(product, pilot, "--image", IMAGE)
    assert code == 2
    assert "no network policy stands below enforce" in said
    admin.delete(f"{WORKLOADS}/{pilot}")


def test_pods_that_do_not_come_to_work_leave_nothing_behind(
    product: Product, admin: Rest, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nodes here are simulated: a pod that dials never ends."""
    monkeypatch.setattr(measuring, "READY_WITHIN", 5.0)
    outside = unique("outside")
    assert admin.create(NAMESPACES, {"metadata": {"name": outside}}).ok
    code, said = probe(product, name, "--image", IMAGE, "--outsider", outside)
    assert code == 2
    assert "kubectl phi probe: pod phiwarden-probe-" in said
    for namespace in (f"{name}-edge", f"{name}-clinical", f"{name}-analytics", outside):
        left = [p for p in pods(admin, namespace) if "deletionTimestamp" not in p["metadata"]]
        assert left == []
    assert ANNOTATION not in admin.get(f"{WORKLOADS}/{name}").body["metadata"].get(
        "annotations", {}
    )


def test_whoever_may_not_make_pods_is_told_so(product: Product, name: str) -> None:
    rest = product.cluster.create_token("default", f"{name}-edge")
    ended = CliRunner().invoke(app, ["probe", name, "--image", IMAGE, "--kubeconfig", str(rest)])
    assert ended.exit_code == 2
    assert "forbidden" in ended.stderr
