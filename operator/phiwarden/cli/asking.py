"""What commands have in common that ask a cluster: its options, and how they say that they stopped."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Annotated

import typer

from phiwarden.cli.formats.printable import printable

Kubeconfig = Annotated[
    str | None,
    typer.Option("--kubeconfig", metavar="FILE", help="Else KUBECONFIG, or the usual place."),
]
Context = Annotated[
    str | None, typer.Option("--context", help="Context of the kubeconfig; else the current.")
]
Namespace = Annotated[
    str,
    typer.Option("-n", "--namespace", metavar="NAMESPACE", help="The zone's.", show_default=False),
]

_LONGEST = 4000


def terminal() -> tuple[int, bool]:
    """Return how many columns a table may have, and whether it may be in colour."""
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return min(shutil.get_terminal_size((100, 24)).columns, 140), color


def stopped(command: str, message: str, code: int = 2) -> typer.Exit:
    """Say why a command has no answer, and return the exception that ends it."""
    for line in message.splitlines():
        typer.echo(f"kubectl phi {command}: {printable(line, _LONGEST)}", err=True)
    return typer.Exit(code)
