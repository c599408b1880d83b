"""The command line of each component, as pure functions of the run's files and ports."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.controlplane.options import Options
from e2e.controlplane.pki import KeyPair
from e2e.controlplane.processes import Command

SERVICE_RANGE = "10.96.0.0/16"
POD_RANGE = "10.244.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
ISSUER = "https://kubernetes.default.svc.cluster.local"
# A controller of which there is one, which is not asked over HTTP, and whose own rate limit, made
# for a busy cluster, would take seconds of every start.
_LONE_CLIENT = (
    "--leader-elect=false",
    "--secure-port=0",
    "--kube-api-qps=200",
    "--kube-api-burst=400",
)
_STAGES = Path(__file__).with_name("kwok.yaml")
# The annotation of the nodes that kwok plays.
SIMULATED = ("kwok.x-k8s.io/node", "fake")


@dataclass(frozen=True)
class Ports:
    """Where the servers listen."""

    api: int
    etcd: int
    etcd_peer: int


@dataclass(frozen=True)
class Files:
    """The files that the components read, all in the run directory."""

    run_dir: Path
    ca: KeyPair
    api: KeyPair
    kubelet_client: KeyPair
    etcd_ca: KeyPair
    etcd: KeyPair
    service_account_key: Path
    service_account_public_key: Path
    tokens: Path
    kubeconfigs: Mapping[str, Path]
    audit_policy: Path | None


def log_file(run_dir: Path, component: str) -> Path:
    """Return the log of a component."""
    return run_dir / "logs" / f"{component}.log"


def api_names(options: Options) -> tuple[str, ...]:
    """Return every name and address that the API server's certificate is good for."""
    service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    names = (*service, "kubernetes.default.svc.cluster.local", "localhost")
    return (*names, "127.0.0.1", options.address, SERVICE_ADDRESS, *options.sans)


def commands(
    binaries: Mapping[str, Path], files: Files, ports: Ports, options: Options
) -> dict[str, Command]:
    """Return the command of every component of these options.

    Each has the run directory in its arguments: by that, a later sweep knows its processes.
    """
    arguments = {
        "etcd": etcd(files, ports, options),
        "kube-apiserver": kube_apiserver(files, ports, options),
        "kube-controller-manager": kube_controller_manager(files),
        "kube-scheduler": kube_scheduler(files),
        "kwok": kwok(files),
    }
    # A proxy, a kubeconfig or a Go setting of the person who runs this is not the cluster's.
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(files.run_dir)}
    return {
        name: Command(
            name,
            (str(binaries[name]), *arguments[name], *options.flags.get(name, ())),
            log_file(files.run_dir, name),
            env,
        )
        for name in options.components()
    }


def etcd(files: Files, ports: Ports, options: Options) -> tuple[str, ...]:
    """Return the arguments of a single etcd member that only its own authority's clients reach."""
    client = f"https://127.0.0.1:{ports.etcd}"
    peer = f"https://127.0.0.1:{ports.etcd_peer}"
    return (
        "--name=e2e",
        f"--data-dir={files.run_dir}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=e2e={peer}",
        *(
            flag
            for prefix in ("", "peer-")
            for flag in (
                f"--{prefix}cert-file={files.etcd.cert}",
                f"--{prefix}key-file={files.etcd.key}",
                f"--{prefix}trusted-ca-file={files.etcd_ca.cert}",
                f"--{prefix}client-cert-auth",
            )
        ),
        *(() if options.durable_etcd else ("--unsafe-no-fsync",)),
    )


def kube_apiserver(files: Files, ports: Ports, options: Options) -> tuple[str, ...]:
    """Return the API server's arguments: Node and RBAC authorization, default admission."""
    audit: tuple[str, ...] = ()
    if files.audit_policy:
        audit = (
            f"--audit-policy-file={files.audit_policy}",
            f"--audit-log-path={log_file(files.run_dir, 'audit')}",
        )
    # An endpoint may not be a loopback address, so there the server must not publish itself.
    loopback = ipaddress.ip_address(options.address).is_loopback
    return (
        f"--bind-address={options.address}",
        f"--advertise-address={options.address}",
        f"--secure-port={ports.api}",
        *(("--endpoint-reconciler-type=none",) if loopback else ()),
        f"--tls-cert-file={files.api.cert}",
        f"--tls-private-key-file={files.api.key}",
        f"--client-ca-file={files.ca.cert}",
        f"--token-auth-file={files.tokens}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--etcd-servers=https://127.0.0.1:{ports.etcd}",
        f"--etcd-cafile={files.etcd_ca.cert}",
        f"--etcd-certfile={files.etcd.cert}",
        f"--etcd-keyfile={files.etcd.key}",
        f"--kubelet-client-certificate={files.kubelet_client.cert}",
        f"--kubelet-client-key={files.kubelet_client.key}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={files.service_account_public_key}",
        f"--service-account-signing-key-file={files.service_account_key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--allow-privileged=true",
        # Without it, a stop waits a minute for clients that watch and never hang up.
        "--shutdown-watch-termination-grace-period=1s",
        *audit,
    )


def kube_controller_manager(files: Files) -> tuple[str, ...]:
    """Return the controller manager's arguments: each controller with an account of its own."""
    return (
        f"--kubeconfig={files.kubeconfigs['kube-controller-manager']}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={files.service_account_key}",
        f"--root-ca-file={files.ca.cert}",
        f"--cluster-signing-cert-file={files.ca.cert}",
        f"--cluster-signing-key-file={files.ca.key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        *_LONE_CLIENT,
    )


def kube_scheduler(files: Files) -> tuple[str, ...]:
    """Return the scheduler's arguments."""
    return (
        f"--kubeconfig={files.kubeconfigs['kube-scheduler']}",
        *_LONE_CLIENT,
    )


def kwok(files: Files) -> tuple[str, ...]:
    """Return kwok's arguments: it plays the kubelet of the nodes that carry its annotation."""
    return (
        f"--kubeconfig={files.kubeconfigs['kwok']}",
        f"--config={_STAGES}",
        # Not all nodes: a real kubelet may run a node of its own in the same cluster.
        f"--manage-nodes-with-annotation-selector={SIMULATED[0]}={SIMULATED[1]}",
        "--node-lease-duration-seconds=40",
        "--node-ip=127.0.0.1",
        f"--cidr={POD_RANGE}",
    )
