"""`kubectl phi reach`: who can reach whom, who opened it, and whether it was declared."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from phiwarden.cli import check
from phiwarden.cli.asking import Context, Kubeconfig, stopped, terminal

if TYPE_CHECKING:
    from phiwarden.cli.reaching.seen import Seen
    from phiwarden.reach.report import Report


class Format(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    SVG = "svg"


HELP: Final = (
    "Tell who can reach whom by the policies that stand, who opened it, and whether it was"
    " declared.\n\n"
    "Every NetworkPolicy counts, whoever owns it. Policies are computed, packets are not sent. The"
    " cluster is read with your own rights, and nothing is written to it.\n\n"
    "\b\n"
    "  kubectl phi reach -w portal\n"
    "  kubectl phi reach -n portal-clinical\n"
    "  kubectl phi reach -w portal -o svg > portal.svg\n"
    "  kubectl phi reach -f workload.yaml -f policies/\n\n"
    "Exit codes: 0, all is as declared; 1, something is open that is not declared, or closed that"
    " is; 2, it cannot be told: a file is wrong, or something may not be read."
)


def reach(
    workload: Annotated[
        list[str] | None,
        typer.Option("-w", "--workload", metavar="NAME", help="Its zones; may be given again."),
    ] = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option("-n", "--namespace", help="One namespace; may be given again."),
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option(
            "-f",
            "--filename",
            metavar="FILE|FOLDER|-",
            help="Objects to look at instead of a cluster; may be given again. - for a pipe.",
        ),
    ] = None,
    gateways: Annotated[
        list[str] | None,
        typer.Option(
            "--gateways",
            metavar="NAMESPACE",
            help="Where gateways run, as the controller's own setting says; may be given again.",
        ),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="For people, programs, or a picture.")
    ] = Format.TABLE,
) -> None:
    """Tell who can reach whom; `HELP` says the rest."""
    # Here, so that `kubectl phi --help` need not wait for all of it.
    from phiwarden.cli.reaching.seen import NotReadable  # noqa: PLC0415

    try:
        seen = _see(files, kubeconfig, context)
        report = _report(seen, workload or [], namespace or [], gateways or [])
    except NotReadable as error:
        raise stopped("reach", str(error)) from error
    code = 1 if report.differs else 0
    sys.stdout.write(_text(report, output, code))
    raise typer.Exit(code)


def _see(files: list[str] | None, kubeconfig: str | None, context: str | None) -> Seen:
    if files:
        from phiwarden.cli.reaching.files import see_files  # noqa: PLC0415

        return see_files(files)
    from phiwarden.cli.reaching.live import see_cluster  # noqa: PLC0415

    return see_cluster(kubeconfig, context)


def _report(seen: Seen, workloads: list[str], namespaces: list[str], gateways: list[str]) -> Report:
    from phiwarden.boundary.model import Facts  # noqa: PLC0415
    from phiwarden.cli.reaching.scope import scope_of  # noqa: PLC0415
    from phiwarden.reach.compare import compare  # noqa: PLC0415
    from phiwarden.reach.declared import intent  # noqa: PLC0415

    facts = Facts(check.today(), seen.api_servers, tuple(gateways))
    cluster = seen.surroundings()
    declared = intent(seen.specs, cluster.namespaces, facts)
    return compare(cluster, declared, scope_of(declared, cluster, workloads, namespaces))


def _text(report: Report, output: Format, code: int) -> str:
    match output:
        case Format.JSON:
            from phiwarden.cli.formats.reach_json import reach_json  # noqa: PLC0415

            return reach_json(report, code)
        case Format.SVG:
            from phiwarden.cli.formats.reach_svg import reach_svg  # noqa: PLC0415

            return reach_svg(report)
        case Format.TABLE:
            from phiwarden.cli.formats.reach_table import reach_table  # noqa: PLC0415

            width, color = terminal()
            return reach_table(report, width=width, color=color)
