"""Fixtures that every end-to-end test shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from e2e.controlplane import ControlPlane, Options, acquire, build
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.product import Operator, Product, install, running
from e2e.rest import Rest, connect
from e2e.workloads import NAMESPACES, WORKLOADS, unique

NODE_LABELS = {"topology.kubernetes.io/region": "us-east-1"}
"""Where the simulated node stands: a region that the examples declare."""


FLAGS = {"kube-apiserver": ("--feature-gates=CrossNamespaceVolumeDataSource=true",)}
"""What is not open by default: claims that are filled from another namespace."""


@pytest.fixture(scope="session")
def binaries(pytestconfig: pytest.Config) -> None:
    """Have every binary at hand, and show the progress of a first build, which takes minutes."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        build.ensure()


@pytest.fixture(scope="session")
def cluster(binaries: None) -> Iterator[ControlPlane]:
    """One cluster for each test process: started here, or the one that $KUBECONFIG names.

    After Ctrl-C pytest still runs this to its end. If it cannot, the kernel ends the processes
    together with pytest, and the next start removes the directory.
    """
    with acquire(Options(node_labels=NODE_LABELS, flags=FLAGS)) as running:
        yield running


@pytest.fixture(scope="session")
def product(cluster: ControlPlane) -> Product:
    """The chart, installed by helm once for each test process."""
    return install(cluster)


@pytest.fixture(scope="session")
def root(product: Product) -> Rest:
    """A member of system:masters: exempt from what guards a boundary, and from nothing else."""
    return connect(product.cluster.kubeconfig)


@pytest.fixture(scope="session")
def engineer(product: Product) -> Rest:
    """Somebody with every right that RBAC can give, and no exemption."""
    return connect(product.cluster.kubeconfig_for("platform-engineer"))


@pytest.fixture
def admin(cluster: ControlPlane) -> Rest:
    """The API server as its administrator, a member of system:masters, sees it."""
    return connect(cluster.kubeconfig)


@pytest.fixture
def developer(product: Product) -> Rest:
    """Somebody who deploys, with every right of RBAC and no exemption."""
    return connect(product.cluster.kubeconfig_for(PLATFORM_ENGINEER))


@pytest.fixture(scope="module")
def operator(product: Product) -> Iterator[Operator]:
    """The operator, for all stories of a file."""
    with running(product) as started:
        yield started


@pytest.fixture
def adoptable(operator: Operator, admin: Rest) -> Iterator[str]:
    """A namespace that nobody declares yet, with service account `app`, while the operator runs.

    A declaration of its name is taken back at the end; the namespace is left to itself.
    """
    chosen = unique("adopted")
    assert admin.create(NAMESPACES, {"metadata": {"name": chosen}}).ok
    account = {"metadata": {"name": "app"}}
    assert admin.create(f"{NAMESPACES}/{chosen}/serviceaccounts", account).ok
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")
