"""Other projects' controllers as processes, each with a service account that may do everything.

Everything, because what a chart of theirs would grant is not what is tested here; an account of
its own, because phiwarden and the API server tell writers apart by it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.controlplane import ControlPlane, processes
from e2e.parties import binaries
from e2e.parties.crds import install
from e2e.rest import Rest, connect

_NAMESPACES = "/api/v1/namespaces"
_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Controller:
    """A controller that runs."""

    child: processes.Child
    username: str
    """Who it is to the API server."""

    @property
    def log(self) -> Path:
        """Where it writes what it does."""
        return self.child.command.log

    def check(self) -> None:
        """Raise ProcessExitedError, with the end of its log, unless it still runs."""
        self.child.check()


@contextmanager
def external_secrets(cluster: ControlPlane, *flags: str) -> Iterator[Controller]:
    """Run External Secrets with the providers `fake` and `kubernetes`; installs the CRDs."""
    install(connect(cluster.kubeconfig), "external-secrets")
    usual = (
        # One replica beside the test: nobody asks it over HTTP.
        *("--metrics-addr=0", "--live-addr=0"),
        *("--concurrent=4", "--client-qps=200", "--client-burst=400", "--loglevel=debug"),
    )
    name = "external-secrets"
    with _running(cluster, name, name, (*usual, *flags), by_flag=False) as started:
        yield started


@contextmanager
def cert_manager(cluster: ControlPlane, *flags: str) -> Iterator[Controller]:
    """Run cert-manager with self-signed issuers alone, and no webhook; installs the CRDs."""
    install(connect(cluster.kubeconfig), "cert-manager")
    with _running(cluster, "cert-manager", "cert-manager", flags) as started:
        yield started


@contextmanager
def snapshot_controller(cluster: ControlPlane, *flags: str) -> Iterator[Controller]:
    """Run the controller that volume snapshots have in common; installs the CRDs.

    What each storage has of its own, `snapshots.driver` plays.
    """
    install(connect(cluster.kubeconfig), "external-snapshotter")
    usual = ("--kube-api-qps=200", "--kube-api-burst=400", "--retry-interval-start=100ms")
    with _running(cluster, "snapshot-controller", "kube-system", (*usual, *flags)) as started:
        yield started


@contextmanager
def _running(
    cluster: ControlPlane,
    name: str,
    namespace: str,
    flags: Sequence[str],
    *,
    by_flag: bool = True,
) -> Iterator[Controller]:
    program = binaries.ensure([name])[name]
    kubeconfig = account(cluster, name, namespace)
    log = cluster.run_dir / f"{name}-{uuid.uuid4().hex[:8]}.log"
    # Nothing of the environment: proxies and cloud credentials are none of its business.
    env: Mapping[str, str] = {"KUBECONFIG": str(kubeconfig), "HOME": str(cluster.run_dir)}
    # Not all know the variable, nor all the flag.
    named = (f"--kubeconfig={kubeconfig}",) if by_flag else ()
    argv = (str(program), *named, *flags)
    child = processes.start(processes.Command(name, argv, log, env))
    try:
        yield Controller(child, f"system:serviceaccount:{namespace}:{name}")
    finally:
        try:
            # A test that waits for what has died fails without a word of why.
            child.check()
        finally:
            processes.stop([child], _GRACE_SECONDS)


def account(cluster: ControlPlane, name: str, namespace: str) -> Path:
    """Return a kubeconfig, good for an hour, of a service account that may do everything."""
    admin = connect(cluster.kubeconfig)
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {"metadata": {"name": f"e2e-{name}"}, "roleRef": role, "subjects": [subject]}
    _have(admin, _NAMESPACES, {"metadata": {"name": namespace}})
    _have(admin, f"{_NAMESPACES}/{namespace}/serviceaccounts", {"metadata": {"name": name}})
    _have(admin, _BINDINGS, binding)
    return cluster.create_token(name, namespace)


def _have(admin: Rest, path: str, body: Mapping[str, object]) -> None:
    answer = admin.create(path, body)
    assert answer.ok or answer.code == 409, answer.message
