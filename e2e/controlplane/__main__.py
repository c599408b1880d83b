"""The command line: build the binaries, keep a control plane up, list and stop."""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from e2e.controlplane import build, runs
from e2e.controlplane.errors import ControlPlaneError, StartError
from e2e.controlplane.launch import start
from e2e.controlplane.options import Options
from e2e.controlplane.processes import log_tail, wait_until

_ROOT = Path(__file__).parents[2]
_STOP_SECONDS = 30.0
_START_SECONDS = 600.0
_CHECK_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = chosen.run
    try:
        return command(chosen)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except ControlPlaneError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e.controlplane", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    each = commands.add_parser("build", help="find or build the binaries, and print their paths")
    each.add_argument("names", nargs="*", metavar="NAME", help="of a binary; all by default")
    each.set_defaults(run=_build)

    each = commands.add_parser("start", help="start a control plane; Ctrl-C stops it")
    each.add_argument("--detach", action="store_true", help="return, and leave it up until `stop`")
    each.add_argument("--nodes", type=int, default=1, help="simulated nodes (default: 1)")
    each.add_argument("--no-controller-manager", action="store_true")
    each.add_argument("--no-scheduler", action="store_true")
    each.add_argument("--no-kwok", action="store_true", help="simulate no nodes and pods")
    each.add_argument("--durable-etcd", action="store_true", help="flush to disk as in production")
    each.add_argument("--keep", action="store_true", help="leave the run directory when stopped")
    each.add_argument("--run-id", default=None, help=argparse.SUPPRESS)
    each.set_defaults(run=_start)

    each = commands.add_parser("stop", help="stop what `start` started")
    which = each.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", metavar="RUN", help="id or directory, see `list`")
    which.add_argument("--all", action="store_true", help="all of them, and leftovers")
    each.set_defaults(run=_stop)

    each = commands.add_parser("list", help="list the control planes of this user")
    each.set_defaults(run=_list)
    return parser


def _build(chosen: argparse.Namespace) -> int:
    unknown = [name for name in chosen.names if name not in build.BINARIES]
    if unknown:
        known = ", ".join(build.BINARIES)
        raise ControlPlaneError(f"unknown: {', '.join(unknown)}; there are {known}")
    for name, path in build.ensure(chosen.names or build.BINARIES).items():
        print(f"{name:<24} {path}")
    return 0


def _start(chosen: argparse.Namespace) -> int:
    return _start_detached(chosen) if chosen.detach else _start_here(chosen)


def _start_here(chosen: argparse.Namespace) -> int:
    # SIGINT as well: a shell that starts this in the background has it ignored.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    options = Options(
        controller_manager=not chosen.no_controller_manager,
        scheduler=not chosen.no_scheduler,
        kwok=not chosen.no_kwok,
        nodes=chosen.nodes,
        durable_etcd=chosen.durable_etcd,
        keep=chosen.keep,
    )
    try:
        with start(options, run_id=chosen.run_id, standing=True) as cluster:
            print(_how_to_use(cluster.kubeconfig), flush=True)
            print("Ctrl-C stops it.", flush=True)
            while True:
                cluster.check()
                time.sleep(_CHECK_SECONDS)
    except KeyboardInterrupt:
        return 0


def _start_detached(chosen: argparse.Namespace) -> int:
    # Here, where a person can watch it; the process in the background finds all of it built.
    build.ensure()
    run_id = runs.new_id()
    passed = [
        f"--{name.replace('_', '-')}"
        for name in ("no_controller_manager", "no_scheduler", "no_kwok", "durable_etcd", "keep")
        if getattr(chosen, name)
    ]
    argv = [sys.executable, "-m", __package__ or "", "start", f"--run-id={run_id}"]
    path = runs.runs_dir() / run_id
    output = path.with_name(f"{run_id}.log")
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as log:
        owner = subprocess.Popen(
            [*argv, f"--nodes={chosen.nodes}", *passed],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def ready() -> runs.Record | None:
        if owner.poll() is not None:
            raise StartError(log_tail(output))
        record, _ = runs.records().get(path, (None, False))
        return record if record and record.ready else None

    try:
        record = wait_until(ready, "the control plane is ready", _START_SECONDS)
    except BaseException:
        owner.terminate()
        owner.wait()
        raise
    finally:
        output.unlink()
    print(_how_to_use(Path(record.kubeconfig)))
    print(f"Stop it with: {shlex.join(argv[:3])} stop {run_id}")
    return 0


def _how_to_use(kubeconfig: Path) -> str:
    kubectl = build.ensure(["kubectl"])["kubectl"]
    return f"export KUBECONFIG={shlex.quote(str(kubeconfig))}\n# kubectl: {kubectl}"


def _stop(chosen: argparse.Namespace) -> int:
    if not chosen.all:
        runs.end_owner(runs.find(chosen.name), _STOP_SECONDS)
        return 0
    for path, (record, alive) in runs.records().items():
        if alive and not record.standing:
            print(f"{path.name} is in use by process {record.owner_pid}, and was left alone")
        else:
            runs.end_owner(path, _STOP_SECONDS)
    runs.sweep()
    return 0


def _list(_: argparse.Namespace) -> int:
    for path, (record, alive) in runs.records().items():
        state = ("ready" if record.ready else "starting") if alive else "ended"
        print(f"{path.name}  {state:<8}  {record.server or '-'}  {record.kubeconfig or path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
