"""`kubectl phi probe`: the declared ways through the network, measured with packets."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from phiwarden.cli.asking import Context, Kubeconfig, stopped

if TYPE_CHECKING:
    from phiwarden.cli.probed import Probed


class Format(StrEnum):
    """How a measurement is written."""

    TABLE = "table"
    JSON = "json"


HELP: Final = (
    "Measure with short-lived pods which ways between the zones of a PHIWorkload are open.\n\n"
    "In every zone a pod listens and another one dials: what is declared must be open, everything"
    " else closed. The pods keep the rules of their zone, run for two minutes at most, and are"
    " removed. Nothing outside the cluster is dialled. The result is noted on the PHIWorkload,"
    " and its condition NetworkIsolated rests on it for 30 days.\n\n"
    "\b\n"
    "  kubectl phi probe portal --image registry.hospital.example/portal/phiwarden@sha256:...\n\n"
    "Exit codes: 0, declared, computed from the policies and measured are the same; 1, they differ;"
    " 2, it could not be measured."
)


def probe(
    workload: Annotated[str, typer.Argument(help="Name of the PHIWorkload.", show_default=False)],
    image: Annotated[
        str,
        typer.Option(
            "--image",
            metavar="IMAGE",
            help="phiwarden's own image, by digest, from a registry that every zone approves.",
            show_default=False,
        ),
    ],
    outsider: Annotated[
        str | None,
        typer.Option(
            "--outsider",
            metavar="NAMESPACE",
            help="A namespace that is no zone: a pod there tries to get in, too.",
        ),
    ] = None,
    record: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--record/--no-record", help="Note the result on the PHIWorkload.")
    ] = True,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="For people, or for programs.")
    ] = Format.TABLE,
) -> None:
    """Measure a declaration; `HELP` says the rest."""
    from phiwarden.cli.formats import probe_text  # noqa: PLC0415
    from phiwarden.cli.measuring import NotMeasured  # noqa: PLC0415
    from phiwarden.cluster.client import ClusterError, Unreachable  # noqa: PLC0415

    try:
        found = asyncio.run(_probed(workload, image, outsider, kubeconfig, context, record=record))
    except Unreachable as error:
        raise stopped("probe", f"the API server cannot be reached: {error.__cause__}") from error
    except (NotMeasured, ClusterError) as error:
        raise stopped("probe", str(error)) from error
    written = probe_text.json_text if output is Format.JSON else probe_text.table
    sys.stdout.write(written(found))
    raise typer.Exit(0 if found.as_declared and found.as_computed else 1)


async def _probed(
    workload: str,
    image: str,
    outsider: str | None,
    kubeconfig: str | None,
    context: str | None,
    *,
    record: bool,
) -> Probed:
    from phiwarden.cli.probed import probed  # noqa: PLC0415
    from phiwarden.cluster.client import Api  # noqa: PLC0415

    async with Api.as_user(kubeconfig, context) as api:
        return await probed(api, workload, image, outsider, datetime.now(UTC), record=record)
