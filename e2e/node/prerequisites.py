"""Whether a real node can run on this machine; installs what is missing where it may."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from e2e.controlplane import StartError
from e2e.node.network import LINK, RANGES

# A program, and the Debian package that it comes with.
_PROGRAMS = {
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "nft": "nftables",
    "iptables": "iptables",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "gcc": "gcc",
}
# The same for what is compiled against.
_HEADERS = {"/usr/include/seccomp.h": "libseccomp-dev", "/usr/include/stdlib.h": "libc6-dev"}
_BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
# Where a login of root looks, and a job of a machine perhaps not.
SBIN = "/usr/sbin:/sbin"
_LOCK_SECONDS = 120


class NotHereError(StartError):
    """A real node cannot run on this machine, for the reason given."""


def obstacle() -> str | None:
    """Return why no node can run here and what to do about it; None when one can.

    Debian packages that are missing are installed, which is said on standard error.
    """
    if sys.platform != "linux":
        return "a real node needs Linux"
    if os.geteuid() != 0:
        return "a real node needs root: run `sudo make e2e-node`"
    if missing := _missing_packages():
        _install(missing)
        if missing := _missing_packages():
            return f"missing on this machine: run `apt-get install {' '.join(missing)}`"
    if not _BRIDGE_FILTER.exists():
        if shutil.which("modprobe"):
            _succeeds("modprobe", "br_netfilter")
        if not _BRIDGE_FILTER.exists():
            return "the kernel does not filter bridges: run `modprobe br_netfilter`"
    return _refused_namespaces() or _taken_addresses()


def _missing_packages() -> list[str]:
    path = f"{os.environ.get('PATH', os.defpath)}:{SBIN}"
    missing = {package for name, package in _PROGRAMS.items() if not shutil.which(name, path=path)}
    missing |= {package for name, package in _HEADERS.items() if not Path(name).exists()}
    return sorted(missing)


def _install(packages: Iterable[str]) -> None:
    if not shutil.which("apt-get"):
        return
    print(f"Installing for the real node: {' '.join(packages)}", file=sys.stderr, flush=True)
    options = ("--yes", "--no-install-recommends", f"-oDPkg::Lock::Timeout={_LOCK_SECONDS}")
    install = ("apt-get", "install", *options, *packages)
    # The list of packages may be old, or missing as in most images of containers.
    if not _succeeds(*install):
        _succeeds("apt-get", "update")
        _succeeds(*install)


def _succeeds(*argv: str) -> bool:
    done = subprocess.run(
        argv,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def _refused_namespaces() -> str | None:
    tried = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode == 0:
        return None
    return (
        f"the kernel grants no namespaces (a container without privileges?): {tried.stderr.strip()}"
    )


def _taken_addresses() -> str | None:
    shown = subprocess.run(
        ["ip", "-json", "-4", "route", "show"], capture_output=True, text=True, check=True
    )
    for route in json.loads(shown.stdout):
        if route["dst"] == "default" or route.get("dev", "").startswith(LINK):
            continue
        for taken in RANGES:
            if ipaddress.ip_network(route["dst"]).overlaps(ipaddress.ip_network(taken)):
                return f"this machine has a route to {route['dst']}, and the node needs {taken}"
    return None
