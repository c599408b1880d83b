"""Deployed from Git: phiwarden puts back, does not fight for ever, and starts again with a commit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from e2e import gitops, workloads
from e2e.players import Git, Player
from e2e.product import Product
from e2e.rest import Rest
from e2e.rollouts import adopt, events_of, history_of, quarantine_of, seen_working
from e2e.waiting import until
from e2e.workloads import (
    available,
    bad,
    deployment,
    deployments,
    failing,
    image_of,
    wait,
)
from phiwarden.rulebook.examples import DIGEST

Start = Callable[..., AbstractContextManager[Player]]

FLUX, ARGO = "Kustomization flux-system/apps", "Application apps"


@pytest.fixture
def name(adoptable: str) -> str:
    return adoptable


def release(number: int, *, works: bool = True) -> dict[str, Any]:
    body = deployment("api", env=[{"name": "RELEASE", "value": str(number)}])
    body["spec"]["progressDeadlineSeconds"] = 3
    return body if works else failing(body)


def release_of(admin: Rest, name: str) -> str:
    template = admin.get(f"{deployments(name)}/api").body["spec"]["template"]
    return str(template["spec"]["containers"][0]["env"][0]["value"])


@pytest.mark.parametrize(("start", "who"), [(gitops.flux, FLUX), (gitops.argo, ARGO)])
def test_what_git_brings_back_again_and_again_is_set_apart(
    admin: Rest, product: Product, name: str, start: Start, who: str
) -> None:
    """Replicas are no rule's business: what phiwarden stops, Git starts again."""
    adopt(admin, name, enforcement="observe", clinicalImpact="administrative")
    wait(admin, name)
    git = Git()
    git.push(api=bad(deployment("api")))
    with start(product.cluster, name, git):
        seen_working(admin, name, "api", 1)
        assert workloads.change(admin, name, enforcement="enforce").ok
        entry = wait(admin, name, "GitOpsConflict", "True", "Insisting")
        assert (
            f"Deployment/api: {who} brought back what phiwarden put back 3 times"
            in (entry["message"])
        )
        acts = history_of(admin, name, "Deployment", "api")["acts"]
        assert [act["action"] for act in acts] == ["ScaledToZero"] * 3
        until(lambda: replicas(admin, name) == 2, "Git has what it wants")
        until(
            lambda: "Isolated" in {event["reason"] for event in events_of(admin, name, "api")},
            "its pods are set apart, and the team is told",
        )
        # What is mended in Git is let go.
        git.push(api=deployment("api"))
        until(available(admin, name, "api"), "the mended release runs")
        wait(admin, name, "GitOpsConflict", "False")
        wait(admin, name, "Compliant")
        until(lambda: quarantine_of(admin, name, "api") == {None}, "nothing is apart")
        assert replicas(admin, name) == 2


def replicas(admin: Rest, name: str) -> int:
    found: int = admin.get(f"{deployments(name)}/api").body["spec"]["replicas"]
    return found


@pytest.mark.parametrize(("start", "who"), [(gitops.flux, FLUX), (gitops.argo, ARGO)])
def test_a_failing_release_is_taken_back_once_and_another_commit_starts_anew(
    admin: Rest, product: Product, name: str, start: Start, who: str
) -> None:
    adopt(admin, name, rollback={"onFailedRollout": True, "progressDeadline": "1m"})
    wait(admin, name)
    git = Git()
    git.push(api=release(1))
    with start(product.cluster, name, git):
        seen_working(admin, name, "api", 1)
        git.push(api=release(2, works=False))
        entry = wait(admin, name, "GitOpsConflict", "True", "Insisting")
        assert f"{who} rolled out again what phiwarden took back as it failed" in entry["message"]
        reasons = [event["reason"] for event in events_of(admin, name, "api")]
        assert reasons.count("RolledBack") == 1
        assert release_of(admin, name) == "2"
        git.push(api=release(3))
        until(lambda: release_of(admin, name) == "3", "the next commit is rolled out")
        until(available(admin, name, "api"), "and runs")
        wait(admin, name, "GitOpsConflict", "False")


def test_what_the_api_server_refuses_git_shows_as_its_own_failure(
    admin: Rest, product: Product, name: str
) -> None:
    """There is no fight over what a rule refuses: the tool is told, in the rule's own words."""
    adopt(admin, name, enforcement="observe")
    wait(admin, name)
    git = Git()
    git.push(api=release(1))
    with gitops.flux(product.cluster, name, git) as flux:
        seen_working(admin, name, "api", 1)
        git.push(api=bad(release(2)))
        seen_working(admin, name, "api", 2)
        assert workloads.change(admin, name, enforcement="enforce").ok
        until(lambda: image_of(admin, name, "api").endswith(DIGEST), "it is put back")
        until(lambda: flux.refused, "Flux is refused")
        assert "PHI-IMG-001" in flux.refused[-1]
        until(available(admin, name, "api"), "what worked runs")
        assert release_of(admin, name) == "1"
        wait(admin, name, "GitOpsConflict", "False")
