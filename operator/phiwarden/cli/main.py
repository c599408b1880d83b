"""The command `phiwarden`."""

from __future__ import annotations

import argparse
import sys

from phiwarden import __version__
from phiwarden.admission import run as admission
from phiwarden.admission import settings as admission_settings
from phiwarden.controller import run as controller
from phiwarden.controller import settings as controller_settings
from phiwarden.evidence import logs
from phiwarden.rulebook.model import RulebookError


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 for success, 2 for a wrong setting or rule."""
    parser = argparse.ArgumentParser(prog="phiwarden", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("controller", help="reconcile PHIWorkloads")
    command.set_defaults(run=_controller)
    command.add_argument(
        "--liveness",
        metavar="URL",
        help="answer liveness probes there, such as http://0.0.0.0:8080/healthz",
    )

    command = commands.add_parser("admission", help="explain refusals to whoever meets them")
    command.set_defaults(run=_admission)
    command.add_argument("--address", default="0.0.0.0", help="to listen at")  # noqa: S104 - a pod's
    command.add_argument("--port", type=int, default=8443, help="to listen at")

    chosen = parser.parse_args(arguments)
    try:
        chosen.run(chosen)
    except (controller_settings.SettingsError, admission_settings.SettingsError) as error:
        print(f"phiwarden: {error}", file=sys.stderr)
        return 2
    except RulebookError as error:
        print(f"phiwarden: PHIWARDEN_RULES: {error}", file=sys.stderr)
        return 2
    return 0


def _controller(chosen: argparse.Namespace) -> None:
    settings = controller_settings.from_environment()
    logs.configure()
    controller.run(settings, liveness=chosen.liveness)


def _admission(chosen: argparse.Namespace) -> None:
    settings = admission_settings.from_environment()
    logs.configure()
    admission.run(settings, address=chosen.address, port=chosen.port)
