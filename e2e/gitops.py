"""What puts an application back to what somebody else wants: Flux, Argo CD, and a CI job.

Players, because the real ones take more processor time to build than they are worth here. The API
server is asked as they ask it, with their marks and managers, and the rights that a zone allows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from e2e.controlplane import ControlPlane
from e2e.players import Git, Player, Refused
from e2e.rest import connect
from e2e.workloads import NAMESPACES, Object, path_of

RETRIES = 5
"""How often Argo CD tries again what was refused, before it waits for another commit."""


class Flux(Player):
    """kustomize-controller with one Kustomization, `apps` in `flux-system`.

    All is compared before anything is applied, by a dry run on the server; the first refusal ends
    the reconciliation, which is tried again after the interval. What asks for it is left alone.
    Not played: that it takes over the fields of kubectl's managers.
    """

    MANAGER = "kustomize-controller"
    LABELS: ClassVar = {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    RECONCILE = "kustomize.toolkit.fluxcd.io/reconcile"

    def look(self) -> None:
        """Reconcile."""
        marked = [_with(each, "labels", self.LABELS) for each in self.git.head.manifests.values()]
        wanted = [each for each in marked if not self._left_alone(each)]
        for manifest in [each for each in wanted if self.drifted(each, self.MANAGER)]:
            self.apply(manifest, self.MANAGER)

    def _left_alone(self, manifest: Object) -> bool:
        live = self.rest.get(path_of(manifest, self.namespace)).body
        notes = [each.get("metadata", {}).get("annotations") or {} for each in (manifest, live)]
        return any(note.get(self.RECONCILE) == "disabled" for note in notes)


@dataclass
class Argo(Player):
    """Argo CD with one Application, `apps`, that syncs by itself and heals itself.

    A commit is synced once. What differs afterwards is healed `delay` seconds after the last sync,
    and `growth` times later each time, as long as the commit stays the same. What was refused is
    tried again `RETRIES` times, and then no more until another commit.
    """

    MANAGER = "argocd-controller"

    delay: float = 0.0
    """Of Argo CD itself 5 s, and 2 s in later versions."""
    growth: float = 1.0
    """Of Argo CD itself 1, and 3 in later versions."""
    server_side: bool = False
    """The Application's option ServerSideApply."""

    _commit: str = ""
    _heals: int = 0
    _refusals: int = 0
    _ended: float = 0.0

    @property
    def given_up(self) -> bool:
        """Whether this commit was refused too often."""
        return self._refusals > RETRIES

    def look(self) -> None:
        """Sync another commit; heal what differs from this one."""
        head = self.git.head
        marked = [self._marked(each) for each in head.manifests.values()]
        if head.id != self._commit:
            self._commit, self._heals, self._refusals = head.id, 0, 0
            self._sync(marked)
        elif not self.given_up:
            differing = [each for each in marked if self._differs(each)]
            wait = self.delay * self.growth ** (self._heals + self._refusals)
            if differing and time.monotonic() >= self._ended + min(wait, _LONGEST):
                self._heals += 1
                self._sync(differing)

    def _marked(self, manifest: Object) -> Object:
        group, _, _ = manifest["apiVersion"].rpartition("/")
        place = f"{self.namespace}/{manifest['metadata']['name']}"
        mark = f"apps:{group}/{manifest['kind']}:{place}"
        return _with(manifest, "annotations", {"argocd.argoproj.io/tracking-id": mark})

    def _differs(self, manifest: Object) -> bool:
        try:
            return self.drifted(manifest, self.MANAGER)
        except Refused:
            return True

    def _sync(self, manifests: list[Object]) -> None:
        refused = []
        for manifest in manifests:
            try:
                if self.server_side:
                    self.apply(manifest, self.MANAGER)
                else:
                    self.kubectl_apply(manifest, f"--field-manager={self.MANAGER}")
            except Refused as error:
                refused.append(str(error))
        self._ended = time.monotonic()
        self._refusals = self._refusals + 1 if refused else 0
        if refused:
            raise Refused("; ".join(refused))


class Pipeline(Player):
    """A CI job that applies again and again, without a mark of its own."""

    def look(self) -> None:
        """Run `kubectl apply`."""
        for manifest in self.git.head.manifests.values():
            self.kubectl_apply(manifest)


@contextmanager
def flux(cluster: ControlPlane, namespace: str, git: Git, *, every: float = 0.2) -> Iterator[Flux]:
    """Have Flux reconcile a namespace for the duration of a block."""
    kubeconfig = _account(cluster, namespace, "flux-system", "kustomize-controller")
    player = Flux(cluster, namespace, git, kubeconfig, every)
    with player.playing():
        yield player


@contextmanager
def argo(
    cluster: ControlPlane, namespace: str, git: Git, *, every: float = 0.2, **options: Any
) -> Iterator[Argo]:
    """Have Argo CD sync a namespace for the duration of a block; options are those of `Argo`."""
    kubeconfig = _account(cluster, namespace, "argocd", "argocd-application-controller")
    player = Argo(cluster, namespace, git, kubeconfig, every, **options)
    with player.playing():
        yield player


@contextmanager
def pipeline(
    cluster: ControlPlane, namespace: str, git: Git, *, every: float = 0.5
) -> Iterator[Pipeline]:
    """Have a CI job apply to a namespace for the duration of a block."""
    player = Pipeline(
        cluster, namespace, git, _account(cluster, namespace, "ci", "deployer"), every
    )
    with player.playing():
        yield player


_LONGEST = 300.0
"""Seconds that Argo CD waits at most."""


def _account(cluster: ControlPlane, namespace: str, home: str, name: str) -> Path:
    """Return a kubeconfig of a service account of another namespace that may deploy to this one.

    By a Role: the ClusterRole `admin` reads secrets and runs commands in pods, and no zone has that
    bound (PHI-IDN-003).
    """
    admin = connect(cluster.kubeconfig)
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    verbs = ["get", "list", "watch", "create", "update", "patch", "delete"]
    rules = [
        {"apiGroups": ["apps"], "resources": _APPS, "verbs": verbs},
        {"apiGroups": ["batch"], "resources": ["jobs", "cronjobs"], "verbs": verbs},
        {"apiGroups": [""], "resources": ["configmaps", "services", "pods"], "verbs": verbs},
    ]
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": home}],
    }
    for path, body in (
        (NAMESPACES, {"metadata": {"name": home}}),
        (f"{NAMESPACES}/{home}/serviceaccounts", {"metadata": {"name": name}}),
        (f"{rbac}/roles", {"metadata": {"name": name}, "rules": rules}),
        (f"{rbac}/rolebindings", binding),
    ):
        answer = admin.create(path, body)
        assert answer.ok or answer.code == 409, answer.message
    return cluster.create_token(name, home)


_APPS = ["deployments", "statefulsets", "daemonsets", "replicasets"]


def _with(manifest: Object, field_: str, marks: Mapping[str, str]) -> Object:
    """Return a manifest with labels or annotations added."""
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {**metadata, field_: {**metadata.get(field_, {}), **marks}}}
