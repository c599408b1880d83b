"""`kubectl phi probe` on a real node, with the product's own image."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e import image, workloads
from e2e.conftest import NODE_LABELS
from e2e.node import Node, acquire
from e2e.node.clinic import Clinic, running_clinic
from e2e.workloads import wait

REPOSITORY = "registry.hospital.example/portal/phiwarden"
OUTSIDE = "kube-public"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> image.Image:
    return image.build(tmp_path_factory.mktemp("image"), REPOSITORY)


@pytest.fixture(scope="module")
def clinic(here: None, node: Node, built: image.Image) -> Iterator[Clinic]:
    with running_clinic(node) as (found, _):
        have(found, built)
        yield found


def have(clinic: Clinic, built: image.Image) -> None:
    """Have the product's image on the node, as if it had come from the zones' registry."""
    clinic.node.import_image(built.archive)
    clinic.node.name_image(built.tagged, built.pinned)


def test_the_network_is_proven(clinic: Clinic, built: image.Image) -> None:
    entry = workloads.condition(clinic.admin, clinic.name, "NetworkIsolated")
    assert entry["reason"] == "EnforcementNotProven"
    asked = ("probe", clinic.name, f"--image={built.pinned}", f"--outsider={OUTSIDE}")
    told = clinic.phi(*asked)
    print(told.stdout)
    assert told.returncode == 0, told.stdout + told.stderr
    wait(clinic.admin, clinic.name, "NetworkIsolated", "True", "Proven")
    left = clinic.node.cluster.kubectl(
        "get", "pods", "--all-namespaces", "--selector=app.kubernetes.io/name=phiwarden-probe"
    )
    assert left.stdout == ""


def test_without_an_enforcer_the_probe_says_that_nothing_is_enforced(
    here: None, built: image.Image
) -> None:
    with acquire(enforcer=False, labels=NODE_LABELS) as node, running_clinic(node) as (clinic, _):
        have(clinic, built)
        told = clinic.phi("probe", clinic.name, f"--image={built.pinned}", "-o", "json")
        assert told.returncode == 1, told.stderr
        found = json.loads(told.stdout)
        assert not found["enforced"]
        assert {way["measured"] for way in found["ways"]} == {"open"}
        entry = wait(clinic.admin, clinic.name, "NetworkIsolated", "False", "EnforcementNotProven")
        assert "ways that must be closed were open" in entry["message"]
