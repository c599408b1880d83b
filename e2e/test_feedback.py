"""The feedback webhook as application teams meet it, and what holds when it is slow, odd or gone."""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import yaml
from cryptography import x509

from e2e import feedback, zones
from e2e.controlplane import ControlPlane
from e2e.controlplane.ports import free_ports
from e2e.feedback import SECRET, SIGNATURE, Site, Webhook
from e2e.product import NAMESPACE, RELEASE, ROOT, upgrade
from e2e.rest import MERGE, Answer, Rest, connect
from e2e.waiting import until
from phiwarden.admission.certificates import issue
from phiwarden.boundary.labels import encode
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example, rulebook
from phiwarden.rulebook.shapes import NETWORK_POLICY, PODS, SERVICE, WORKLOADS

Body = dict[str, Any]
(POD,) = PODS.kinds
DEPLOYMENT = WORKLOADS.kinds[0]
BAD = Example(container={"image": "registry.hospital.example/portal/app:1.0"})
EXPORT = ROOT / "examples" / "clinic" / "apps" / "patient-export.yaml"
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def site(cluster: ControlPlane) -> Iterator[Site]:
    with feedback.installed(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def root(site: Site) -> Rest:
    return connect(site.product.cluster.kubeconfig)


@pytest.fixture(scope="module")
def engineer(site: Site) -> Rest:
    return connect(site.product.cluster.kubeconfig_for("platform-engineer"))


@pytest.fixture(scope="module")
def zone(root: Rest, site: Site) -> Iterator[str]:
    """An enforcing zone."""
    with zones.zone(root, zones.unique(examples.ZONE)) as name:
        yield name


@pytest.fixture(scope="module")
def started(site: Site) -> Iterator[list[Webhook]]:
    """Every webhook that was started here."""
    webhooks: list[Webhook] = []
    yield webhooks
    for webhook in webhooks:
        webhook.stop()


@pytest.fixture
def webhook(started: list[Webhook], site: Site, engineer: Rest, zone: str) -> Webhook:
    """A webhook that answers; the one of the test before, where that left one."""
    if not started or started[-1].child.process.poll() is not None:
        started.append(Webhook(site))
    until(lambda: explained(ask(engineer, zone, bad())), "API servers call the webhook")
    return started[-1]


def bad(name: str = "app") -> Body:
    return examples.manifest(DEPLOYMENT, examples.pod_template(BAD), name=name)


def good(name: str = "app") -> Body:
    return examples.manifest(DEPLOYMENT, examples.pod_template(Example()), name=name)


def ask(rest: Rest, namespace: str, body: Body) -> Answer:
    """Return whether a Deployment would be admitted."""
    return rest.create(collection(DEPLOYMENT, namespace), body, dry_run=True)


def explained(answer: Answer) -> bool:
    """Whether the webhook refused it."""
    return answer.code == 403 and answer.message.startswith(SIGNATURE)


def refused_by_policy(answer: Answer) -> bool:
    """Whether the API server refused it by itself."""
    return answer.code == 403 and "ValidatingAdmissionPolicy 'phiwarden-" in answer.message


def fresh(prefix: str = "app") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:6]}"


def kubectl_apply(site: Site, namespace: str, body: Body) -> subprocess.CompletedProcess[str]:
    return site.product.cluster.kubectl(
        *("apply", "-n", namespace, "-f", "-"),
        user="platform-engineer",
        input=yaml.safe_dump(body),
        check=False,
    )


def decisions(webhook: Webhook, name: str) -> list[Body]:
    """Return what was recorded of an object."""
    return [
        record
        for record in webhook.records()
        if record["event"] == "decision" and record["name"] == name
    ]


def test_a_refusal_as_kubectl_prints_it(
    webhook: Webhook, site: Site, zone: str, root: Rest
) -> None:
    body = yaml.safe_load(EXPORT.read_text())
    body["metadata"].pop("namespace", None)
    done = kubectl_apply(site, zone, body)
    first, *paragraphs = done.stderr.strip().split("\n\n")
    assert done.returncode == 1
    assert first.startswith(
        'Error from server (Forbidden): error when creating "STDIN": admission webhook'
        ' "feedback.phiwarden.dev" denied the request: Deployment patient-export breaks 6 rules of'
        " zone clinical of "
    )
    assert first.endswith("(direct-care, data phi). " + rationale("PHI-SEC-001"))
    *by_rule, last, route = paragraphs
    assert "kubectl phi request-exception Deployment/" in route
    rules = [paragraph.split()[0] for paragraph in by_rule]
    assert sorted(rules) == [
        "PHI-IDN-001",
        "PHI-IMG-001",
        "PHI-POD-001",
        "PHI-POD-003",
        "PHI-RES-001",
        "PHI-SEC-001",
    ]
    assert all(paragraph.count("  fix: ") == 1 for paragraph in by_rule)
    assert (
        "PHI-IMG-001  Every image is pinned by digest\n"
        "  spec.template.spec.containers[0].image\n"
        "    image is not pinned by digest"
        " (found registry.hospital.example/portal/patient-export:latest)\n"
        "  fix: name the image by digest: registry/repository@sha256:<64 hex digits>"
    ) in by_rule
    assert last.endswith("\n  kubectl phi explain PHI-SEC-001")
    assert "Warning" not in done.stderr
    assert root.get(f"{collection(DEPLOYMENT, zone)}/patient-export").code == 404
    (decision,) = decisions(webhook, "patient-export")
    assert decision["action"] == "Refused"
    assert decision["requested_by"] == "platform-engineer"
    assert sorted(decision["rules"]) == sorted(rules)


def rationale(rule: str) -> str:
    (found,) = [each.rationale for each in rulebook() if each.id == rule]
    return found


def test_a_good_deployment_hears_nothing(webhook: Webhook, site: Site, zone: str) -> None:
    name = fresh()
    before = len(webhook.records())
    done = kubectl_apply(site, zone, good(name))
    assert (done.stdout, done.stderr) == (f"deployment.apps/{name} created\n", "")
    assert len(webhook.records()) == before


def test_the_same_object_at_every_level(webhook: Webhook, root: Rest, site: Site) -> None:
    """Observed in silence, warned of once a rule, then refused."""
    name = fresh()
    told = {}
    for level in ("observe", "warn", "enforce"):
        boundary = replace(zones.unique(examples.ZONE), enforcement=level)
        with zones.zone(root, boundary) as namespace:
            told[level] = kubectl_apply(site, namespace, bad(name)).stderr
    assert told["observe"] == ""
    assert "PHI-IMG-001 would be refused by an enforcing zone:" in told["warn"]
    assert SIGNATURE in told["enforce"]
    recorded = [decision["action"] for decision in decisions(webhook, name)]
    assert recorded == ["Observed", "Warned", "Refused"]


def test_a_rule_that_only_warns_arrives_as_a_warning(
    webhook: Webhook, root: Rest, site: Site
) -> None:
    name = fresh()
    body = good(name)
    body["spec"]["template"]["spec"]["nodeSelector"] = None
    with zones.zone(root, replace(zones.unique(examples.ZONE), impact="administrative")) as where:
        done = kubectl_apply(site, where, body)
    assert done.stdout == f"deployment.apps/{name} created\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "Warning: PHI-RES-001 spec.template.spec.nodeSelector: pod is not pinned"
    )
    assert [decision["action"] for decision in decisions(webhook, name)] == ["Warned"]


def test_a_dry_run_is_answered_and_not_recorded(
    webhook: Webhook, engineer: Rest, zone: str
) -> None:
    name = fresh()
    assert explained(ask(engineer, zone, bad(name)))
    assert explained(engineer.create(collection(DEPLOYMENT, zone), bad(name)))
    assert len(decisions(webhook, name)) == 1


def test_services_and_network_policies_are_explained(
    webhook: Webhook, engineer: Rest, root: Rest, zone: str
) -> None:
    service = {"metadata": {"name": "app"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
    policy = {"metadata": {"name": "app"}, "spec": {"podSelector": {}}}
    for kind, body, rule in (
        (SERVICE, service, "PHI-NET-002"),
        (NETWORK_POLICY, policy, "PHI-NET-001"),
    ):
        answer = engineer.create(collection(kind, zone), body, dry_run=True)
        assert explained(answer)
        assert f"{rule}  " in answer.message
    # Whom the policies exempt in an emergency, the webhook does not stop either.
    assert root.create(collection(NETWORK_POLICY, zone), policy, dry_run=True).ok


@pytest.mark.parametrize("makes", [good, bad])
def test_a_webhook_that_is_down_changes_no_verdict(
    webhook: Webhook, engineer: Rest, zone: str, makes: Any
) -> None:
    webhook.stop()
    answer = ask(engineer, zone, makes())
    assert answer.ok if makes is good else refused_by_policy(answer)


def test_a_webhook_that_hangs_costs_three_seconds_and_no_verdict(
    webhook: Webhook, engineer: Rest, zone: str
) -> None:
    os.kill(webhook.child.pid, signal.SIGSTOP)
    try:
        for body, verdict in ((bad(), refused_by_policy), (good(), lambda answer: answer.ok)):
            began = time.monotonic()
            assert verdict(ask(engineer, zone, body))
            assert time.monotonic() - began < 4.5
    finally:
        os.kill(webhook.child.pid, signal.SIGCONT)
    until(lambda: explained(ask(engineer, zone, bad())), "it answers again")


def test_a_body_of_three_mebibytes_is_answered(webhook: Webhook, engineer: Rest, zone: str) -> None:
    """The API server takes no larger one; as it was and as it is to be, the review has twice that."""
    for body, verdict in ((bad(), explained), (good(), lambda answer: answer.ok)):
        (container,) = body["spec"]["template"]["spec"]["containers"]
        container["readinessProbe"] = {"exec": {"command": ["x" * int(2.9 * MEBIBYTE)]}}
        assert len(json.dumps(body)) > 2.8 * MEBIBYTE
        assert verdict(ask(engineer, zone, body))


def test_bodies_that_are_no_reviews_get_an_orderly_answer(webhook: Webhook) -> None:
    for method, path, body, code, told in (
        ("POST", "/review", b"{", 400, "body: Invalid JSON"),
        ("POST", "/review", b"{}", 400, "apiVersion: Field required"),
        (
            "POST",
            "/review",
            b'{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}',
            400,
            "apiVersion: Input should be 'admission.k8s.io/v1'",
        ),
        ("POST", "/review", b" " * (8 * MEBIBYTE), 413, "a review has 7340032 bytes at most"),
        ("GET", "/review", None, 405, "only POST here"),
        ("POST", "/other", b"{}", 404, "reviews are answered at /review"),
    ):
        reply = webhook.ask(method, path, body)
        status = json.loads(reply.body)
        assert (reply.code, status["kind"], status["code"]) == (code, "Status", code)
        assert status["message"].startswith(told)
    assert webhook.ask("GET", "/healthz").code == 200


def test_a_review_of_six_mebibytes_is_answered(webhook: Webhook, zone: str) -> None:
    body = bad()
    body["metadata"]["annotations"] = {"a": "x" * 3 * MEBIBYTE}
    old = copy.deepcopy(body)
    old["spec"]["template"]["spec"]["hostNetwork"] = True
    request = feedback.request(
        body, "deployments", namespace=zone, operation="UPDATE", oldObject=old
    )
    assert not webhook.review(**request)["allowed"]


def test_kinds_and_namespaces_that_it_does_not_know_pass(webhook: Webhook, zone: str) -> None:
    thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}}
    asked = feedback.request(thing, "configmaps", namespace=zone)
    assert webhook.review(**asked) == {"uid": asked["uid"], "allowed": True}
    asked = feedback.request(bad(), "deployments", namespace="default")
    assert webhook.review(**asked) == {"uid": asked["uid"], "allowed": True}


def test_updates_that_change_nothing_relevant_pass(
    webhook: Webhook, root: Rest, engineer: Rest
) -> None:
    """Also where a Deployment from before the boundary breaks rules."""
    boundary = replace(zones.unique(examples.ZONE), enforcement="observe")
    with zones.zone(root, boundary) as namespace:
        assert engineer.create(collection(DEPLOYMENT, namespace), bad()).ok
        enforce(root, namespace, boundary)
        until(lambda: explained(ask(engineer, namespace, bad())), "the zone enforces")
        path = f"{collection(DEPLOYMENT, namespace)}/app"
        asked = feedback.request(bad(), "deployments", namespace=namespace, operation="UPDATE")
        for patch in (
            {"spec": {"replicas": 3}},
            {"metadata": {"labels": {"note": "x"}}},
            {"metadata": {"annotations": {"note": "x"}}},
            {"metadata": {"finalizers": ["example.com/kept"]}},
            {"spec": {"paused": True}},
        ):
            before = engineer.get(path).body
            answer = engineer.request("PATCH", path, patch, content=MERGE)
            assert answer.ok, answer.message
            assert not answer.warnings
            # The webhook says the same when it is asked past the conditions that spare it.
            told = webhook.review(**asked | {"object": answer.body, "oldObject": before})
            assert told["allowed"]
        assert explained(
            engineer.request(
                "PATCH",
                path,
                {"spec": {"template": {"spec": {"hostNetwork": True}}}},
                content=MERGE,
            )
        )
        assert engineer.delete(path).ok
        assert engineer.request("PATCH", path, {"metadata": {"finalizers": None}}, content=MERGE).ok


def test_pods_that_direct_care_keeps_are_not_refused(
    webhook: Webhook, root: Rest, engineer: Rest
) -> None:
    """A held Deployment gets its pods back, as the policies let it."""
    boundary = replace(zones.unique(examples.ZONE), enforcement="observe")
    with zones.zone(root, boundary) as namespace:
        pods = collection(POD, namespace)
        assert engineer.create(collection(DEPLOYMENT, namespace), bad()).ok
        pod, *_ = until(lambda: root.get(pods).body["items"], "the Deployment has its pods")
        (maker,) = pod["metadata"]["ownerReferences"]
        enforce(root, namespace, boundary, held=(f"ReplicaSet/{maker['name']}",))
        until(lambda: explained(ask(engineer, namespace, bad())), "the zone enforces")
        name = pod["metadata"]["name"]
        assert root.request("DELETE", f"{pods}/{name}", {"gracePeriodSeconds": 0}).ok
        until(
            lambda: [p for p in root.get(pods).body["items"] if p["metadata"]["name"] != name],
            "the pod is replaced",
        )
        remade = {**pod, "apiVersion": "v1", "kind": "Pod"}
        maker = {"username": "system:serviceaccount:kube-system:replicaset-controller"}
        asked = feedback.request(remade, "pods", namespace=namespace, userInfo=maker)
        assert webhook.review(**asked)["allowed"]


def enforce(root: Rest, namespace: str, boundary: Any, **changes: Any) -> None:
    """Write the zone's boundary, as the operator does."""
    labels, annotations = encode(replace(boundary, enforcement="enforce", **changes))
    body = {"metadata": {"labels": labels, "annotations": annotations}}
    assert root.request("PATCH", f"{zones.CORE}/{namespace}", body, content=MERGE).ok


def test_a_zone_is_known_and_forgotten(webhook: Webhook, root: Rest) -> None:
    with zones.zone(root, zones.unique(examples.ZONE)) as namespace:
        asked = feedback.request(bad(), "deployments", namespace=namespace)
        until(lambda: not webhook.review(**asked)["allowed"], "the zone is known")
        broken = {"metadata": {"annotations": {"boundary.phiwarden.dev/format": "99"}}}
        assert root.request("PATCH", f"{zones.CORE}/{namespace}", broken, content=MERGE).ok
        # What cannot be read is left to the policies, which refuse everything there.
        until(lambda: webhook.review(**asked)["allowed"], "the boundary cannot be read")


def test_a_certificate_is_rotated_under_load_without_a_failed_call(
    site: Site, root: Rest, zone: str, started: list[Webhook]
) -> None:
    """Two replicas share the work; every call is answered, and both CAs are trusted at once."""
    for webhook in started:
        webhook.stop()
    clear(root)
    lifetime = {"PHIWARDEN_FEEDBACK_CERTIFICATE_LIFETIME": "20s"}
    (port,) = free_ports(1, feedback.ADDRESS)
    with (
        feedback.running(site, **lifetime) as first,
        feedback.running(site, port=port, **lifetime) as second,
    ):
        caller = connect(site.product.cluster.kubeconfig_for("platform-engineer"))
        until(lambda: explained(ask(caller, zone, bad())), "API servers call the webhook")
        stop = Event()
        failed: list[str] = []
        calls = 0

        def load() -> None:
            nonlocal calls
            while not stop.is_set():
                answer = ask(caller, zone, bad())
                calls += 1
                if not explained(answer):
                    failed.append(answer.message)

        thread = Thread(target=load)
        thread.start()
        seen: list[tuple[int, bool]] = []
        initial = first.served().serial_number

        def rotated() -> bool:
            # Served first, trusted second: what was served a moment ago must still be trusted.
            served = first.served()
            bundle = feedback.trusted(root)
            assert served.issuer in [ca.subject for ca in bundle]
            state = (len(bundle), served.serial_number == initial)
            if not seen or seen[-1] != state:
                seen.append(state)
            return state == (1, False)

        try:
            until(rotated, "the certificate was rotated", within=40)
        finally:
            stop.set()
            thread.join()
        assert seen == [(1, True), (2, True), (2, False), (1, False)]
        assert failed == []
        assert calls > 100
        steps = [
            record["step"]
            for replica in (first, second)
            for record in replica.records()
            if record["event"] == "certificates.step"
        ]
        assert sorted(steps) == ["announce", "create", "forget", "switch"]
    clear(root)


def clear(root: Rest) -> None:
    """Empty the Secret of the certificate."""
    assert root.request("PATCH", SECRET, {"data": None}, content=MERGE).ok


def test_a_secret_that_was_tampered_with_is_filled_anew(
    webhook: Webhook, root: Rest, site: Site, engineer: Rest, zone: str, started: list[Webhook]
) -> None:
    webhook.stop()
    spoilt = {"data": {"tls.key": "bm9uZQ=="}}
    assert root.request("PATCH", SECRET, spoilt, content=MERGE).ok
    started.append(Webhook(site))
    until(lambda: explained(ask(engineer, zone, bad())), "API servers call the webhook")


def test_an_upgrade_by_helm_leaves_the_certificate_alone(
    webhook: Webhook, root: Rest, site: Site, engineer: Rest, zone: str
) -> None:
    secret = root.get(SECRET).body["data"]
    trusted = feedback.trusted(root)
    for more in ({"replicas": 3}, {"replicas": 2}):
        values = feedback.values(site.port)
        values["feedback"] |= more
        upgrade(site.product.cluster, values)
        assert feedback.trusted(root) == trusted
        assert root.get(SECRET).body["data"] == secret
    assert explained(ask(engineer, zone, bad()))


def test_the_process_may_do_what_its_code_does_and_no_more(site: Site) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:{RELEASE}-admission"

    def may(verb: str, what: str, *more: str) -> bool:
        done = site.product.cluster.kubectl(
            "auth", "can-i", verb, what, f"--as={account}", "-n", NAMESPACE, *more, check=False
        )
        return done.stdout.strip() == "yes"

    assert may("watch", "namespaces")
    assert may("update", f"secrets/{RELEASE}-admission-tls")
    assert may("patch", "mutatingwebhookconfigurations/zz-phiwarden-feedback")
    for verb, what in (
        ("patch", "namespaces"),
        ("list", "secrets"),
        ("create", "secrets"),
        ("get", "secrets/another"),
        ("get", "pods"),
        ("update", "mutatingwebhookconfigurations/zz-phiwarden-feedback"),
        ("patch", "mutatingwebhookconfigurations/another"),
        ("patch", "validatingadmissionpolicies"),
        ("get", "phiworkloads"),
    ):
        assert not may(verb, what), (verb, what)


def test_certificates_of_others_are_taken_up_when_they_change(site: Site, tmp_path: Path) -> None:
    """As cert-manager renews them, below a folder that is mounted."""

    def provide() -> int:
        identity = issue((feedback.ADDRESS,), dt.datetime.now(dt.UTC), dt.timedelta(hours=1))
        (tmp_path / "tls.key").write_bytes(identity.key)
        (tmp_path / "tls.crt").write_bytes(identity.certificate)
        return x509.load_pem_x509_certificate(identity.certificate).serial_number

    serial = provide()
    (port,) = free_ports(1, feedback.ADDRESS)
    settings = {"PHIWARDEN_FEEDBACK_CERTIFICATES": str(tmp_path)}
    with feedback.running(site, port=port, **settings) as webhook:
        assert webhook.served().serial_number == serial
        serial = provide()
        until(lambda: webhook.served().serial_number == serial, "the new one is served")


def test_a_wrong_setting_is_said_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "phiwarden", "admission"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "phiwarden: PHIWARDEN_USERNAME must be set, as the chart does\n"


GATEWAY = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "httproutes.gateway.networking.k8s.io",
        # The API server keeps this group to those who say that it was approved there.
        "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
    },
    "spec": {
        "group": "gateway.networking.k8s.io",
        "names": {"kind": "HTTPRoute", "plural": "httproutes", "singular": "httproute"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


def test_a_kind_that_comes_later_is_explained_too(
    webhook: Webhook, engineer: Rest, root: Rest, zone: str
) -> None:
    """The Gateway API is often installed after phiwarden."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    answer = root.create(definitions, GATEWAY)
    assert answer.ok, answer.message
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "portal"},
        "spec": {"hostnames": ["portal.hospital.example"]},
    }
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{zone}/httproutes"
    try:
        until(
            lambda: explained(engineer.create(path, route, dry_run=True)),
            "routes are served, refused and explained",
        )
    finally:
        assert root.delete(f"{definitions}/{GATEWAY['metadata']['name']}").ok


def test_rules_of_the_platform_team_are_explained_too(site: Site, zone: str) -> None:
    """Beside the webhook of the other tests, asked past the API server."""
    (port,) = free_ports(1, feedback.ADDRESS)
    folder = str(ROOT / "examples" / "own-rules")
    with feedback.running(site, port=port, PHIWARDEN_RULES=folder) as webhook:
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 8443}]},
        }
        told = webhook.review(**feedback.request(service, "services", namespace=zone))
        assert not told["allowed"]
        assert "ACME-OPS-001  " in told["status"]["message"]
        assert "kubectl phi explain ACME-OPS-001" in told["status"]["message"]
