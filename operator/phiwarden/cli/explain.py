"""`kubectl phi explain`: why a rule is there, and what keeps it."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from phiwarden.cli.asking import stopped
from phiwarden.cli.rule_names import NoSuchRule, named
from phiwarden.cli.rulebooks import RulesFolder, rules_in

if TYPE_CHECKING:
    from phiwarden.rulebook.pages import Page

HELP: Final = (
    "Print a rule: what it asks for and why, what it does, how to keep it, what it answers to, and"
    " examples. Without a rule, list them all.\n\n"
    "\b\n"
    "  kubectl phi explain\n"
    "  kubectl phi explain PHI-NET-001\n"
    "  kubectl phi explain net-001 -o json"
)


class Format(StrEnum):
    """How rules are written."""

    TABLE = "table"
    JSON = "json"


def explain(
    rule: Annotated[
        str | None,
        typer.Argument(metavar="RULE", help="Identifier of a rule.", show_default=False),
    ] = None,
    rules: RulesFolder = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="For people or programs.")
    ] = Format.TABLE,
) -> None:
    """Print one rule, or list all of them; `HELP` says the rest."""
    # Here, so that `kubectl phi --help` need not wait for the rulebook.
    from phiwarden.rulebook.pages import pages  # noqa: PLC0415

    found = pages(rules_in(rules))
    if rule is not None:
        found = (_page(rule, found),)
    width = min(shutil.get_terminal_size((80, 24)).columns, 100)
    if output is Format.JSON:
        shown = [_fields(page) for page in found]
        text = json.dumps(shown if rule is None else shown[0], indent=2, ensure_ascii=False)
    elif rule is None:
        text = "\n".join(f"{page.id}  {page.title}" for page in found)
    else:
        text = "\n".join(_lines(found[0], width))
    sys.stdout.write(text + "\n")


def _page(asked: str, pages: Sequence[Page]) -> Page:
    known = {page.id: page for page in pages}
    try:
        return known[named(asked, known)]
    except NoSuchRule as error:
        raise stopped("explain", str(error)) from error


def _lines(page: Page, width: int) -> Iterator[str]:
    yield f"{page.id}  {page.title}"
    yield ""
    yield from textwrap.wrap(page.rationale, width)
    yield ""
    facts = [
        ("Fix", page.fix),
        ("Does", ", ".join(f"{impact}: {severity}" for impact, severity in page.severity.items())),
        ("Scope", f"zones of {', '.join(page.scope)}" if page.scope else ""),
        ("Reads", page.reads),
        ("Running", page.running),
        (
            "Answers to",
            ", ".join(f"{framework} {control}" for framework, control in page.answers()),
        ),
    ]
    for title, text in facts:
        if text:
            yield from textwrap.wrap(
                f"{title + ':':<12}{text}",
                width,
                subsequent_indent=" " * 12,
                break_long_words=False,
                break_on_hyphens=False,
            )
    for title, examples in (("Keeps the rule", page.good), ("Breaks the rule", page.bad)):
        for example in examples:
            yield ""
            yield f"{title}:"
            yield textwrap.indent(example, "  ")


def _fields(page: Page) -> dict[str, Any]:
    return {
        "id": page.id,
        "title": page.title,
        "rationale": page.rationale,
        "fix": page.fix,
        "severity": {str(impact): str(severity) for impact, severity in page.severity.items()},
        "scope": list(page.scope),
        "reads": page.reads,
        "running": page.running,
        "controls": [f"{framework} {control}" for framework, control in page.answers()],
        "good": list(page.good),
        "bad": list(page.bad),
    }
