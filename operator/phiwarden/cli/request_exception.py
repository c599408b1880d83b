"""`kubectl phi request-exception`: leave to break named rules for a while, asked for."""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO

import typer

from phiwarden.cli.asking import Context, Kubeconfig, Namespace, stopped, terminal
from phiwarden.cli.rulebooks import RulesFolder, rules_in

if TYPE_CHECKING:
    from phiwarden.cli.excepting.model import Rules, Sheet
    from phiwarden.cli.excepting.spelling import Options

COMMAND: Final = "request-exception"


class Format(StrEnum):
    """How what was asked for is written."""

    TEXT = "text"
    YAML = "yaml"


HELP: Final = (
    "Ask for an exception: leave for the objects of one workload to break named rules for a"
    " while.\n\n"
    "Checks it, shows it, and sends it. It counts once somebody else approves it (kubectl phi"
    " approve), and ends by itself: at most 14 days after it is asked for in direct care, 30 in"
    " care support, 90 in administration, 3 in an emergency.\n\n"
    "\b\n"
    "  kubectl phi request-exception deployment/records -n portal-clinical \\\n"
    "    --rule PHI-IMG-001 --for 7d --ticket CHG-4711 \\\n"
    '    --reason "the vendor publishes no digests before its next release" \\\n'
    '    --control "tags of this repository cannot be moved in the registry"\n\n'
    "Exit codes: 0, it is asked for; 1, the API server refused; 2, it could not be asked for: an"
    " option is wrong, or the API server cannot be reached."
)


def request_exception(
    objects: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND/NAME",
            help="The objects of one workload that may break the rules.",
            show_default=False,
        ),
    ],
    namespace: Namespace,
    rule: Annotated[
        list[str],
        typer.Option("--rule", metavar="RULE", help="A rule; may be given again."),
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why the rules cannot be kept now.")
    ],
    ticket: Annotated[
        str,
        typer.Option(
            "--ticket", metavar="TICKET", help="Where it is followed up, such as CHG-4711."
        ),
    ],
    control: Annotated[
        str,
        typer.Option(
            "--control", metavar="TEXT", help="What protects patient data meanwhile, instead."
        ),
    ],
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="MOMENT", help="When it ends: 2026-12-01T12:00:00Z."),
    ] = None,
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="LENGTH", help="How long from now: 7d, 12h.")
    ] = None,
    emergency: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--emergency", help="It is for an emergency.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Of the exception; else one is made up."),
    ] = None,
    dry_run: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--dry-run", help="Have the API server judge it, and ask for nothing."),
    ] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    rules: RulesFolder = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="For people, or as it was stored.")
    ] = Format.TEXT,
) -> None:
    """Ask for an exception; `HELP` says the rest."""
    # Here, so that `kubectl phi --help` need not wait for the rulebook.
    from phiwarden.cli.excepting.ending import ending  # noqa: PLC0415
    from phiwarden.cli.excepting.model import Rules  # noqa: PLC0415
    from phiwarden.cli.excepting.spelling import Options, checked  # noqa: PLC0415
    from phiwarden.cli.formats.exception_text import asked_text  # noqa: PLC0415

    known = Rules.known(rules_in(rules))
    options = Options(
        tuple(rule), tuple(objects), reason, ticket, control, until, lasting, emergency
    )
    words = sys.stdout if output is Format.TEXT else sys.stderr
    with ending(COMMAND, namespace):
        options = checked(options, known.pages, dt.datetime.now(dt.UTC))
        sheet = asyncio.run(_sheet(options, namespace, name, known, kubeconfig, context))
        _show(sheet, words)
        stored = asyncio.run(_asked(sheet, kubeconfig, context, dry_run=dry_run))
    if dry_run:
        words.write("\nNothing is asked for: this was a dry run. The API server would take it.\n")
    else:
        words.write(asked_text(namespace, sheet.name))
    if output is Format.YAML:
        sys.stdout.write(_yaml(stored))


async def _sheet(
    options: Options,
    namespace: str,
    name: str | None,
    known: Rules,
    kubeconfig: str | None,
    context: str | None,
) -> Sheet:
    from phiwarden.cli.excepting import reading  # noqa: PLC0415
    from phiwarden.cli.excepting.model import Sheet  # noqa: PLC0415
    from phiwarden.cli.excepting.spelling import name_for  # noqa: PLC0415
    from phiwarden.cluster.client import Api  # noqa: PLC0415

    async with Api.as_user(kubeconfig, context) as api:
        me, now = await reading.whoami(api)
        spec = options.spec(me, now)
        zone = await reading.zone(api, namespace)
        looked = await reading.looked(api, zone, spec.objects, known)
    return Sheet(zone, name or name_for(spec, secrets.token_hex(2)), spec, looked, known, me, now)


def _show(sheet: Sheet, words: TextIO) -> None:
    """Show what is asked for; ends the command where it could not come into force."""
    from phiwarden.cli.excepting.doubts import moot, remarks  # noqa: PLC0415
    from phiwarden.cli.formats.exception_text import notes_text, sheet_text  # noqa: PLC0415

    if why := list(moot(sheet)):
        raise stopped(COMMAND, "\n".join(why))
    width, _ = terminal()
    words.write(sheet_text(sheet, width))
    words.write(notes_text(remarks(sheet), width))
    words.flush()


async def _asked(
    sheet: Sheet, kubeconfig: str | None, context: str | None, *, dry_run: bool
) -> dict[str, Any]:
    from phiwarden.cli.excepting.spelling import manifest  # noqa: PLC0415
    from phiwarden.cluster.client import Api  # noqa: PLC0415
    from phiwarden.cluster.resources import PHI_EXCEPTION  # noqa: PLC0415

    namespace = sheet.zone.namespace
    body = manifest(namespace, sheet.name, sheet.spec)
    async with Api.as_user(kubeconfig, context) as api:
        return await api.create(PHI_EXCEPTION, namespace, body, dry_run=dry_run)


def _yaml(stored: dict[str, Any]) -> str:
    import yaml  # noqa: PLC0415

    metadata = {k: v for k, v in stored["metadata"].items() if k != "managedFields"}
    text: str = yaml.safe_dump({**stored, "metadata": metadata}, sort_keys=False)
    return text
