"""`kubectl phi check`: the API server's verdict before anything is applied."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from phiwarden.cli.formats.printable import printable
from phiwarden.cli.rulebooks import RulesFolder, judge_of, rules_in

if TYPE_CHECKING:
    from phiwarden.cli.report import Report
    from phiwarden.rulebook.evaluate import Judge


class Format(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"


HELP: Final = (
    "Judge manifests by the rules of their zones, as the API server would.\n\n"
    "Each manifest is judged in the zone whose namespace it names. Lines are those of the file.\n\n"
    "\b\n"
    "  kubectl phi check deploy/ -w workload.yaml\n"
    "  helm template app chart/ | kubectl phi check -w workload.yaml -\n"
    "  kustomize build overlays/prod | kubectl phi check -w workload.yaml -\n"
    "  kubectl phi check --live portal-clinical\n\n"
    "Exit codes: 0, nothing would be refused; 1, something would be; 2, the check is not complete:"
    " a file cannot be read, a declaration is wrong, or an option. 2 wins over 1, since a check that"
    " is not complete must not be taken for one.\n\n"
    "Zones are judged as if they enforced: one that only observes today may be raised tomorrow."
)


def check(
    manifests: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|FOLDER|-",
            help="What to check: YAML and JSON, folders with all that is in them, - for a pipe.",
            show_default=False,
        ),
    ] = None,
    workload: Annotated[
        list[Path] | None,
        typer.Option(
            "-w",
            "--workload",
            metavar="FILE",
            help="A PHIWorkload declaration; may be given again. Those among the manifests count, too.",
            show_default=False,
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("-n", "--namespace", help="Where a manifest belongs that names no namespace."),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", help="The same, by the name of a zone of the declaration."),
    ] = None,
    live: Annotated[
        str | None,
        typer.Option(
            "--live",
            metavar="NAMESPACE",
            help="Judge what runs in a zone instead, by the boundary that its namespace carries.",
        ),
    ] = None,
    kubeconfig: Annotated[
        str | None, typer.Option("--kubeconfig", metavar="FILE", help="For --live.")
    ] = None,
    rules: RulesFolder = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="For people, programs, or CI servers.")
    ] = Format.TABLE,
    output_file: Annotated[
        Path | None,
        typer.Option(
            "--output-file",
            metavar="FILE",
            help="Write the report there, and a table to standard output.",
        ),
    ] = None,
    strict: Annotated[  # noqa: FBT002 - typer passes it by its name
        bool, typer.Option("--strict", help="Warnings count as refusals.")
    ] = False,
) -> None:
    """Judge manifests by the rules of their zones; `HELP` says the rest."""
    if (live is None) == (not manifests):
        raise typer.BadParameter("give manifests, or --live NAMESPACE, and not both")
    if namespace is not None and zone is not None:
        raise typer.BadParameter("give -n or --zone, and not both")
    if live is not None and (workload or namespace or zone):
        raise typer.BadParameter("--live takes the boundary from its namespace: no -w, -n, --zone")
    own = rules_in(rules)
    if live is not None:
        report = _live(live, judge_of(own), kubeconfig)
    else:
        report = _files(manifests or [], workload or [], judge_of(own), namespace, zone)
    report = replace(report, own_rules=own)
    code = report.exit_code(strict=strict)
    if output_file is not None:
        _write(output_file, _text(report, output, code, strict=strict, terminal=False))
        output = Format.TABLE
    sys.stdout.write(_text(report, output, code, strict=strict, terminal=True))
    raise typer.Exit(code)


def today() -> date:
    """Return the day in UTC."""
    return datetime.now(UTC).date()


def _files(
    asked: list[str],
    workloads: list[Path],
    judge: Judge,
    namespace: str | None,
    zone: str | None,
) -> Report:
    # Here, so that `kubectl phi --help` need not wait for the rulebook.
    from phiwarden.cli.declarations import NoSuchZone  # noqa: PLC0415
    from phiwarden.cli.files import check_files  # noqa: PLC0415

    try:
        return check_files(asked, workloads, judge, today=today(), namespace=namespace, zone=zone)
    except NoSuchZone as error:
        raise _stopped(str(error)) from error


def _live(namespace: str, judge: Judge, kubeconfig: str | None) -> Report:
    from phiwarden.cli.live import NotReadable, live  # noqa: PLC0415

    try:
        return live(namespace, judge, kubeconfig=kubeconfig)
    except NotReadable as error:
        raise _stopped(str(error)) from error


def _text(report: Report, output: Format, code: int, *, strict: bool, terminal: bool) -> str:
    match output:
        case Format.JSON:
            from phiwarden.cli.formats.json_text import json_text  # noqa: PLC0415

            return json_text(report, code)
        case Format.SARIF:
            from phiwarden.cli.formats.sarif import sarif  # noqa: PLC0415

            return sarif(report, code)
        case Format.JUNIT:
            from phiwarden.cli.formats.junit import junit  # noqa: PLC0415

            return junit(report, strict=strict)
        case Format.TABLE:
            from phiwarden.cli.formats.table import Style, table  # noqa: PLC0415

            color = terminal and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            width = min(shutil.get_terminal_size((80, 24)).columns, 120) if terminal else 80
            return table(report, Style(width, color))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _stopped(f"{path} cannot be written: {error.strerror or error}") from error


def _stopped(message: str) -> typer.Exit:
    """Say why the check ends here, and return the exception that ends it."""
    typer.echo(f"kubectl phi check: {printable(message, 2000)}", err=True)
    return typer.Exit(2)
