"""The other projects' controllers, each for the tests of one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from e2e.controlplane import ControlPlane
from e2e.parties import binaries
from e2e.rest import Rest
from e2e.workloads import NAMESPACES, unique


@pytest.fixture(scope="session")
def own_cluster(cluster: ControlPlane) -> None:
    """Skip on a cluster that was there: it may have these projects, and somebody who uses them."""
    if not cluster.can_restart:
        pytest.skip("CRDs are installed only where the cluster is the test's own")


@pytest.fixture(scope="session")
def controllers(own_cluster: None, pytestconfig: pytest.Config) -> None:
    """Have every controller at hand, and show the progress of a first build."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        binaries.ensure()


@pytest.fixture
def namespace(cluster: ControlPlane, admin: Rest) -> Iterator[str]:
    name = unique("party")
    answer = admin.create(NAMESPACES, {"metadata": {"name": name}})
    assert answer.ok, answer.message
    yield name
    admin.delete(f"{NAMESPACES}/{name}")
