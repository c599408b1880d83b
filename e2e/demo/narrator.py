"""How the demo speaks: plain words, at most 100 columns, as readable in a log as on a screen."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 100
_INDENT = 2


def _console() -> Console:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a mark that a terminal lacks is no failure
    width = min(WIDTH, Console().width) if sys.stdout.isatty() else WIDTH
    return Console(width=width, highlight=False, soft_wrap=False)


def duration(seconds: float) -> str:
    """Return a time as a person reads it."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


@dataclass(frozen=True)
class Line:
    """One line of the closing table."""

    step: str
    happened: str
    seconds: float
    ok: bool


@dataclass(frozen=True)
class Narrator:
    """Prints what happens, as it happens."""

    console: Console = field(default_factory=_console)

    def title(self, text: str) -> None:
        """Open the story."""
        self.console.print(Text(text, style="bold"))

    def heading(self, number: int, text: str) -> None:
        """Open a step."""
        self.console.print()
        self.console.print(Text(f"{number}. {text}", style="bold cyan"))

    def say(self, text: str) -> None:
        """Tell something."""
        self._print(text)

    def command(self, who: str, command: str) -> None:
        """Show a command as somebody types it."""
        self._print(f"{who} $ {command}", lead=f"{who} $", lead_style="dim", style="bold", hang=4)

    def output(self, text: str) -> None:
        """Show what a command printed, line by line as it is."""
        for line in text.rstrip().splitlines():
            shown = Text(" " * _INDENT + line, style="dim")
            self.console.print(shown, soft_wrap=True, overflow="ignore")

    def quote(self, text: str) -> None:
        """Show what was read in the cluster, wrapped."""
        self._print(text, style="dim", hang=2)

    def refusal(self, text: str) -> None:
        """Show a refusal word for word; each failure that it lists begins a line."""
        head, found, listed = text.strip().partition(" refuses this: ")
        for line in (head + found.rstrip()).splitlines():
            self._print(line, style="yellow", hang=2)
        for number, failure in enumerate(listed.split(" | ") if listed else ()):
            lead = ("| " if number else "  ") + failure.split(" ", 1)[0]
            self._print(
                lead + failure.removeprefix(lead[2:]),
                lead=lead,
                lead_style="bold yellow",
                style="yellow",
                hang=2,
            )

    def done(self, text: str, seconds: float | None = None) -> None:
        """Tell that something was checked and is so."""
        took = "" if seconds is None else f" ({duration(seconds)})"
        self._print(f"✓ {text}{took}", lead="✓", lead_style="bold green", hang=2)

    def failed(self, text: str) -> None:
        """Tell that something did not happen, and what was seen."""
        for number, line in enumerate(text.splitlines()):
            self._print(f"{' ' if number else '✗'} {line}", style="bold red", hang=2)

    def table(self, lines: Iterable[Line]) -> None:
        """Close the story with what happened in each step, and how long that took."""
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        table.add_column("")
        table.add_column("Step")
        table.add_column("What happened")
        table.add_column("Took", justify="right", no_wrap=True)
        for line in lines:
            mark = Text("✓", style="green") if line.ok else Text("✗", style="bold red")
            style = "none" if line.ok else "red"
            table.add_row(
                mark, Text(line.step), Text(line.happened, style=style), duration(line.seconds)
            )
        self.console.print()
        self.console.print(table)

    def _print(
        self, text: str, *, lead: str = "", lead_style: str = "", style: str = "", hang: int = 0
    ) -> None:
        """Print a paragraph; its first words may stand out, its later lines hang back."""
        indent = " " * _INDENT
        lines = textwrap.wrap(
            text,
            self.console.width,
            initial_indent=indent,
            subsequent_indent=indent + " " * hang,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, line in enumerate(lines):
            shown = Text(line, style=style)
            if lead and number == 0:
                shown.stylize(lead_style, _INDENT, _INDENT + len(lead))
            self.console.print(shown, soft_wrap=True, overflow="ignore")
