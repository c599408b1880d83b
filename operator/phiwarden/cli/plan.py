"""`kubectl phi plan`: what a declaration would do to what runs, before it is applied."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from phiwarden.cli.asking import Context, Kubeconfig, stopped, terminal
from phiwarden.cli.rulebooks import RulesFolder, judge_of, rules_in

if TYPE_CHECKING:
    from phiwarden.preview.model import Cluster, Declared, Outlook


class Format(StrEnum):
    """How a plan is written."""

    TABLE = "table"
    JSON = "json"


HELP: Final = (
    "Tell what would become of what runs now if a declaration were applied, or if phiwarden looked"
    " at it now by the one that stands.\n\n"
    "Which objects would be refused at their next change, warned about, rolled back, set apart or"
    " stopped, and by what patches; which flows would open or close. The cluster is read with your"
    " own rights, and nothing is written to it.\n\n"
    "\b\n"
    "  kubectl phi plan -f workload.yaml\n"
    "  kubectl phi plan portal\n\n"
    "Exit codes: 0, nothing would be refused or put back; 1, something would be; 2, not all can be"
    " told: the file is wrong, or something may not be read. 2 wins over 1."
)


def plan(
    workloads: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORKLOAD]...",
            help="PHIWorkloads of the cluster, as they stand.",
            show_default=False,
        ),
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option(
            "-f",
            "--filename",
            metavar="FILE|FOLDER|-",
            help="PHIWorkload declarations; may be given again. - for a pipe.",
            show_default=False,
        ),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    rules: RulesFolder = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="For people, or for programs.")
    ] = Format.TABLE,
) -> None:
    """Tell what a declaration would do; `HELP` says the rest."""
    # Here, so that `kubectl phi --help` need not wait for the rulebook.
    from phiwarden.cli.declared import NotAccepted, check_changes, read_declarations  # noqa: PLC0415
    from phiwarden.cluster.client import ClusterError, Unreachable  # noqa: PLC0415
    from phiwarden.preview.outlook import outlooks  # noqa: PLC0415

    if not files and not workloads:
        raise stopped("plan", "nothing to plan for: give a file with -f, or name a PHIWorkload")
    judge = judge_of(rules_in(rules))
    now = datetime.now(UTC)
    try:
        asked = read_declarations(files, now) if files else ()
        declared, cluster = asyncio.run(_survey(asked, workloads or (), kubeconfig, context))
        check_changes(declared, cluster)
    except Unreachable as error:
        raise stopped("plan", f"the API server cannot be reached: {error.__cause__}") from error
    except (NotAccepted, ClusterError) as error:
        raise stopped("plan", str(error)) from error
    found = outlooks(declared, cluster, judge, now)
    code = exit_code(found, cluster)
    sys.stdout.write(_text(found, cluster, output, code))
    raise typer.Exit(code)


def exit_code(found: Sequence[Outlook], cluster: Cluster) -> int:
    """Return 2 where not all could be told, 1 where something is refused or put back, else 0."""
    if cluster.gaps:
        return 2
    return 1 if any(outlook.hard for outlook in found) else 0


async def _survey(
    declared: Sequence[Declared],
    standing: Sequence[str],
    kubeconfig: str | None,
    context: str | None,
) -> tuple[Sequence[Declared], Cluster]:
    from phiwarden.cli.survey import survey  # noqa: PLC0415
    from phiwarden.cluster.client import Api  # noqa: PLC0415

    async with Api.as_user(kubeconfig, context) as api:
        return await survey(api, declared, standing)


def _text(found: Sequence[Outlook], cluster: Cluster, output: Format, code: int) -> str:
    if output is Format.JSON:
        from phiwarden.cli.formats.plan_json import plan_json  # noqa: PLC0415

        return plan_json(found, cluster, code)
    from phiwarden.cli.formats.plan_table import plan_table  # noqa: PLC0415

    width, color = terminal()
    return plan_table(found, cluster, width=width, color=color)
