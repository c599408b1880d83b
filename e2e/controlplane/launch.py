"""Starts a control plane of its own, attaches to one that is there, or chooses between them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from e2e.controlplane import build, components, objects, pki, runs, tools
from e2e.controlplane import kubeconfig as kubeconfigs
from e2e.controlplane.cluster import ControlPlane, user_file
from e2e.controlplane.errors import ControlPlaneError, ProcessExitedError, StartError
from e2e.controlplane.options import ADMIN, PLATFORM_ENGINEER, Options, User
from e2e.controlplane.ports import free_ports
from e2e.controlplane.probe import Probe
from e2e.controlplane.runtime import Runtime

_TRIES = 5
_MASTERS = ("system:masters",)
# The identities that Kubernetes' own bootstrap roles are bound to.
_SYSTEM_USERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "kube-controller-manager": ("system:kube-controller-manager", ()),
    "kube-scheduler": ("system:kube-scheduler", ()),
    "kwok": ("kwok", _MASTERS),
}


def acquire(options: Options | None = None) -> ControlPlane:
    """Return the cluster that demo and tests shall use.

    With $KUBECONFIG set, that cluster, unless $PHIWARDEN_E2E_USE_KUBECONFIG is "0"; else a new
    one. $PHIWARDEN_E2E_KEEP=1 keeps the logs of a new one until `stop --all`.
    """
    given = os.environ.get("KUBECONFIG")
    if given and os.environ.get("PHIWARDEN_E2E_USE_KUBECONFIG") != "0":
        return attach(given)
    chosen = options or Options()
    keep = chosen.keep or os.environ.get("PHIWARDEN_E2E_KEEP") == "1"
    return start(replace(chosen, keep=keep))


def attach(kubeconfig: str | Path) -> ControlPlane:
    """Use the current context of a kubeconfig (or of several, as $KUBECONFIG joins them).

    Its user must be an administrator. Users other than that are impersonated; until `stop`, a
    binding lets the user platform-engineer do everything. Raises CommandError when the cluster
    cannot be reached.
    """
    run = runs.create(runs.new_id(), runs.Record(os.getpid(), standing=False))
    try:
        # Flattened, so that a context that changes meanwhile does not lead to another cluster.
        shown = tools.run(
            "kubectl",
            ["config", "view", "--raw", "--minify", "--flatten", "--output=json"],
            tools.kubectl_env(run.path, Path(kubeconfig)),
            stdin=None,
            check=True,
            timeout=30,
        )
        config = json.loads(shown.stdout)
        ca_file = None
        if ca := kubeconfigs.ca_of(config):
            ca_file = run.path / "ca.crt"
            ca_file.write_bytes(ca)
        binding = f"phiwarden-e2e-{run.path.name}"
        cluster = ControlPlane(
            server=kubeconfigs.server_of(config),
            ca_file=ca_file,
            kubeconfig=kubeconfigs.write(user_file(run.path, ADMIN), config),
            run_dir=run.path,
            logs={},
            _run=run,
            _on_close=(("delete", "clusterrolebinding", binding, "--ignore-not-found"),),
        )
        manifest = objects.cluster_admin(binding, PLATFORM_ENGINEER)
        cluster.kubectl("create", "--filename=-", input=json.dumps(manifest))
    except BaseException:
        run.release(keep=False)
        raise
    return cluster


def start(
    options: Options | None = None, *, run_id: str | None = None, standing: bool = False
) -> ControlPlane:
    """Start a control plane on loopback and return it once everything in it is ready.

    Several run side by side; binaries that are missing are built first. Everything ends with this
    process, however that ends. `standing` marks a run that `stop --all` may end, `run_id` names
    it. Raises BuildError, or StartError with the last lines of the log of what did not start.
    """
    chosen = options or Options()
    binaries = build.ensure([*chosen.components(), "kubectl"])
    record = runs.Record(os.getpid(), standing=standing, keep=chosen.keep)
    run = runs.create(run_id or runs.new_id(), record)
    try:
        for _ in range(_TRIES):
            runtime, cluster = _prepare(run, record, chosen, binaries)
            if _came_up(runtime, cluster, chosen):
                return cluster
            shutil.rmtree(run.path / "etcd", ignore_errors=True)
    except BaseException:
        run.release(keep=chosen.keep)
        raise
    run.release(keep=chosen.keep)
    raise StartError(f"other processes took the ports chosen, {_TRIES} times: try again")


def _came_up(runtime: Runtime, cluster: ControlPlane, options: Options) -> bool:
    """Bring everything up; False when another process took a port between choice and use."""
    try:
        _bring_up(runtime, cluster, options)
    except BaseException as error:
        port_was_taken, last_words = runtime.port_was_taken(), runtime.last_words()
        runtime.stop_all()
        if isinstance(error, ProcessExitedError) and port_was_taken:
            return False
        if isinstance(error, ControlPlaneError) and not isinstance(error, StartError):
            raise StartError(f"the control plane did not start: {error}\n{last_words}") from error
        raise
    return True


def _prepare(
    run: runs.Run, record: runs.Record, options: Options, binaries: Mapping[str, Path]
) -> tuple[Runtime, ControlPlane]:
    address = options.address
    api, etcd, etcd_peer = free_ports(3, address)
    ports = components.Ports(api, etcd, etcd_peer)
    server = f"https://{f'[{address}]' if ':' in address else address}:{ports.api}"
    tokens = {user.name: secrets.token_urlsafe(32) for user in options.all_users()}
    files = _write_files(run.path, options, server, tokens)
    kubeconfig = user_file(run.path, ADMIN)
    runtime = Runtime(
        run,
        record=replace(record, server=server, kubeconfig=str(kubeconfig)),
        commands=components.commands(binaries, files, ports, options),
        ports=ports,
        probe=Probe(server, files.ca.cert, tokens[ADMIN]),
        options=options,
    )
    logged = [*options.components(), *(["audit"] if options.audit_policy else [])]
    logs = {name: components.log_file(run.path, name) for name in logged}
    return runtime, ControlPlane(server, files.ca.cert, kubeconfig, run.path, logs, run, runtime)


def _write_files(
    run_dir: Path, options: Options, server: str, tokens: Mapping[str, str]
) -> components.Files:
    folder = run_dir / "pki"
    for each in (folder, run_dir / "logs"):
        each.mkdir(exist_ok=True)
    ca = pki.create_authority(folder, "ca")
    # An authority of its own, or else every client certificate would open etcd.
    etcd_ca = pki.create_authority(folder, "etcd-ca")
    loopback = ("127.0.0.1", "localhost")
    system = {
        name: kubeconfigs.for_server(
            server,
            ca.files.cert,
            kubeconfigs.client_certificate(pki.issue_client(ca, folder, name, user, groups)),
        )
        for name, (user, groups) in _SYSTEM_USERS.items()
    }
    for user, token in tokens.items():
        config = kubeconfigs.for_server(server, ca.files.cert, {"token": token})
        kubeconfigs.write(user_file(run_dir, user), config)
    signing, public = pki.create_signing_key(folder, "service-account")
    lines = [_token_line(user, tokens[user.name]) for user in options.all_users()]
    pki.write_private(run_dir / "tokens.csv", "\n".join([*lines, ""]).encode())
    audit_policy = run_dir / "audit-policy.yaml" if options.audit_policy else None
    if audit_policy:
        audit_policy.write_text(json.dumps(options.audit_policy))
    return components.Files(
        run_dir=run_dir,
        ca=ca.files,
        api=pki.issue_server(ca, folder, "kube-apiserver", components.api_names(options)),
        kubelet_client=pki.issue_client(ca, folder, "kubelet-client", "kubelet-client", _MASTERS),
        etcd_ca=etcd_ca.files,
        etcd=pki.issue_server(etcd_ca, folder, "etcd", loopback),
        service_account_key=signing,
        service_account_public_key=public,
        tokens=run_dir / "tokens.csv",
        kubeconfigs={
            name: kubeconfigs.write(run_dir / "kubeconfig" / "components" / name, config)
            for name, config in system.items()
        },
        audit_policy=audit_policy,
    )


def _token_line(user: User, token: str) -> str:
    # An empty list of groups must not be written: it would be read as one group without a name.
    groups = f',"{",".join(user.groups)}"' if user.groups else ""
    return f"{token},{user.name},{user.name}{groups}"


def _bring_up(runtime: Runtime, cluster: ControlPlane, options: Options) -> None:
    runtime.start("etcd")
    runtime.wait_for_etcd()
    runtime.start_apiserver()
    for name in options.components():
        runtime.start(name)
    nodes = range(options.nodes if options.kwok else 0)
    manifests = [
        objects.cluster_admin(PLATFORM_ENGINEER, PLATFORM_ENGINEER),
        *(objects.simulated_node(index, options.node_labels) for index in nodes),
    ]
    manifest = json.dumps(objects.as_list(manifests))
    cluster.kubectl("create", "--validate=false", "--filename=-", input=manifest)
    probe = runtime.probe
    if options.controller_manager:
        runtime.wait(probe.has_default_service_account, "the controller manager works")
    if nodes:
        # The API server taints every new node; it is the controller manager that takes that away.
        runtime.wait(
            lambda: probe.ready_nodes(untainted=options.controller_manager) >= len(nodes),
            "the simulated nodes are ready",
        )
    runtime.mark_ready()
