"""Whether a real node can run on this machine; installs what is missing where it may."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from e2e import debian
from e2e.controlplane import StartError
from e2e.image import root
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
    **root.PROGRAMS,
}
# The same for what is compiled against.
_HEADERS = {"/usr/include/seccomp.h": "libseccomp-dev", "/usr/include/stdlib.h": "libc6-dev"}
_BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


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
    if missing := debian.missing(_PROGRAMS, _HEADERS):
        return f"missing on this machine: run `apt-get install {' '.join(missing)}`"
    if not _BRIDGE_FILTER.exists():
        if shutil.which("modprobe"):
            debian.succeeds("modprobe", "br_netfilter")
        if not _BRIDGE_FILTER.exists():
            return "the kernel does not filter bridges: run `modprobe br_netfilter`"
    return _refused_namespaces() or _taken_addresses()


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
