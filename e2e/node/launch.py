"""Starts a real node with a control plane of its own, or says why it cannot be here."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from e2e.controlplane import ControlPlaneError, Options, StartError, User, processes, runs
from e2e.controlplane import start as start_control_plane
from e2e.controlplane.objects import as_list
from e2e.node import binaries, config, images, objects
from e2e.node.kept import Kept
from e2e.node.network import Network
from e2e.node.node import Node
from e2e.node.prerequisites import NotHereError, obstacle

_LAST_LINES = 8
_USERS = (
    User(config.KUBELET, ("system:nodes",)),
    User(config.KUBE_PROXY),
    User(config.KUBE_ROUTER),
)
Flags = Mapping[str, tuple[str, ...]]


def acquire(
    *,
    enforcer: bool = True,
    labels: Mapping[str, str] | None = None,
    flags: Flags | None = None,
) -> Node:
    """Start a node and its control plane, and return it once pods run and names resolve.

    A context manager: leaving it stops everything. However this process ends, nothing stays on
    this machine: no process, mount, link, rule or control group. Several nodes run side by side.

    Args:
        enforcer: whether NetworkPolicies are enforced, by kube-router. Without, none has any
            effect, as with a network plug-in that does not know them.
        labels: of the node, beside those that every node has.
        flags: added to the command line of a component of the node, by its name.

    Raises:
        NotHereError: with what is missing on this machine.
        BuildError: a binary could not be built.
        StartError: with the last lines of the log of what did not start.
    """
    if reason := obstacle():
        raise NotHereError(reason)
    found = binaries.ensure()
    with ExitStack() as undo:
        run = runs.create(runs.new_id(), runs.Record(os.getpid(), standing=False))
        undo.callback(run.release, keep=False)
        kept = Kept.make()
        undo.callback(kept.release)
        cluster = undo.enter_context(start_control_plane(_options(kept.network)))
        files = config.Files(
            folder=run.path,
            ca_file=cluster.run_dir / "pki" / "ca.crt",
            kubeconfigs={user.name: cluster.kubeconfig_for(user.name) for user in _USERS},
        )
        config.write(files, kept.network, found["bridge"].parent)
        node = Node(cluster, config.environment(run.path, found), kept, run)
        undo.callback(node.stop)
        arguments = config.arguments(files, kept.network, labels or {})
        try:
            _bring_up(node, found, _commands(found, arguments, flags or {}), enforcer=enforcer)
        except ControlPlaneError as error:
            raise StartError(f"the node did not start: {error}\n{_last_words(node)}") from error
        undo.pop_all()
    return node


def _options(network: Network) -> Options:
    allocation = ("--allocate-node-cidrs", f"--cluster-cidr={network.pods}")
    return Options(
        address=network.host,
        kwok=False,
        users=_USERS,
        flags={
            # The addresses of Services are known in the node only, those of pods here as well.
            "kube-apiserver": ("--enable-aggregator-routing",),
            "kube-controller-manager": (*allocation, "--node-cidr-mask-size=24"),
        },
    )


def _commands(
    found: Mapping[str, Path], arguments: Mapping[str, tuple[str, ...]], flags: Flags
) -> dict[str, tuple[str, ...]]:
    return {name: (str(found[name]), *own, *flags.get(name, ())) for name, own in arguments.items()}


def _bring_up(
    node: Node,
    found: Mapping[str, Path],
    commands: Mapping[str, tuple[str, ...]],
    *,
    enforcer: bool,
) -> None:
    def start(name: str) -> None:
        node.start(name, *commands[name])

    start("containerd")
    _create(node, [*objects.enforcer(), *objects.dns()])
    node.wait(lambda: _succeeds(node, "ctr", "version"), "containerd answers")
    for image in images.all_of(found):
        node.import_image(images.write(node.folder, image))
    start("kubelet")
    start("kube-proxy")
    node.wait(lambda: _says(node, "get", "nodes", "-o=name"), "the node is registered")
    if enforcer:
        start("kube-router")
        node.wait(lambda: _enforces(node), "the enforcer has its chains")
    deployment = ("deployment/coredns", "-n=kube-system", "-o=jsonpath={.status.readyReplicas}")
    node.wait(lambda: _says(node, "get", *deployment), "names resolve")


def _create(node: Node, manifests: list[objects.Manifest]) -> None:
    manifest = json.dumps(as_list(manifests))
    node.cluster.kubectl("create", "--validate=false", "--filename=-", input=manifest)


def _says(node: Node, *arguments: str) -> str:
    return node.cluster.kubectl(*arguments, check=False).stdout


def _succeeds(node: Node, *argv: str) -> bool:
    return node.run(*argv, check=False).returncode == 0


def _enforces(node: Node) -> bool:
    return "KUBE-ROUTER-FORWARD" in node.run("iptables-save", "--table=filter").stdout


def _last_words(node: Node) -> str:
    tails = {name: processes.log_tail(path) for name, path in node.logs.items()}
    return "\n".join(
        "\n".join([f"-- {name}:", *tail.splitlines()[-_LAST_LINES:]])
        for name, tail in tails.items()
    )
