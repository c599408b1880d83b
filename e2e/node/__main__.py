"""The command line: build what a node needs, or keep a node up to look at."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Sequence

from e2e.controlplane import ControlPlaneError, build
from e2e.node import binaries
from e2e.node.launch import acquire
from e2e.node.prerequisites import obstacle

_CHECK_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m e2e.node", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    commands.add_parser("build", help="build the binaries, where a node can run")
    start = commands.add_parser("start", help="start a node; Ctrl-C stops it")
    start.add_argument("--no-enforcer", action="store_true", help="NetworkPolicies have no effect")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "build":
            _build()
        else:
            _start(enforcer=not chosen.no_enforcer)
    except KeyboardInterrupt:
        return 0
    except ControlPlaneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _build() -> None:
    if reason := obstacle():
        print(f"No real node here, its tests will be skipped: {reason}", file=sys.stderr)
    else:
        binaries.ensure()


def _start(*, enforcer: bool) -> None:
    # SIGINT as well: a shell that starts this in the background has it ignored.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    began = time.monotonic()
    with acquire(enforcer=enforcer) as node:
        print(f"# up after {time.monotonic() - began:.1f} s, at {node.network.node}")
        print(f"export KUBECONFIG={shlex.quote(str(node.cluster.kubeconfig))}")
        print(f"# kubectl: {build.ensure(['kubectl'])['kubectl']}")
        print(f"# logs: {node.folder / 'logs'}", flush=True)
        while True:
            node.check()
            time.sleep(_CHECK_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
