"""The command `phiwarden`."""

from __future__ import annotations

import argparse
import sys

from phiwarden import __version__
from phiwarden.controller import settings
from phiwarden.controller.run import run
from phiwarden.evidence import logs
from phiwarden.rulebook.model import RulebookError


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 for success, 2 for a wrong setting or rule."""
    parser = argparse.ArgumentParser(prog="phiwarden", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    controller = commands.add_parser("controller", help="reconcile PHIWorkloads")
    controller.add_argument(
        "--liveness",
        metavar="URL",
        help="answer liveness probes there, such as http://0.0.0.0:8080/healthz",
    )
    chosen = parser.parse_args(arguments)
    try:
        found = settings.from_environment()
    except settings.SettingsError as error:
        print(f"phiwarden: {error}", file=sys.stderr)
        return 2
    logs.configure()
    try:
        run(found, liveness=chosen.liveness)
    except RulebookError as error:
        print(f"phiwarden: PHIWARDEN_RULES: {error}", file=sys.stderr)
        return 2
    return 0
