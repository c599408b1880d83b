"""Fixtures of tests that need pods that run and policies that hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from e2e.conftest import NODE_LABELS
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.node import Node, acquire, binaries, installation, obstacle
from e2e.rest import Rest, connect


@pytest.fixture(scope="session")
def here(pytestconfig: pytest.Config) -> None:
    """Skip where no node can run, with the reason; else have every binary at hand."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        if reason := obstacle():
            pytest.skip(reason)
        binaries.ensure()


@pytest.fixture(scope="module")
def node(here: None) -> Iterator[Node]:
    """One node for each file: what one installs there is no concern of another."""
    with acquire(labels=NODE_LABELS) as running:
        yield running


@pytest.fixture(scope="module")
def installed(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The node with phiwarden on it as users install it."""
    with installation.installed(node, tmp_path_factory.mktemp("image")) as running:
        yield running


@pytest.fixture(scope="module")
def admin(node: Node) -> Rest:
    return connect(node.cluster.kubeconfig)


@pytest.fixture(scope="module")
def team(node: Node) -> Rest:
    """Somebody with every right that RBAC can give, and no exemption."""
    return connect(node.cluster.kubeconfig_for(PLATFORM_ENGINEER))
