"""`kubectl phi access`: who may do what in the zones of a workload, by what, and since when."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from phiwarden.cli import check
from phiwarden.cli.asking import Context, Kubeconfig, stopped, terminal
from phiwarden.cli.rulebooks import RulesFolder, judge_of, rules_in

if TYPE_CHECKING:
    from phiwarden.access.report import Report


class Format(StrEnum):
    """How a review is written."""

    TABLE = "table"
    JSON = "json"


HELP: Final = (
    "Tell who may read secrets, reach into pods, change workloads or policies, mint tokens, take"
    " rights or approve exceptions in each zone of a PHIWorkload: by which binding, and since"
    " when.\n\n"
    "What goes beyond the declaration is a finding. Roles and bindings are read with your own"
    " rights, and nothing is written.\n\n"
    "\b\n"
    "  kubectl phi access portal\n"
    "  kubectl phi access portal -o json\n\n"
    "Exit codes: 0, nothing goes beyond the declaration; 1, something does; 2, not all can be told:"
    " there is no such PHIWorkload, or something may not be read. 2 wins over 1."
)


def access(
    workload: Annotated[
        str, typer.Argument(metavar="PHIWORKLOAD", help="Whose zones.", show_default=False)
    ],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    rules: RulesFolder = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="For people, or for programs.")
    ] = Format.TABLE,
) -> None:
    """Tell who may do what; `HELP` says the rest."""
    # Here, so that `kubectl phi --help` need not wait for the rulebook.
    from phiwarden.access.review import review  # noqa: PLC0415
    from phiwarden.cli.rights import NotReadable, see_rights  # noqa: PLC0415

    judge = judge_of(rules_in(rules))
    try:
        seen = see_rights(workload, check.today(), kubeconfig, context)
    except NotReadable as error:
        raise stopped("access", str(error)) from error
    report = review(workload, seen.zones, seen.rbac, judge, seen.gaps)
    code = exit_code(report)
    sys.stdout.write(_text(report, output, code))
    raise typer.Exit(code)


def exit_code(report: Report) -> int:
    """Return 2 where not all could be told, 1 where there are findings, else 0."""
    if report.gaps:
        return 2
    return 1 if report.findings else 0


def _text(report: Report, output: Format, code: int) -> str:
    if output is Format.JSON:
        from phiwarden.cli.formats.access_json import access_json  # noqa: PLC0415

        return access_json(report, code)
    from phiwarden.cli.formats.access_table import access_table  # noqa: PLC0415

    width, color = terminal()
    return access_table(report, width=width, color=color)
