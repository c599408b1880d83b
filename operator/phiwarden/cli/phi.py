"""`kubectl phi`: what application and platform teams ask, and what they decide, beside kubectl."""

from __future__ import annotations

import sys
from io import TextIOWrapper

import typer

from phiwarden.cli import (
    access,
    check,
    decide,
    explain,
    plan,
    probe,
    reach,
    release,
    request_exception,
    rules,
)

app = typer.Typer(
    name="kubectl phi",
    help="Ask phiwarden before the cluster answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("access", help=access.HELP)(access.access)
app.command("approve", help=decide.APPROVE)(decide.approve)
app.command("check", help=check.HELP)(check.check)
app.command("deny", help=decide.DENY)(decide.deny)
app.command("explain", help=explain.HELP)(explain.explain)
app.command("plan", help=plan.HELP)(plan.plan)
app.command("probe", help=probe.HELP)(probe.probe)
app.command("reach", help=reach.HELP)(reach.reach)
app.add_typer(release.app, name="release")
app.command(request_exception.COMMAND, help=request_exception.HELP)(
    request_exception.request_exception
)
app.add_typer(rules.app, name="rules")


def main() -> None:
    """Run the command that the arguments name."""
    # What a file holds must not end a report half-way on a terminal that cannot show it.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    app()


if __name__ == "__main__":
    main()
