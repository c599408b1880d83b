"""The zone that is attacked, and a zone with a past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from e2e import zones
from e2e.bypass.from_before import Grandfathered
from e2e.bypass.pods import DEPLOYMENT, bad
from e2e.rest import Rest
from e2e.waiting import until
from phiwarden.rulebook import examples


@pytest.fixture(scope="session")
def zone(root: Rest) -> Iterator[str]:
    """An enforcing zone."""
    with zones.zone(root, zones.unique(examples.ZONE)) as name:
        yield name


@pytest.fixture
def before(root: Rest, engineer: Rest) -> Iterator[Grandfathered]:
    """A zone that does not enforce yet, with a Deployment of two pods that break a rule."""
    namespace = zones.make(root, replace(examples.ZONE, enforcement="observe"))
    try:
        found = Grandfathered(namespace, engineer, root)
        body = bad(DEPLOYMENT, found.name)
        body["spec"]["replicas"] = 2
        found.created(body)
        until(lambda: len(found.bad_pods()) == 2, "the bad Deployment has its pods")
        yield found
    finally:
        root.delete(f"{zones.CORE}/{namespace}")


@pytest.fixture
def old(before: Grandfathered) -> Grandfathered:
    """The same, and it enforces since a moment ago."""
    before.enforce()
    return before
