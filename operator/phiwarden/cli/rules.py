"""`kubectl phi rules`: a platform team's own rules, checked and made ready to install."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from phiwarden.rulebook import bundle, own
from phiwarden.rulebook.model import RulebookError

app = typer.Typer(help="Add rules of your own to phiwarden's.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder of rules, one family a file (*.yaml).")]


@app.command()
def check(folder: Folder) -> None:
    """Say whether rules would work: nothing is installed."""
    try:
        sources = own.checked(folder)
    except RulebookError as error:
        _refuse(error)
    for source in sources:
        for rule in source.rules:
            typer.echo(f"{rule.id} {rule.title}")
    count = sum(len(source.rules) for source in sources)
    typer.echo(f"{count} rules in {len(sources)} files: each keeps its examples and its budget")


@app.command()
def build(folder: Folder) -> None:
    """Write the values that install rules with the chart (helm upgrade -f)."""
    try:
        text = bundle.values_text(own.checked(folder))
    except RulebookError as error:
        _refuse(error)
    typer.echo(text, nl=False)


def _refuse(error: RulebookError) -> NoReturn:
    for fault in str(error).splitlines():
        typer.echo(_printable(fault), err=True)
    raise typer.Exit(2)


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)
