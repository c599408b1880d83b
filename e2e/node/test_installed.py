"""phiwarden as users install it: pods of its own image, by the chart, with the chart's rights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event, Thread

import pytest
import yaml

from e2e import image, workloads
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.feedback import CONFIGURED, SIGNATURE
from e2e.node import Node
from e2e.product import CHART, NAMESPACE, RELEASE
from e2e.rest import Answer, Rest, connect
from e2e.waiting import until
from e2e.workloads import WORKLOADS, bad, clinic, deployment, deployments, unique, wait

REPOSITORY = "registry.hospital.example/platform/phiwarden"
CONTROLLER = f"deployment/{RELEASE}-controller"
ADMISSION = f"deployment/{RELEASE}-admission"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
ROLLED_OUT = 120


@pytest.fixture(scope="module")
def installed(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """The chart, installed in a restricted namespace."""
    built = image.build(tmp_path_factory.mktemp("image"), REPOSITORY)
    node.import_image(built.archive)
    named = f"{REPOSITORY}@{built.digest}"
    tagged = ("images", "tag", "--force", f"{REPOSITORY}:{built.tag}", named)
    node.run("ctr", "--namespace=k8s.io", *tagged)
    kubectl = node.cluster.kubectl
    kubectl("create", "namespace", NAMESPACE)
    kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    port = int(node.cluster.server.rpartition(":")[2])
    values = {
        "image": {"repository": REPOSITORY, "digest": built.digest, "pullPolicy": "Never"},
        "network": {"policies": {"apiServer": {"ports": [443, port]}}},
    }
    arguments = ("upgrade", "--install", RELEASE, str(CHART), "-n", NAMESPACE, "-f", "-")
    begun = time.monotonic()
    node.cluster.helm(*arguments, input=yaml.safe_dump(values))
    for each in (CONTROLLER, ADMISSION):
        rolled_out(node, each)
    print(f"helm install to all pods ready: {time.monotonic() - begun:.1f} s")
    return node


@pytest.fixture(scope="module")
def admin(installed: Node) -> Rest:
    return connect(installed.cluster.kubeconfig)


@pytest.fixture(scope="module")
def team(installed: Node) -> Rest:
    return connect(installed.cluster.kubeconfig_for(PLATFORM_ENGINEER))


@pytest.fixture(scope="module")
def name(installed: Node, admin: Rest, team: Rest) -> Iterator[str]:
    chosen = unique("portal")
    assert workloads.apply(admin, clinic(chosen)).ok
    wait(admin, chosen, "BoundaryEnforced")
    until(lambda: explained(attempt(team, chosen, good=False)), "the webhook explains", within=90)
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def rolled_out(node: Node, what: str) -> None:
    waited = ("rollout", "status", what, f"-n={NAMESPACE}", f"--timeout={ROLLED_OUT}s")
    node.cluster.kubectl(*waited, timeout=ROLLED_OUT + 10)


def attempt(team: Rest, name: str, *, good: bool) -> Answer:
    body = deployment("api")
    path = deployments(f"{name}-clinical")
    return team.create(path, body if good else bad(body), dry_run=True)


def explained(answer: Answer) -> bool:
    return answer.code == 403 and SIGNATURE in answer.message


def test_its_pods_are_restricted_and_have_no_more_than_they_need(installed: Node) -> None:
    listed = installed.cluster.kubectl("get", "pods", f"-n={NAMESPACE}", "-o", "yaml").stdout
    pods = [p for p in yaml.safe_load(listed)["items"] if "deletionTimestamp" not in p["metadata"]]
    assert len(pods) == 3
    for pod in pods:
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
    path = f"{POLICIES.format(f'{name}-clinical')}/phiwarden-default-deny"
    selector = (
        f"--selector=app.kubernetes.io/component=controller,app.kubernetes.io/instance={RELEASE}"
    )
    installed.cluster.kubectl(
        "delete", "pods", f"-n={NAMESPACE}", selector, "--grace-period=0", "--force"
    )
    assert admin.delete(path).ok
    rolled_out(installed, CONTROLLER)
    until(lambda: admin.get(path).ok, "the policy is back", within=90)


def test_rolling_the_webhook_loses_no_decision(installed: Node, team: Rest, name: str) -> None:
    """While its pods are replaced, and while one is killed, good is admitted and bad refused."""
    stop, answers = Event(), []

    def ask() -> None:
        mine = connect(installed.cluster.kubeconfig_for(PLATFORM_ENGINEER))
        while not stop.is_set():
            answers.append((True, attempt(mine, name, good=True)))
            answers.append((False, attempt(mine, name, good=False)))

    asking = Thread(target=ask)
    asking.start()
    try:
        installed.cluster.kubectl("rollout", "restart", ADMISSION, f"-n={NAMESPACE}")
        rolled_out(installed, ADMISSION)
        selector = (
            f"--selector=app.kubernetes.io/component=admission,app.kubernetes.io/instance={RELEASE}"
        )
        pods = installed.cluster.kubectl(
            "get", "pods", f"-n={NAMESPACE}", selector, "-o=name"
        ).stdout
        gone = (pods.split()[0], f"-n={NAMESPACE}", "--grace-period=0", "--force")
        installed.cluster.kubectl("delete", *gone)
        rolled_out(installed, ADMISSION)
    finally:
        stop.set()
        asking.join()
    wrong = [answer.message for good, answer in answers if answer.ok != good]
    told = sum(explained(answer) for good, answer in answers if not good)
    print(f"{len(answers)} decisions, {told} of {len(answers) // 2} refusals by the webhook")
    assert wrong == []


def test_the_certificates_are_its_own(installed: Node, admin: Rest, name: str) -> None:
    (webhook,) = admin.get(CONFIGURED).body["webhooks"]
    assert webhook["clientConfig"]["caBundle"]
    assert webhook["failurePolicy"] == "Ignore"
