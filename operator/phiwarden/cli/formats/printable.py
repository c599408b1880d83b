"""Text from files and clusters, made safe to show."""

from __future__ import annotations

from typing import Final

from phiwarden.rulebook.failures import Failure

_HIDDEN: Final = "\N{REPLACEMENT CHARACTER}"


def printable(text: str, limit: int = 400) -> str:
    """Return one line of text without control characters, escape sequences or overrides.

    Args:
        text: from anywhere.
        limit: characters after which it is cut off.
    """
    shown = text if len(text) <= limit else f"{text[: limit - 1]}…"
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else _HIDDEN for c in shown)


def what_is_wrong(failure: Failure) -> str:
    """Return what is wrong and what was found, where something was."""
    found = f" (found {printable(failure.found)})" if failure.found else ""
    return printable(failure.problem) + found
