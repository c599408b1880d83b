"""The control plane that all other end-to-end tests stand on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.controlplane import (
    PLATFORM_ENGINEER,
    CommandError,
    ControlPlane,
    NotRestartableError,
    Options,
    attach,
    start,
    wait_until,
)
from e2e.controlplane.components import SIMULATED
from e2e.waiting import until

pytestmark = pytest.mark.usefixtures("binaries")

ROOT = Path(__file__).parents[1]
API_ONLY = Options(controller_manager=False, scheduler=False, kwok=False)
API_ONLY_FLAGS = ("--no-controller-manager", "--no-scheduler", "--no-kwok")
SECONDS = 60.0


@pytest.fixture
def simulated(cluster: ControlPlane) -> None:
    """Skips where pods need images: on an attached cluster with real nodes."""
    nodes = json.loads(cluster.kubectl("get", "nodes", "-o=json").stdout)["items"]
    if not any(SIMULATED[0] in node["metadata"].get("annotations", {}) for node in nodes):
        pytest.skip("the cluster has no simulated nodes")


@pytest.fixture
def namespace(cluster: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"controlplane-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_the_api_server_is_ready(cluster: ControlPlane) -> None:
    assert cluster.kubectl("get", "--raw=/readyz").stdout == "ok"


@pytest.mark.usefixtures("simulated")
def test_a_deployment_becomes_ready_on_simulated_nodes(
    cluster: ControlPlane, namespace: str
) -> None:
    cluster.kubectl(
        "create", "deployment", "web", f"-n={namespace}", "--image=e2e.test/web:1", "--replicas=2"
    )
    cluster.kubectl("rollout", "status", "deployment/web", f"-n={namespace}", "--timeout=60s")
    pods = json.loads(cluster.kubectl("get", "pods", f"-n={namespace}", "-o=json").stdout)["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Running", "Running"]
    assert all(each["ready"] for pod in pods for each in pod["status"]["containerStatuses"])


@pytest.mark.usefixtures("simulated")
def test_a_pod_that_asks_for_it_runs_but_never_becomes_ready(
    cluster: ControlPlane, namespace: str
) -> None:
    override = {"metadata": {"annotations": {"simulated.e2e/failing": "true"}}}
    wait_until(
        lambda: (
            cluster.kubectl(
                "get", "serviceaccount", "default", f"-n={namespace}", check=False
            ).returncode
            == 0
        ),
        "the namespace has its default service account",
        SECONDS,
    )
    cluster.kubectl(
        "run",
        "stuck",
        f"-n={namespace}",
        "--image=e2e.test/stuck:1",
        f"--overrides={json.dumps(override)}",
    )
    cluster.kubectl(
        "wait",
        "pod/stuck",
        f"-n={namespace}",
        "--for=jsonpath={.status.phase}=Running",
        "--timeout=30s",
    )
    pod = json.loads(cluster.kubectl("get", "pod", "stuck", f"-n={namespace}", "-o=json").stdout)
    conditions = {each["type"]: each["status"] for each in pod["status"]["conditions"]}
    assert conditions["Ready"] == "False"


def test_a_policy_in_cel_denies_what_it_forbids(cluster: ControlPlane, namespace: str) -> None:
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["configmaps"],
                    }
                ]
            },
            "validations": [
                {"expression": "!has(object.data) || !('ssn' in object.data)", "message": "no ssn"}
            ],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {
            "policyName": namespace,
            "validationActions": ["Deny"],
            "matchResources": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
            },
        },
    }
    try:
        for manifest in (policy, binding):
            cluster.kubectl("apply", "--filename=-", input=json.dumps(manifest))
        forbidden = ("create", "configmap", "patient", f"-n={namespace}", "--from-literal=ssn=1")
        denied = wait_until(
            lambda: cluster.kubectl(*forbidden, "--dry-run=server", check=False).stderr,
            "the policy is in force",
            SECONDS,
        )
        assert "no ssn" in denied
        cluster.kubectl("create", "configmap", "plain", f"-n={namespace}", "--from-literal=a=1")
    finally:
        cluster.kubectl("delete", "validatingadmissionpolicy", namespace, "--ignore-not-found")
        cluster.kubectl(
            "delete", "validatingadmissionpolicybinding", namespace, "--ignore-not-found"
        )


def test_pod_security_standards_are_enforced(cluster: ControlPlane, namespace: str) -> None:
    cluster.kubectl(
        "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted"
    )
    with pytest.raises(CommandError, match="violates PodSecurity"):
        cluster.kubectl("run", "loose", f"-n={namespace}", "--image=e2e.test/loose:1")


def test_a_service_account_token_may_do_what_its_role_says_and_no_more(
    cluster: ControlPlane, namespace: str
) -> None:
    cluster.kubectl("create", "serviceaccount", "reader", f"-n={namespace}")
    cluster.kubectl(
        "create", "role", "reader", f"-n={namespace}", "--verb=list", "--resource=configmaps"
    )
    cluster.kubectl(
        "create",
        "rolebinding",
        "reader",
        f"-n={namespace}",
        "--role=reader",
        f"--serviceaccount={namespace}:reader",
    )
    reader = cluster.create_token("reader", namespace)
    assert reader.stat().st_mode & 0o777 == 0o600
    cluster.kubectl("get", "configmaps", f"-n={namespace}", kubeconfig=reader)
    with pytest.raises(CommandError, match='cannot list resource "secrets"'):
        cluster.kubectl("get", "secrets", f"-n={namespace}", kubeconfig=reader)


def test_the_platform_engineer_is_an_administrator_through_rbac_alone(
    cluster: ControlPlane,
) -> None:
    asked = cluster.kubectl("auth", "whoami", "-o=json", user=PLATFORM_ENGINEER)
    who = json.loads(asked.stdout)["status"]["userInfo"]
    assert who["username"] == PLATFORM_ENGINEER
    assert who["groups"] == ["system:authenticated"]
    assert "yes" in cluster.kubectl("auth", "can-i", "*", "*", user=PLATFORM_ENGINEER).stdout


def test_anybody_else_is_impersonated_and_may_do_nothing(cluster: ControlPlane) -> None:
    asked = cluster.kubectl("auth", "whoami", "-o=json", user="jane", groups=["nurses"])
    who = json.loads(asked.stdout)["status"]["userInfo"]
    assert (who["username"], "nurses" in who["groups"]) == ("jane", True)
    with pytest.raises(CommandError, match="forbidden"):
        cluster.kubectl("get", "secrets", user="jane")


def test_a_service_account_is_impersonated_by_its_full_name(cluster: ControlPlane) -> None:
    user = "system:serviceaccount:default:default"
    asked = cluster.kubectl("auth", "whoami", "-o=json", user=user)
    assert json.loads(asked.stdout)["status"]["userInfo"]["username"] == user


def test_helm_installs_a_chart(cluster: ControlPlane, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 1.0.0\n")
    (tmp_path / "templates" / "configmap.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tiny}\ndata: {from: chart}\n"
    )
    cluster.helm("install", "tiny", str(tmp_path), f"-n={namespace}")
    made = cluster.kubectl("get", "configmap", "tiny", f"-n={namespace}", "-o=jsonpath={.data}")
    assert json.loads(made.stdout) == {"from": "chart"}


def test_two_control_planes_run_side_by_side(cluster: ControlPlane) -> None:
    name = f"only-here-{uuid.uuid4().hex[:8]}"
    with start(API_ONLY) as other:
        assert other.server != cluster.server
        other.kubectl("create", "namespace", name)
        assert "NotFound" in cluster.kubectl("get", "namespace", name, check=False).stderr
        assert set(other.pids) == {"etcd", "kube-apiserver"}
        directory = other.run_dir
        other.stop()
        assert not directory.exists()
    assert cluster.kubectl("get", "--raw=/readyz").stdout == "ok"


def test_a_restart_of_the_api_server_keeps_the_data(cluster: ControlPlane, namespace: str) -> None:
    if not cluster.can_restart:
        pytest.skip("the API server of an attached cluster is not ours to stop")
    cluster.kubectl("create", "configmap", "kept", f"-n={namespace}", "--from-literal=a=1")
    before = cluster.pids["kube-apiserver"]
    cluster.stop_apiserver()
    assert "kube-apiserver" not in cluster.pids
    assert cluster.kubectl("get", "namespaces", check=False).returncode != 0
    cluster.start_apiserver()
    assert cluster.pids["kube-apiserver"] != before
    kept = cluster.kubectl("get", "configmap", "kept", f"-n={namespace}", "-o=jsonpath={.data.a}")
    assert kept.stdout == "1"
    # Controllers and nodes have found their way back too.
    create = ("create", "deployment", "after", f"-n={namespace}", "--image=e2e.test/a:1")
    # Where admission policies stand, the API server admits nothing until it has compiled them.
    until(lambda: cluster.kubectl(*create, check=False).returncode == 0, "admission is ready")
    cluster.kubectl("rollout", "status", "deployment/after", f"-n={namespace}", "--timeout=60s")


def test_an_attached_cluster_is_used_but_never_stopped() -> None:
    with start(API_ONLY) as own:
        with attach(own.kubeconfig) as attached:
            assert attached.server == own.server
            assert not attached.can_restart
            with pytest.raises(NotRestartableError):
                attached.restart_apiserver()
            may = attached.kubectl("auth", "can-i", "*", "*", user=PLATFORM_ENGINEER)
            assert "yes" in may.stdout
            bindings = attached.kubectl("get", "clusterrolebindings", "-o=name").stdout
            assert f"phiwarden-e2e-{attached.run_dir.name}" in bindings
        left = own.kubectl("get", "clusterrolebindings", "-o=name").stdout
        assert "phiwarden-e2e-" not in left
        assert not attached.run_dir.exists()


def test_requests_are_audited_when_a_policy_asks_for_it() -> None:
    rules = [{"level": "Metadata", "verbs": ["create"], "resources": [{"group": ""}]}]
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}
    options = Options(
        controller_manager=False,
        scheduler=False,
        kwok=False,
        durable_etcd=True,
        audit_policy=policy,
    )
    with start(options) as audited:
        audited.kubectl("create", "namespace", "audited", user=PLATFORM_ENGINEER)
        entries = [json.loads(line) for line in audited.logs["audit"].read_text().splitlines()]
    users = {each["user"]["username"] for each in entries if each["verb"] == "create"}
    assert PLATFORM_ENGINEER in users
