"""`kubectl phi`: what application and platform teams ask before the cluster answers."""

from __future__ import annotations

import typer

from phiwarden.cli import rules

app = typer.Typer(
    name="kubectl phi",
    help="Ask phiwarden before the cluster answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(rules.app, name="rules")


def main() -> None:
    """Run the command that the arguments name."""
    app()


if __name__ == "__main__":
    main()
