"""Fields of a pod that undo, replace or go round what a rule asks for."""

from __future__ import annotations

from typing import Any

import pytest

from e2e import zones
from e2e.bypass.pods import DEPLOYMENT, GOOD, POD, TAGGED, bad, fresh, good, refused
from e2e.rest import Rest
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.model import Example


def _pod(**changes: Any) -> Example:
    return Example(pod=changes)


def _container(**security: Any) -> Example:
    usual = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return Example(container={"securityContext": {**usual, **security}})


def _token(**fields: Any) -> Example:
    source = {"serviceAccountToken": {"path": "token", **fields}}
    return _pod(volumes=[{"name": "token", "projected": {"sources": [source]}}])


SIDECAR = {
    "name": "sidecar",
    "image": TAGGED,
    "restartPolicy": "Always",
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}


KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"


TRICKS: dict[str, tuple[str, Example]] = {
    "sidecar": ("PHI-IMG-001", _pod(initContainers=[SIDECAR])),
    "the old field names another account": (
        "PHI-IDN-001",
        _pod(serviceAccountName=None, serviceAccount="default", automountServiceAccountToken=False),
    ),
    "the old field names the zone's account": (
        "PHI-IDN-001",
        _pod(
            serviceAccountName="default", serviceAccount="app", automountServiceAccountToken=False
        ),
    ),
    "a projected token": ("PHI-IDN-002", _token()),
    "a projected token for a named audience": (
        "PHI-IDN-002",
        _token(audience="https://kubernetes.default.svc.cluster.local"),
    ),
    "seccomp by an annotation of old": (
        "PHI-POD-002",
        Example(
            pod={"securityContext": {"runAsNonRoot": True}},
            annotations={"seccomp.security.alpha.kubernetes.io/pod": "runtime/default"},
        ),
    ),
    "a container that undoes the pod's profile": (
        "PHI-POD-002",
        _container(seccompProfile={"type": "Unconfined"}),
    ),
    "a container that undoes runAsNonRoot": ("PHI-POD-002", _container(runAsNonRoot=False)),
    "a container that runs as root": ("PHI-POD-002", _container(runAsUser=0)),
    "apparmor off": ("PHI-POD-002", _container(appArmorProfile={"type": "Unconfined"})),
    "selinux label of the host": ("PHI-POD-001", _container(seLinuxOptions={"type": "spc_t"})),
    "capabilities kept": ("PHI-POD-001", _container(capabilities={})),
    "capabilities dropped but one added": (
        "PHI-POD-001",
        _container(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "SYS_PTRACE"]}),
    ),
    "capability in other letters": (
        "PHI-POD-001",
        _container(capabilities={"drop": ["all"]}),
    ),
    "a probe that the node sends elsewhere": (
        "PHI-POD-003",
        _pod(
            initContainers=[
                {
                    **SIDECAR,
                    "image": GOOD,
                    "livenessProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}},
                }
            ]
        ),
    ),
    "a region only preferred": (
        "PHI-RES-001",
        _pod(
            nodeSelector=None,
            affinity={
                "nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 100,
                            "preference": {
                                "matchExpressions": [
                                    {
                                        "key": "topology.kubernetes.io/region",
                                        "operator": "In",
                                        "values": ["us-east-1"],
                                    }
                                ]
                            },
                        }
                    ]
                }
            },
        ),
    ),
    "a node of choice instead of a region": (
        "PHI-RES-001",
        _pod(nodeSelector=None, nodeName="simulated-0"),
    ),
    "a private key over many lines": (
        "PHI-SEC-001",
        Example(container={"env": [{"name": "CONFIG", "value": f"x: |\n{KEY}"}]}),
    ),
    "a private key on the command line": (
        "PHI-SEC-001",
        Example(container={"command": ["/bin/sh", "-c", f"cat <<EOF\n{KEY}EOF"]}),
    ),
    "a token after a line break": (
        "PHI-SEC-001",
        Example(container={"env": [{"name": "X", "value": "\n ghp_0123456789abcdef0123\n"}]}),
    ),
    "a password beside a variable": (
        "PHI-SEC-001",
        Example(container={"env": [{"name": "DB_PASSWORD", "value": "$(NOTHING)hunter2"}]}),
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_of_a_pod_spec_gets_past(
    zone: str, engineer: Rest, root: Rest, trick: str
) -> None:
    rule, example = TRICKS[trick]
    for kind in (POD, DEPLOYMENT):
        name = fresh("trick")
        refused(engineer.create(collection(kind, zone), bad(kind, name, example)), rule)
        assert root.get(f"{collection(kind, zone)}/{name}").code == 404


def test_apparmor_is_not_switched_off_by_an_annotation_of_old(zone: str, engineer: Rest) -> None:
    """The API server turns it into the field that the rule reads, in pods alone."""
    off = Example(annotations={"container.apparmor.security.beta.kubernetes.io/app": "unconfined"})
    refused(engineer.create(collection(POD, zone), bad(POD, fresh(), off)), "PHI-POD-002")


def test_the_field_that_kubernetes_goes_by_names_the_account(zone: str, engineer: Rest) -> None:
    body = good(POD, fresh(), serviceAccountName="app", serviceAccount="default")
    answer = engineer.create(collection(POD, zone), body, dry_run=True)
    assert answer.ok
    assert answer.body["spec"]["serviceAccountName"] == "app"


def test_a_mirror_pod_is_refused_whoever_says_that_a_node_made_it(
    zone: str, engineer: Rest, root: Rest
) -> None:
    """For pods with this annotation Kubernetes' own admission makes exceptions."""
    mirrored = {"kubernetes.io/config.mirror": "0123456789abcdef"}
    nobody = {"serviceAccountName": None}
    for example in (
        Example(annotations=mirrored, container={"image": TAGGED}),
        Example(annotations=mirrored, pod=nobody, container={"image": TAGGED}),
    ):
        name = fresh("mirror")
        answer = engineer.create(collection(POD, zone), bad(POD, name, example))
        assert answer.code in (403, 422), answer.body
        assert root.get(f"{collection(POD, zone)}/{name}").code == 404


def test_no_api_token_comes_in_by_way_of_a_secret(zone: str, engineer: Rest) -> None:
    """Whoever may edit a zone could have Kubernetes write an account's token into a Secret."""
    secret = {
        "metadata": {
            "name": fresh("token"),
            "annotations": {"kubernetes.io/service-account.name": "app"},
        },
        "type": "kubernetes.io/service-account-token",
    }
    refused(engineer.create(f"{zones.CORE}/{zone}/secrets", secret), "PHI-IDN-002")
