"""`kubectl phi`: what application and platform teams ask before the cluster answers."""

from __future__ import annotations

import typer

from phiwarden.cli.check import check

app = typer.Typer(
    name="kubectl phi",
    help="Ask phiwarden before the cluster answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("check")(check)


@app.callback()
def _commands() -> None:
    """Ask phiwarden before the cluster answers."""


def main() -> None:
    """Run the command that the arguments name."""
    app()


if __name__ == "__main__":
    main()
