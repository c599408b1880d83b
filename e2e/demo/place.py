"""Which cluster the story is told on, and how it is left behind."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from e2e.controlplane import ControlPlane, Options, acquire, build
from e2e.demo.names import Names
from e2e.demo.narrator import Narrator
from e2e.demo.outage import AUDIT_POLICY
from e2e.demo.scene import Scene
from e2e.product import NAMESPACE, RELEASE
from e2e.rest import connect
from e2e.waiting import until
from e2e.workloads import NAMESPACES, WORKLOADS
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.shapes import STORAGE_CLASS

_CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/phiworkloads.phiwarden.dev"
_REGION = {"topology.kubernetes.io/region": "us-east-1"}
_REMOVAL_SECONDS = 90.0


class UnfitError(Exception):
    """The demo must not or cannot run on the user's cluster, which was left as it was."""


@contextmanager
def scene(narrator: Narrator) -> Iterator[Scene]:
    """Have a cluster for the duration of a block: one of the demo's own, or the user's.

    Raises:
        UnfitError: before anything was changed.
    """
    given = os.environ.get("KUBECONFIG")
    attached = bool(given) and os.environ.get("PHIWARDEN_E2E_USE_KUBECONFIG") != "0"
    if not attached:
        narrator.say(
            f"On a Kubernetes {build.KUBERNETES} control plane of its own, on this machine: real"
            " etcd, API server, scheduler and controllers. Nodes and pods are simulated by kwok."
        )
        build.ensure()  # takes minutes the first time, and says how far it is
    began = monotonic()
    with acquire(Options(node_labels=_REGION, audit_policy=AUDIT_POLICY)) as cluster:
        simulated = cluster.can_restart
        names = Names("" if simulated else f"-{secrets.token_hex(3)}")
        found = Scene(cluster, narrator, names, connect(cluster.kubeconfig), simulated=simulated)
        if not simulated:
            narrator.say(
                f"On YOUR cluster at {cluster.server}, from $KUBECONFIG. Everything is made in"
                f" namespaces ending in {names.suffix} and in {NAMESPACE}, and removed at the end."
                " The images of the examples do not exist, so pods are made but do not start."
            )
            _refuse_if_unfit(found)
        narrator.done("the cluster is ready", monotonic() - began)
        try:
            yield found
        finally:
            if found.operator is not None:
                found.operator.stop()
            if not simulated:
                _remove(found)


def _refuse_if_unfit(scene: Scene) -> None:
    answers = [scene.admin.get(path) for path in (_CRD, f"{NAMESPACES}/{NAMESPACE}")]
    if refused := [each.message for each in answers if each.code not in (200, 404)]:
        raise UnfitError(
            f"the cluster refused to say whether phiwarden is there: {refused[0]}. The demo needs an"
            " administrator with a token or a client certificate in the kubeconfig."
        )
    if any(each.ok for each in answers):
        raise UnfitError(
            "phiwarden is installed on this cluster, or was: the demo would take over from it."
            " Nothing was changed. What a demo that was killed has left goes with:"
            f" helm uninstall {RELEASE} -n {NAMESPACE};"
            f" kubectl delete namespace {NAMESPACE};"
            " kubectl delete crd phiworkloads.phiwarden.dev"
        )


def _remove(scene: Scene) -> None:
    """Remove what was made: the policies first, which guard the rest."""
    scene.tell.say("Removing what was made ...")
    cluster: ControlPlane = scene.cluster
    for name in scene.names.workloads:
        scene.admin.delete(f"{WORKLOADS}/{name}")
    cluster.helm("uninstall", RELEASE, "-n", NAMESPACE, "--ignore-not-found", check=False)
    made = [f"{NAMESPACES}/{name}" for name in (*scene.names.namespaces, NAMESPACE)]
    made += [f"{collection(STORAGE_CLASS)}/{name}" for name in scene.names.classes]
    # The API server takes a moment to forget the policies, and refuses until then.
    until(
        lambda: all(scene.admin.delete(path).code in (200, 202, 404, 409) for path in made),
        "the namespaces may be deleted",
    )
    scene.admin.delete(_CRD)
    until(
        lambda: all(scene.admin.get(path).code == 404 for path in (*made, _CRD)),
        "everything is gone",
        within=_REMOVAL_SECONDS,
        every=0.2,
    )
