"""The command `phiwarden`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from phiwarden import __version__
from phiwarden.admission import run as admission
from phiwarden.admission import settings as admission_settings
from phiwarden.controller import run as controller
from phiwarden.controller import settings as controller_settings
from phiwarden.evidence import logs
from phiwarden.probe import agent
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

    command = commands.add_parser("probe-agent", help="what runs in a pod of kubectl phi probe")
    command.set_defaults(run=_probe_agent)
    command.add_argument("role", choices=("listen", "dial"))
    command.add_argument("places", nargs="+", metavar="PORT|HOST:PORT")

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


def _probe_agent(chosen: argparse.Namespace) -> None:
    if chosen.role == "listen":
        asyncio.run(agent.listen([int(port) for port in chosen.places]))
    else:
        outcomes = asyncio.run(agent.dial(chosen.places))
        agent.TERMINATION_LOG.write_text(agent.written(outcomes), encoding="ascii")
