"""Fixtures of tests that need pods that run and policies that hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from e2e.conftest import NODE_LABELS
from e2e.node import Node, acquire, binaries, obstacle


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
