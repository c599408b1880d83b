"""A node leaves this machine as it found it, however its owner ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from e2e.controlplane import runs
from e2e.node import cgroups
from e2e.node.kept import Kept
from e2e.node.network import SLOTS, Network
from e2e.waiting import until

pytestmark = pytest.mark.usefixtures("here")

ROOT = Path(__file__).parents[2]
OWNER = """
import json, sys
from e2e.node import acquire, peers
with acquire() as node, peers.namespace(node) as name:
    peers.create(node, peers.pod("server", name, ports=[8080]))
    peers.address(node, name, "server")
    processes = node.run("readlink", "/proc/self/ns/pid").stdout.strip()
    slot, folder = node.network.slot, str(node.folder)
    print(json.dumps({"slot": slot, "folder": folder, "processes": processes}), flush=True)
    sys.stdin.read()
"""
# What changes of itself.
VOLATILE = re.compile(r"kernel/(random/|ns_last_pid|perf_|pty/nr)")
# What names one very thing, and not another of the same name that came after it.
UNIQUE = ("link ", "group ")


def stop(owner: subprocess.Popen[str]) -> None:
    assert owner.stdin
    owner.stdin.close()
    assert owner.wait() == 0


def kill(owner: subprocess.Popen[str]) -> None:
    owner.kill()
    owner.wait()


@pytest.mark.parametrize("end", [stop, kill])
def test_nothing_is_left_of_a_node(end: Callable[[subprocess.Popen[str]], None]) -> None:
    before = machine()
    argv = [sys.executable, "-c", OWNER]
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        node: dict[str, Any] = json.loads(owner.stdout.readline())
        net, folder = Network(node["slot"]), Path(node["folder"])
        own = [line for line in of_slot(net.slot, machine()) if line.startswith(UNIQUE)]
        members = {each for each, space in processes().items() if space == node["processes"]}
        assert {line.split()[0] for line in own} == {"link", "group"}
        assert members
        end(owner)
    until(
        lambda: not members & processes().keys() and not machine().intersection(own),
        "everything of the node is gone",
    )
    assert of_no_slot(machine()) == of_no_slot(before)
    # Files of an owner that was killed go with the next start.
    runs.sweep()
    assert not folder.exists()


def test_what_a_killed_keeper_left_goes_with_the_next_node_in_its_place() -> None:
    killed = Kept.make()
    killed.keeper.kill()
    killed.release()
    left = of_slot(killed.network.slot, groups())
    assert left
    with ExitStack() as opened:
        for _ in range(SLOTS):
            kept = Kept.make()
            opened.callback(kept.release)
            if kept.network == killed.network:
                break
    assert not left & groups()


def machine() -> frozenset[str]:
    """Return what a node might change of this machine, a line for each fact."""
    links = [
        f"link {each['ifname']} {each['ifindex']}"
        for each in json.loads(said("ip", "-json", "link"))
    ]
    routes = [f"route {line}" for line in said("ip", "route", "show").splitlines()]
    mounts = [f"mount {line}" for line in Path("/proc/self/mounts").read_text().splitlines()]
    rules = [f"rule {line}" for line in said("nft", "list", "ruleset").splitlines()]
    return frozenset([*links, *routes, *mounts, *rules, *groups(), *sysctls()])


def groups() -> frozenset[str]:
    """Return the control groups of all nodes, a line each."""
    found = ((path, _inode(path)) for path in cgroups.left())
    return frozenset(f"group {path} {inode}" for path, inode in found if inode is not None)


def _inode(path: Path) -> int | None:
    """Return what tells a group from another of its name; None if it went this moment."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def of_slot(slot: int, lines: frozenset[str]) -> frozenset[str]:
    """Return those facts that name the node in a slot."""
    own = (Network(slot).link, cgroups.name(slot))
    return frozenset(line for line in lines if any(name in line for name in own))


def of_no_slot(lines: frozenset[str]) -> frozenset[str]:
    """Return those facts that name no node: others may come and go at the same time."""
    return lines.difference(*(of_slot(slot, lines) for slot in range(SLOTS)))


def sysctls() -> list[str]:
    """Return the value of each kernel setting, a line each."""
    found = []
    for path in settings():
        try:
            found.append(f"sysctl {path} {path.read_bytes()!r}")
        except OSError:  # it cannot be read, or went with its link just now
            continue
    return found


def settings() -> Iterator[Path]:
    """Yield the file of each kernel setting; folders may go with their link meanwhile."""
    for area in ("vm", "kernel", "net/ipv4"):
        for folder, _, files in os.walk(f"/proc/sys/{area}"):
            paths = (Path(folder, name) for name in files)
            yield from (path for path in paths if not VOLATILE.search(str(path)))


def processes() -> dict[str, str]:
    """Return every process, by its number and when it began, with its namespace of numbers."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            began = (process / "stat").read_text().rpartition(")")[2].split()[19]
            found[f"{process.name} {began}"] = str((process / "ns" / "pid").readlink())
        except OSError:  # it ended just now
            continue
    return found


def said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
