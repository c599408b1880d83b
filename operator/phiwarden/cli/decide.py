"""`kubectl phi approve` and `kubectl phi deny`: what somebody else asked for, decided."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from phiwarden.cli.asking import Context, Kubeconfig, Namespace, stopped, terminal
from phiwarden.cli.rulebooks import RulesFolder, rules_in

if TYPE_CHECKING:
    from phiwarden.api.decision import Decision
    from phiwarden.cli.excepting.model import Rules, Sheet

Object = dict[str, Any]

APPROVE: Final = (
    "Approve an exception that somebody else asked for.\n\n"
    "Shows all that is approved, asks once, and waits until phiwarden lets it count. It takes the"
    " verb approve on phiexceptions in the namespace (ClusterRole phiwarden-approver); whoever"
    " asked cannot approve. What is approved is what was shown: an exception that was made anew"
    " under the same name meanwhile is not.\n\n"
    "\b\n"
    "  kubectl phi approve records-phi-img-001-3f2a -n portal-clinical\n\n"
    "Exit codes: 0, it is approved; 1, the API server refused, you said no, or it does not count;"
    " 2, it could not be done."
)

DENY: Final = (
    "Deny an exception, or end one that was approved.\n\n"
    "What was denied stays denied. One that was approved ends at once: what breaks its rules is"
    " refused from then on, and what runs is put back as its clinical impact allows.\n\n"
    "\b\n"
    "  kubectl phi deny records-phi-img-001-3f2a -n portal-clinical \\\n"
    '    --reason "the registry does publish digests"\n\n'
    "Exit codes: 0, it is denied; 1, the API server refused; 2, it could not be done."
)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the exception.", show_default=False)
]
Wait = Annotated[
    str,
    typer.Option(
        "--wait", metavar="LENGTH", help="How long phiwarden may take to answer; 0s for not at all."
    ),
]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an exception is, and by which kubeconfig."""

    namespace: str
    name: str
    kubeconfig: str | None
    context: str | None

    @property
    def look(self) -> str:
        """Return what to type to look at it."""
        return f"kubectl get phiexception {self.name} -n {self.namespace}"


def approve(
    name: Name,
    namespace: Namespace,
    yes: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--yes", "-y", help="Do not ask: all of it was read before.")
    ] = False,
    wait: Wait = "10s",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    rules: RulesFolder = None,
) -> None:
    """Approve an exception; `APPROVE` says the rest."""
    # Here, so that `kubectl phi --help` need not wait for the rulebook.
    from phiwarden.api.decision import Decision, DecisionType  # noqa: PLC0415
    from phiwarden.cli.excepting.ending import REFUSED, ending  # noqa: PLC0415
    from phiwarden.cli.excepting.model import Rules  # noqa: PLC0415
    from phiwarden.cli.formats.exception_text import approved_text  # noqa: PLC0415

    known = Rules.known(rules_in(rules))
    place = _Place(namespace, name, kubeconfig, context)
    with ending("approve", namespace):
        within = _length(wait)
        body, sheet = asyncio.run(_read(place, known))
        _show(sheet)
        decision = Decision(type=DecisionType.APPROVED, by=sheet.me)
        # Nobody is asked for what the API server would refuse anyway.
        asyncio.run(_written(place, body, decision, dry_run=True))
        if not yes and not _agreed():
            raise stopped("approve", "Nothing was decided.", REFUSED)
        said = asyncio.run(_written(place, body, decision, within=within))
    sys.stdout.write("\n" + approved_text(said, place.look))
    if said is not None and said["status"] != "True":
        raise typer.Exit(REFUSED)


def deny(
    name: Name,
    namespace: Namespace,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for those who asked.")
    ],
    wait: Wait = "10s",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    rules: RulesFolder = None,
) -> None:
    """Deny an exception; `DENY` says the rest."""
    from phiwarden.api.decision import DecisionType  # noqa: PLC0415
    from phiwarden.cli.excepting.ending import ending  # noqa: PLC0415
    from phiwarden.cli.excepting.model import Rules  # noqa: PLC0415
    from phiwarden.cli.excepting.spelling import denial  # noqa: PLC0415
    from phiwarden.cli.formats.exception_text import denied_text  # noqa: PLC0415

    known = Rules.known(rules_in(rules))
    place = _Place(namespace, name, kubeconfig, context)
    with ending("deny", namespace):
        within = _length(wait)
        decision = denial(reason)
        body, sheet = asyncio.run(_read(place, known))
        _show(sheet)
        decision = decision.model_copy(update={"by": sheet.me})
        said = asyncio.run(_written(place, body, decision, within=within))
    was = sheet.decision is not None and sheet.decision.type is DecisionType.APPROVED
    sys.stdout.write("\n" + denied_text(said, place.look, approved=was))


def _length(wait: str) -> dt.timedelta:
    from phiwarden.cli.excepting.spelling import Misspelt, length  # noqa: PLC0415

    try:
        return length(wait)
    except Misspelt as error:
        raise Misspelt(f"--wait: {error}") from error


async def _read(place: _Place, known: Rules) -> tuple[Object, Sheet]:
    from phiwarden.cli.excepting.reading import exception  # noqa: PLC0415
    from phiwarden.cluster.client import Api  # noqa: PLC0415

    async with Api.as_user(place.kubeconfig, place.context) as api:
        return await exception(api, place.namespace, place.name, known)


def _show(sheet: Sheet) -> None:
    from phiwarden.cli.excepting.doubts import moot, remarks  # noqa: PLC0415
    from phiwarden.cli.formats.exception_text import notes_text, sheet_text  # noqa: PLC0415

    width, _ = terminal()
    sys.stdout.write(sheet_text(sheet, width))
    sys.stdout.write(notes_text((*moot(sheet), *remarks(sheet)), width))
    sys.stdout.flush()


def _agreed() -> bool:
    """Ask once; whoever cannot be asked has to say so beforehand."""
    if not sys.stdin.isatty():
        raise stopped("approve", "nobody can be asked here: without a terminal, say --yes", 1)
    typer.echo("")
    try:
        return typer.confirm("Approve this?", default=False, err=True)
    except typer.Abort:
        typer.echo("", err=True)
        return False


async def _written(
    place: _Place,
    shown: Object,
    decision: Decision,
    *,
    within: dt.timedelta = dt.timedelta(),
    dry_run: bool = False,
) -> Object | None:
    """Write a decision; return what phiwarden says of it, None if it does not in time."""
    from phiwarden.cli.excepting.deciding import decide, outcome  # noqa: PLC0415
    from phiwarden.cluster.client import Api  # noqa: PLC0415

    async with Api.as_user(place.kubeconfig, place.context) as api:
        decided = await decide(api, shown, decision, dry_run=dry_run)
        return None if dry_run else await outcome(api, decided, within)
