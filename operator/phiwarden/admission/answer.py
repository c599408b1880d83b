"""Pure: a request to a zone, and what whoever made it is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.admission import wording
from phiwarden.admission.envelope import Request
from phiwarden.api.exception import ExceptedKind
from phiwarden.api.workload import Enforcement
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.changes import unchanged
from phiwarden.rulebook.exceptions import exceptable
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.feedback import of_system
from phiwarden.rulebook.model import Rule, Severity


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who wants to write what.

    Attributes:
        username: the user, as the API server knows it.
        groups: of the user.
        operation: CREATE, UPDATE, or another that no rule is about.
        namespace: where the object is.
        obj: the object as it is to be, with `kind`.
        old: the object as it is, None for a new one.
        dry_run: whether nothing is to be stored.
    """

    username: str
    groups: frozenset[str]
    operation: str
    namespace: str
    obj: Mapping[str, Any]
    old: Mapping[str, Any] | None = None
    dry_run: bool = False

    @property
    def kind(self) -> str:
        """Return the object's kind."""
        return str(self.obj.get("kind", ""))

    @property
    def name(self) -> str:
        """Return the object's name, or the start of one that is yet to be made up."""
        metadata = self.obj.get("metadata") or {}
        return str(metadata.get("name") or metadata.get("generateName") or "")


def attempt_of(request: Request) -> Attempt:
    """Return the attempt that a request is."""
    return Attempt(
        username=request.user.username,
        groups=frozenset(request.user.groups),
        operation=request.operation,
        namespace=request.namespace,
        obj=_judged(request.obj) or {},
        old=_judged(request.old),
        dry_run=bool(request.dry_run),
    )


def _judged(obj: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return an object without what no rule reads, and is often larger than the rest."""
    if obj is None:
        return None
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {key: value for key, value in obj.items() if key != "status"} | {"metadata": metadata}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of an attempt.

    Attributes:
        allowed: whether it may go on, to the API server's own policies.
        message: why not, of several lines.
        warnings: what the caller is told besides, each of one line.
    """

    allowed: bool = True
    message: str = ""
    warnings: tuple[str, ...] = ()


SILENCE: Final = Answer()
"""Nothing to say: the API server's own policies decide."""


def worth_judging(attempt: Attempt) -> bool:
    """Return whether the policies would judge an attempt at all, and somebody reads an answer."""
    match attempt.operation:
        case "CREATE":
            pass
        case "UPDATE" if attempt.old is not None:
            if unchanged(attempt.obj, attempt.old):
                return False
        case _:
            return False
    return not of_system(attempt.username)


@dataclass(frozen=True)
class Spokesman:
    """Turns a verdict into an answer.

    Attributes:
        rules: the rulebook, by identifier.
        exceptable: those of them that there are exceptions to.
    """

    rules: Mapping[str, Rule]
    exceptable: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Spokesman:
        """Return one who knows these rules."""
        known = tuple(rules)
        return cls({rule.id: rule for rule in known}, exceptable(known))

    def answer(self, attempt: Attempt, zone: ZoneBoundary, failures: Sequence[Failure]) -> Answer:
        """Return what to say of an attempt that breaks rules in a zone.

        Args:
            attempt: who wants to write what.
            zone: where.
            failures: what it breaks, none for a good one.
        """
        if not failures or zone.enforcement == Enforcement.OBSERVE:
            return SILENCE
        denied = [failure for failure in failures if failure.severity is Severity.DENY]
        warned = [failure for failure in failures if failure.severity is Severity.WARN]
        if zone.enforcement == Enforcement.ENFORCE and denied:
            return Answer(
                allowed=False,
                message=wording.refusal(
                    attempt.kind,
                    attempt.name,
                    zone,
                    denied,
                    self.rules,
                    self._route(attempt, denied),
                ),
                warnings=wording.warnings([], warned),
            )
        return Answer(warnings=wording.warnings(denied, warned))

    def _route(self, attempt: Attempt, denied: Sequence[Failure]) -> str:
        """Return how an exception to all that is broken is asked for; "" if there can be none."""
        rules = dict.fromkeys(failure.rule for failure in denied)
        named = bool((attempt.obj.get("metadata") or {}).get("name"))
        if (
            attempt.kind not in tuple(ExceptedKind)
            or not named
            or not self.exceptable >= set(rules)
        ):
            return ""
        return wording.route(attempt.kind, attempt.name, attempt.namespace, tuple(rules))
