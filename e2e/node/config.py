"""Configuration files and command lines of a node's components: pure functions of its files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.node import cgroups
from e2e.node.images import PAUSE
from e2e.node.namespaces import HOSTNAME
from e2e.node.network import BRIDGE, DNS_ADDRESS, Network

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
KUBELET = f"system:node:{HOSTNAME}"
KUBE_PROXY = "system:kube-proxy"
KUBE_ROUTER = "kube-router"

Config = dict[str, Any]


@dataclass(frozen=True)
class Files:
    """Where the node keeps its own, and what it takes from the control plane."""

    folder: Path
    ca_file: Path
    kubeconfigs: Mapping[str, Path]  # by user

    @property
    def cni(self) -> Path:
        """The folder of the container network's configuration."""
        return self.folder / "cni"


def containerd(files: Files, plugins: Path) -> str:
    """Return the container runtime's configuration, which is TOML."""
    return f"""\
version = 3
root = "{files.folder}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE}"

[plugins."io.containerd.cri.v1.runtime"]
# A container of ours may not have the right to make itself a better survivor than we are.
restrict_oom_score_adj = true
# Its profile would stay in the kernel of this machine.
disable_apparmor = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{plugins}"]
conf_dir = "{files.cni}"
"""


def cni(network: Network) -> Config:
    """Return the network of the pods: one bridge, which is their gateway."""
    ranges = [[{"subnet": network.pods}]]
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isDefaultGateway": True,
                "hairpinMode": True,
                "ipam": {"type": "host-local", "dataDir": "/run/cni", "ranges": ranges},
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def kubelet(files: Files, network: Network) -> Config:
    """Return the kubelet's configuration: nothing of it reaches beyond the node's namespaces."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.node,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(files.ca_file)},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.name(network.slot)}",
        "failCgroupV1": False,
        "failSwapOn": False,
        # What it would change in the kernel of this machine; init.py shows it as done.
        "protectKernelDefaults": True,
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_ADDRESS],
        "resolvConf": str(files.folder / "resolv.conf"),
        "podLogsDir": str(files.folder / "pods"),
        "volumePluginDir": str(files.folder / "volume-plugins"),
        # A full disk of this machine is not the pods' fault.
        "evictionHard": {"memory.available": "1%", "nodefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "1s",
        "enforceNodeAllocatable": [],
    }


def kube_proxy(files: Files, network: Network) -> Config:
    """Return the service proxy's configuration."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(files.kubeconfigs[KUBE_PROXY])},
        "hostnameOverride": HOSTNAME,
        "bindAddress": network.node,
        "mode": "iptables",
        "clusterCIDR": network.pods,
        # Limits of the whole machine, which cannot be set from here.
        "conntrack": {"maxPerCore": 0, "min": 0},
    }


def write(files: Files, network: Network, plugins: Path) -> None:
    """Write every configuration file; `plugins` is the folder of the container network's programs."""
    files.cni.mkdir()
    (files.folder / "logs").mkdir()
    (files.folder / "resolv.conf").write_text("")
    (files.folder / "containerd.toml").write_text(containerd(files, plugins))
    for path, content in (
        (files.cni / "pods.conflist", cni(network)),
        (files.folder / "kubelet.json", kubelet(files, network)),
        (files.folder / "kube-proxy.json", kube_proxy(files, network)),
    ):
        path.write_text(json.dumps(content, indent=2))


def environment(home: Path, binaries: Mapping[str, Path]) -> dict[str, str]:
    """Return the environment of every component: nothing of the person who runs this."""
    own = {str(path.parent): None for path in binaries.values()}
    return {
        "PATH": os.pathsep.join([*own, "/usr/sbin", "/usr/bin", "/sbin", "/bin"]),
        "HOME": str(home),
    }


def arguments(
    files: Files, network: Network, labels: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the arguments of each component; `labels` are added to the node."""
    return {
        "containerd": (f"--config={files.folder}/containerd.toml",),
        "kubelet": (
            f"--config={files.folder}/kubelet.json",
            f"--kubeconfig={files.kubeconfigs[KUBELET]}",
            f"--hostname-override={HOSTNAME}",
            f"--node-ip={network.node}",
            f"--node-labels={','.join(f'{key}={value}' for key, value in labels.items())}",
            f"--root-dir={files.folder}/kubelet",
            f"--cert-dir={files.folder}/kubelet-pki",
        ),
        "kube-proxy": (f"--config={files.folder}/kube-proxy.json",),
        "kube-router": (
            f"--kubeconfig={files.kubeconfigs[KUBE_ROUTER]}",
            f"--hostname-override={HOSTNAME}",
            "--run-firewall",
            "--run-router=false",
            "--run-service-proxy=false",
            f"--service-cluster-ip-range={network.services}",
        ),
    }
