"""The rules that a command goes by: phiwarden's, and those of a folder beside them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from phiwarden.rulebook.evaluate import Judge
    from phiwarden.rulebook.model import Rule

RulesFolder = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        metavar="FOLDER",
        help="Rules of your own, beside phiwarden's (kubectl phi rules).",
    ),
]


def rules_in(folder: Path | None) -> tuple[Rule, ...]:
    """Return the rules of a folder, none for None; ends the command where one is wrong."""
    if folder is None:
        return ()
    # Here, so that `kubectl phi --help` need not wait for the rulebook.
    from phiwarden.rulebook.model import RulebookError  # noqa: PLC0415
    from phiwarden.rulebook.own import own_rules  # noqa: PLC0415

    try:
        return own_rules(folder)
    except RulebookError as error:
        sys.stderr.write(f"kubectl phi: --rules {folder}: {error}\n")
        raise typer.Exit(2) from error


def judge_of(own: tuple[Rule, ...]) -> Judge:
    """Return the judge of phiwarden's rules and of others beside them."""
    from phiwarden.rulebook.evaluate import judge_with  # noqa: PLC0415

    return judge_with(own)
