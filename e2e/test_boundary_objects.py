"""Compiled objects and the API server: what it stores is what was meant, and drift shows."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from e2e.controlplane import ControlPlane, wait_until
from phiwarden.api import names
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.model import ApiServer, Desired, Facts
from phiwarden.boundary.project import digest, managed
from phiwarden.rulebook.examples import DIGEST

SECONDS = 60.0
Body = dict[str, Any]


def _flow(source: Body, target: Body, purpose: str, **port: Any) -> Body:
    ports = [{"port": 443, **port}]
    return {"from": source, "to": target, "ports": ports, "purpose": purpose}


SPEC = WorkloadSpec.model_validate(
    {
        "owner": {"team": "digital-health", "contact": "digital-health@hospital.example"},
        "environment": "production",
        "clinicalImpact": "direct-care",
        "residency": {"regions": ["us-east-1", "us-west-2"]},
        "zones": [
            {
                "name": "edge",
                "data": "none",
                "exposure": "public",
                "exposedPorts": [{"port": 8080}, {"port": 30000, "endPort": 30010}],
                "serviceAccounts": [{"name": "web"}],
                "quota": {"pods": 5},
            },
            {
                "name": "clinical",
                "data": "phi",
                "exposure": "internal",
                "images": {"registries": ["registry.hospital.example/portal"]},
                "serviceAccounts": [{"name": "api", "apiAccess": True}, {"name": "jobs"}],
                "quota": {"cpu": "8000m", "memory": "16384Mi", "pods": 50},
            },
        ],
        "flows": [
            _flow({"zone": "edge"}, {"zone": "clinical"}, "treatment", port=8443, endPort=8450),
            _flow({"zone": "clinical"}, {"zone": "clinical"}, "operations", protocol="SCTP"),
            _flow({"zone": "clinical"}, {"external": "ehr"}, "treatment"),
            _flow({"zone": "edge"}, {"external": "internet"}, "other"),
            _flow({"external": "internet"}, {"zone": "edge"}, "other"),
        ],
        "externals": [
            {
                "name": "ehr",
                "kind": "ehr",
                "cidrs": ["203.0.113.0/24", "2001:db8::/32"],
                "agreement": {
                    "type": "BAA",
                    "counterparty": "Epic",
                    "reference": "BAA-2026-014",
                    "expires": "2027-06-30",
                },
            },
            {"name": "internet", "kind": "other", "cidrs": ["0.0.0.0/0", "::/0"]},
        ],
    }
)
FACTS = Facts(
    today=dt.date(2026, 11, 20),
    api_servers=(ApiServer("192.0.2.10", 6443), ApiServer("2001:db8::10", 443)),
    gateway_namespaces=("gateways", "mesh"),
    held={"edge": ("Deployment/portal",)},
)


@dataclass(frozen=True)
class Boundary:
    """The objects of one workload, and the cluster that has them."""

    cluster: ControlPlane
    workload: str
    objects: dict[str, Desired]

    def apply(self, *keys: str) -> None:
        """Apply what is desired, as the operator does."""
        items = [self.objects[key].body for key in keys or self.objects]
        self.cluster.kubectl(
            "apply",
            "--server-side",
            "--force-conflicts",
            f"--field-manager={names.FIELD_MANAGER}",
            "--filename=-",
            input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}),
        )

    def live(self, key: str) -> Body:
        """Return an object as the API server stores it."""
        return self._kubectl("get", key, "-o=json")

    def patch(self, key: str, patch: Body) -> Body:
        """Change an object as somebody else would."""
        return self._kubectl(
            "patch", key, "--type=merge", f"--patch={json.dumps(patch)}", "-o=json"
        )

    def _kubectl(self, verb: str, key: str, *arguments: str) -> Body:
        desired = self.objects[key]
        where = [f"-n={desired.namespace}"] if desired.namespace else []
        done = self.cluster.kubectl(verb, desired.kind, desired.name, *where, *arguments)
        body: Body = json.loads(done.stdout)
        return body


@pytest.fixture(scope="module")
def applied(cluster: ControlPlane) -> Iterator[Boundary]:
    """The objects of a clinic's declaration, applied once."""
    workload = f"clinic-{uuid.uuid4().hex[:8]}"
    plan = compile_boundary(workload, SPEC, FACTS)
    boundary = Boundary(
        cluster,
        workload,
        {
            f"{zone.zone} {desired.kind} {desired.name.removeprefix(f'{workload}-')}": desired
            for zone in plan.zones
            for desired in zone.objects
        },
    )
    boundary.apply()
    yield boundary
    for zone in plan.zones:
        cluster.kubectl("delete", "namespace", zone.namespace.name, "--wait=false")


def test_every_object_reads_back_as_it_was_desired(applied: Boundary) -> None:
    for key, desired in applied.objects.items():
        live = applied.live(key)
        assert managed(live) == managed(desired.body), key
        assert digest(live) == digest(desired.body), key


@pytest.mark.parametrize(
    "key",
    [
        "clinical Namespace clinical",
        "clinical NetworkPolicy phiwarden-dns",
        "clinical ServiceAccount api",
        "clinical ResourceQuota phiwarden-quota",
        "clinical LimitRange phiwarden-limits",
    ],
)
def test_what_others_add_beside_us_is_no_drift(applied: Boundary, key: str) -> None:
    theirs = {"metadata": {"labels": {"team": "theirs"}, "annotations": {"note": "theirs"}}}
    assert digest(applied.patch(key, theirs)) == digest(applied.objects[key].body)


DENY = "clinical NetworkPolicy phiwarden-default-deny"
TO_EHR = "clinical NetworkPolicy phiwarden-to-external-ehr-treatment"
TO_INTERNET = "edge NetworkPolicy phiwarden-to-external-internet-other"
NAMESPACE = "clinical Namespace clinical"


@pytest.mark.parametrize(
    ("key", "drift"),
    [
        pytest.param(key, drift, id=f"{key.split()[-1]}: {what}")
        for key, what, drift in (
            (DENY, "ingress opened", {"spec": {"ingress": [{}]}}),
            (DENY, "egress opened", {"spec": {"egress": [{}]}}),
            (DENY, "egress no longer denied", {"spec": {"policyTypes": ["Ingress"]}}),
            (DENY, "pods left out", {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}),
            (DENY, "owner removed", {"metadata": {"labels": {names.ZONE: None}}}),
            (TO_EHR, "ingress added", {"spec": {"ingress": [{}], "policyTypes": ["Ingress"]}}),
            (TO_EHR, "any peer", {"spec": {"egress": [{"ports": [{"port": 443}]}]}}),
            (TO_EHR, "quarantine ignored", {"spec": {"podSelector": None}}),
            (
                TO_INTERNET,
                "exceptions lost",
                {
                    "spec": {
                        "egress": [
                            {
                                "to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}],
                                "ports": [{"port": 443, "protocol": "TCP"}],
                            }
                        ]
                    }
                },
            ),
            (
                "clinical ServiceAccount jobs",
                "token mounted",
                {"automountServiceAccountToken": True},
            ),
            (
                "clinical ServiceAccount jobs",
                "token by default",
                {"automountServiceAccountToken": None},
            ),
            (
                "clinical ResourceQuota phiwarden-quota",
                "raised",
                {"spec": {"hard": {"requests.cpu": "800"}}},
            ),
            (
                "clinical ResourceQuota phiwarden-quota",
                "bound removed",
                {"spec": {"hard": {"pods": None}}},
            ),
            (
                "edge ResourceQuota phiwarden-quota",
                "pods exempted",
                {
                    "spec": {
                        "scopeSelector": {
                            "matchExpressions": [{"scopeName": "BestEffort", "operator": "Exists"}]
                        }
                    }
                },
            ),
            (
                "clinical LimitRange phiwarden-limits",
                "defaults removed",
                {"spec": {"limits": [{"type": "Container", "max": {"cpu": "64"}}]}},
            ),
            (
                NAMESPACE,
                "enforcement lowered",
                {"metadata": {"labels": {names.ENFORCEMENT: "observe"}}},
            ),
            (
                NAMESPACE,
                "pod security lowered",
                {"metadata": {"labels": {f"{names.POD_SECURITY}enforce": "privileged"}}},
            ),
            (
                NAMESPACE,
                "registry added",
                {"metadata": {"annotations": {names.REGISTRIES: "elsewhere.example"}}},
            ),
            (
                NAMESPACE,
                "boundary removed",
                {"metadata": {"annotations": {names.SERVICE_ACCOUNTS: None}}},
            ),
        )
    ],
)
def test_drift_shows_and_one_apply_puts_it_back(applied: Boundary, key: str, drift: Body) -> None:
    desired = digest(applied.objects[key].body)
    assert digest(applied.patch(key, drift)) != desired
    applied.apply(key)
    assert digest(applied.live(key)) == desired


def test_a_pod_that_names_no_resources_is_within_the_quota(applied: Boundary) -> None:
    namespace = f"-n={applied.workload}-clinical"
    wait_until(
        lambda: (
            applied.live("clinical ResourceQuota phiwarden-quota").get("status", {}).get("hard")
        ),
        "the quota is in force",
        SECONDS,
    )
    container = {
        "name": "api",
        "image": f"registry.hospital.example/portal/api@{DIGEST}",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "api"},
        "spec": {
            "serviceAccountName": "api",
            "nodeSelector": {"topology.kubernetes.io/region": "us-east-1"},
            "containers": [container],
        },
    }
    created = applied.cluster.kubectl(
        "create", namespace, "--dry-run=server", "--filename=-", "-o=json", input=json.dumps(pod)
    )
    (admitted,) = json.loads(created.stdout)["spec"]["containers"]
    assert admitted["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "512Mi"},
    }
