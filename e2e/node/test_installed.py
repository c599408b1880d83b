"""phiwarden as users install it: pods of its own image, by the chart, with the chart's rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from e2e import workloads
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.feedback import CONFIGURED, SIGNATURE
from e2e.node import Node
from e2e.node.installation import (
    ADMISSION,
    CONTROLLER,
    deployment_of,
    kill,
    pods,
    ready,
    rolled_out,
    selector,
)
from e2e.product import NAMESPACE
from e2e.rest import Answer, Rest, connect
from e2e.waiting import until
from e2e.workloads import WORKLOADS, bad, clinic, deployment, deployments, unique, wait
from phiwarden.boundary.network import DEFAULT_DENY
from phiwarden.cluster.resources import item
from phiwarden.rulebook.shapes import NETWORK_POLICY


@pytest.fixture(scope="module")
def name(installed: Node, admin: Rest, team: Rest) -> Iterator[str]:
    chosen = unique("portal")
    assert workloads.apply(admin, clinic(chosen)).ok
    wait(admin, chosen, "BoundaryEnforced")
    until(lambda: explained(attempt(team, chosen, good=False)), "the webhook explains", within=90)
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def attempt(team: Rest, name: str, *, good: bool) -> Answer:
    body = deployment("api")
    path = deployments(f"{name}-clinical")
    return team.create(path, body if good else bad(body), dry_run=True)


def explained(answer: Answer) -> bool:
    return answer.code == 403 and SIGNATURE in answer.message


def test_its_pods_are_restricted_and_have_no_more_than_they_need(installed: Node) -> None:
    running = pods(installed, CONTROLLER) + pods(installed, ADMISSION)
    assert len(running) == 3
    for pod in running:
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        (seen,) = pod["status"]["containerStatuses"]
        assert seen["restartCount"] == 0


def test_it_refuses_with_an_explanation_and_admits_in_silence(team: Rest, name: str) -> None:
    refused = attempt(team, name, good=False)
    assert explained(refused), refused.message
    assert "PHI-IMG-001" in refused.message
    admitted = attempt(team, name, good=True)
    assert admitted.ok, admitted.message
    assert admitted.warnings == ()


def test_a_killed_controller_comes_back_and_puts_things_right(
    installed: Node, admin: Rest, name: str
) -> None:
    path = item(NETWORK_POLICY, f"{name}-clinical", DEFAULT_DENY)
    kill(installed, *pods(installed, CONTROLLER))
    assert admin.delete(path).ok
    rolled_out(installed, CONTROLLER)
    until(lambda: admin.get(path).ok, "the policy is back", within=90)


@contextmanager
def asking_all_the_time(node: Node, name: str) -> Iterator[None]:
    """Hold that no decision is lost meanwhile: all that is good is admitted, all else refused."""
    stop, answers = Event(), []

    def ask() -> None:
        mine = connect(node.cluster.kubeconfig_for(PLATFORM_ENGINEER))
        while not stop.is_set():
            answers.append((True, attempt(mine, name, good=True)))
            answers.append((False, attempt(mine, name, good=False)))

    asking = Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        stop.set()
        asking.join()
    wrong = [answer.message for good, answer in answers if answer.ok != good]
    told = sum(explained(answer) for good, answer in answers if not good)
    print(f"{len(answers)} decisions, {told} of {len(answers) // 2} refusals by the webhook")
    assert len(answers) > 10
    assert wrong == []


def test_rolling_and_killing_the_webhook_loses_no_decision(installed: Node, name: str) -> None:
    with asking_all_the_time(installed, name):
        restart = ("rollout", "restart", deployment_of(ADMISSION), f"-n={NAMESPACE}")
        installed.cluster.kubectl(*restart)
        rolled_out(installed, ADMISSION)
        kill(installed, pods(installed, ADMISSION)[0])
        rolled_out(installed, ADMISSION)


def test_draining_the_node_loses_no_decision(installed: Node, team: Rest, name: str) -> None:
    """One pod of the webhook goes, the other stays: a drain waits for the disruption budget."""
    (node,) = installed.cluster.kubectl("get", "nodes", "-o=name").stdout.split()
    drain = ("drain", node, f"--pod-selector={selector(ADMISSION)}", "--timeout=8s")
    with asking_all_the_time(installed, name):
        try:
            drained = installed.cluster.kubectl(*drain, check=False)
            assert drained.returncode != 0
            assert "disruption budget" in drained.stdout + drained.stderr
            assert sum(map(ready, pods(installed, ADMISSION))) == 1
            assert explained(attempt(team, name, good=False))
        finally:
            installed.cluster.kubectl("uncordon", node)
        rolled_out(installed, ADMISSION)
    assert sum(map(ready, pods(installed, ADMISSION))) == 2


def test_the_certificates_are_its_own(installed: Node, admin: Rest, name: str) -> None:
    (webhook,) = admin.get(CONFIGURED).body["webhooks"]
    assert webhook["clientConfig"]["caBundle"]
    assert webhook["failurePolicy"] == "Ignore"
