"""What a real node is built from, beside the control plane."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from e2e.controlplane import build
from e2e.controlplane.build import KUBERNETES_MODULE, STRIP, Binary, Module

_MODULES = Path(__file__).with_name("modules")
_CONTAINERD = "github.com/containerd/containerd/v2"
_PLUGINS = "github.com/containernetworking/plugins/plugins"
# What a container of each of them may do is filtered by seccomp, which is a C library.
_STATIC = f"{STRIP} -extldflags=-static"

_containerd = Module("containerd", STRIP, 1040, _MODULES)
_runc = Module("runc", _STATIC, 230, _MODULES, tags="seccomp,netgo,osusergo", cgo=True)
_cni = Module("cni", STRIP, 160, _MODULES)
_coredns = Module("coredns", STRIP, 1380, _MODULES)
_kube_router = Module("kube-router", STRIP, 1060, _MODULES)
_peer = Module("peer", STRIP, 190, _MODULES)

BINARIES: Mapping[str, Binary] = {
    binary.name: binary
    for binary in (
        Binary("kubelet", KUBERNETES_MODULE, "k8s.io/kubernetes/cmd/kubelet"),
        Binary("kube-proxy", KUBERNETES_MODULE, "k8s.io/kubernetes/cmd/kube-proxy"),
        Binary("containerd", _containerd, f"{_CONTAINERD}/cmd/containerd"),
        Binary(
            "containerd-shim-runc-v2", _containerd, f"{_CONTAINERD}/cmd/containerd-shim-runc-v2"
        ),
        Binary("ctr", _containerd, f"{_CONTAINERD}/cmd/ctr"),
        Binary("runc", _runc, "github.com/opencontainers/runc"),
        Binary("bridge", _cni, f"{_PLUGINS}/main/bridge"),
        Binary("host-local", _cni, f"{_PLUGINS}/ipam/host-local"),
        Binary("loopback", _cni, f"{_PLUGINS}/main/loopback"),
        Binary("portmap", _cni, f"{_PLUGINS}/meta/portmap"),
        Binary("coredns", _coredns, "github.com/coredns/coredns"),
        Binary(
            "kube-router", _kube_router, "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
        ),
        Binary("peer", _peer, "phiwarden.dev/e2e/node/peer"),
    )
}


def ensure() -> dict[str, Path]:
    """Return the path of every binary of a node; those that are missing are built, in minutes.

    Raises BuildError with the compiler's last lines.
    """
    return build.ensure(BINARIES, BINARIES)
