"""Keeps the namespaces of one node for its owner, and leaves nothing behind when they end.

Run as `python -m e2e.node.keeper`. It prints one line of JSON, the slot and the id of process 1 or
an error, and then waits for its standard input to end: the owner closed it, or died in whatever
way. The owner itself could not clean up after a SIGKILL of its own.
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import suppress

from e2e.node import cgroups, namespaces, network
from e2e.node.namespaces import NamespaceError
from e2e.node.network import SLOTS, Network


def main() -> None:
    """Make the namespaces of a node, keep them until the owner is gone, and remove them."""
    lock, net = _slot()
    with lock:
        holder = namespaces.unshare()
        try:
            _say(_prepare(net, namespaces.first_process(holder)))
            sys.stdin.read()
        finally:
            namespaces.end(holder)
            _clear(net)


def _prepare(net: Network, pid: int) -> dict[str, int]:
    # What a keeper left that was killed itself.
    _clear(net)
    cgroups.create(cgroups.name(net.slot))
    for argv in network.on_this_machine(net, pid):
        namespaces.run(*argv)
    for argv in network.in_the_node(net):
        namespaces.run(*namespaces.inside(pid, *argv))
    return {"slot": net.slot, "pid": pid}


def _clear(net: Network) -> None:
    # The link goes with its namespace, but only some time after that.
    with suppress(NamespaceError):
        namespaces.run("ip", "link", "delete", net.link)
    cgroups.remove(cgroups.name(net.slot))


def _slot() -> tuple[socket.socket, Network]:
    """Take a slot that no other node of this machine has; the kernel gives it back with us."""
    for slot in range(SLOTS):
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0phiwarden-node-{slot}")
        except OSError:
            lock.close()
        else:
            return lock, Network(slot)
    raise NamespaceError(f"{SLOTS} nodes run on this machine already: stop one of them")


def _say(answer: dict[str, int] | dict[str, str]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    try:
        main()
    except (NamespaceError, OSError) as error:
        _say({"error": str(error)})
        sys.exit(1)
