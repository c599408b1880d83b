"""An exception with all that somebody should know who asks for it or decides it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from phiwarden.api.decision import Decision, Identity
from phiwarden.api.exception import ExceptedObject, ExceptionSpec
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.evaluate import Judge, judge_with
from phiwarden.rulebook.exceptions import exceptable
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Rule
from phiwarden.rulebook.pages import Page, pages


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that a command knows.

    Attributes:
        pages: what is told of each, by identifier.
        exceptable: those that there are exceptions to.
        judge: tells what breaks them.
    """

    pages: Mapping[str, Page]
    exceptable: frozenset[str]
    judge: Judge

    @classmethod
    def known(cls, own: tuple[Rule, ...]) -> Rules:
        """Return phiwarden's rules and those of a platform team beside them."""
        judge = judge_with(own)
        return cls({page.id: page for page in pages(own)}, exceptable(judge.rules), judge)


class Presence(StrEnum):
    """Whether an object is there now."""

    THERE = "there"
    ABSENT = "absent"
    UNREAD = "unread"
    """The caller may not read it."""


@dataclass(frozen=True, slots=True)
class Looked:
    """An object that an exception names.

    Attributes:
        failures: what it breaks, whatever exceptions there are; None where that cannot be told.
    """

    object: ExceptedObject
    presence: Presence
    failures: tuple[Failure, ...] | None = None

    def __str__(self) -> str:
        return f"{self.object.kind}/{self.object.name}"


@dataclass(frozen=True, slots=True)
class Zone:
    """The namespace of an exception.

    Attributes:
        boundary: its boundary; None where it has none, or it cannot be told.
        problem: why there is none; "" where there is one.
        certain: whether it is certain that there is none.
    """

    namespace: str
    boundary: ZoneBoundary | None
    problem: str = ""
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """An exception on one sheet.

    Attributes:
        created: when it was asked for; None while it is not.
        decision: what was decided; None while nothing is.
        me: who looks at it, in the API server's words.
        now: the moment.
    """

    zone: Zone
    name: str
    spec: ExceptionSpec
    looked: tuple[Looked, ...]
    rules: Rules
    me: Identity
    now: dt.datetime
    created: dt.datetime | None = None
    decision: Decision | None = None

    @property
    def begins(self) -> dt.datetime:
        """Return the moment from which its term is counted."""
        return self.created or self.now

    @property
    def ends(self) -> dt.datetime:
        """Return when it ends."""
        return self.spec.expires
