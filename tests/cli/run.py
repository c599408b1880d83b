"""The command line as its users run it, within this process."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from phiwarden.cli.phi import app

EXAMPLES = Path(__file__).parents[2] / "examples" / "clinic"
TODAY = dt.date(2026, 6, 1)
PORTAL = EXAMPLES / "phiworkload.yaml"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def failures(self) -> list[tuple[str, int]]:
        """Every (rule, line), in the order in which they are reported."""
        return [
            (failure["rule"], failure["line"])
            for judged in self.json["objects"]
            for failure in judged["failures"]
        ]

    @property
    def problems(self) -> list[tuple[str, int, str]]:
        """Every (level, line, message)."""
        return [(p["level"], p["line"], p["message"]) for p in self.json["problems"]]


def phi(*arguments: object, stdin: bytes = b"", **environment: str) -> Ran:
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=stdin, env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def check(*arguments: object, stdin: bytes = b"") -> Ran:
    """Check by the clinic's declaration, and report JSON."""
    return phi("check", *arguments, "-w", PORTAL, "-o", "json", stdin=stdin)
