"""The policies of what rules judge: which questions each decides, and what it answers.

What carries a pod is judged by two policies, of which never more than one
speaks. Most questions need nothing but the manifest. They are a matchCondition
of the second policy, asked once, and nothing of that policy is evaluated where
they find no offender; the first asks the few that need the zone, which a
matchCondition cannot see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from phiwarden.api import names
from phiwarden.rulebook import vocabulary as words
from phiwarden.rulebook.model import Rule, Severity
from phiwarden.rulebook.policies import Manifest, bindings, policy
from phiwarden.rulebook.questions import Question, clean, failures, questions, quote
from phiwarden.rulebook.subjects import Part, Subject

_ZONE_NAME: Final = (
    f"'zone ' + namespaceObject.metadata.labels['{names.ZONE}']"
    f" + ' of ' + namespaceObject.metadata.labels['{names.WORKLOAD}']"
    " + ' (data ' + variables.data + ', ' + variables.impact + '; broken: '"
    " + variables.broken.join(', ') + ') refuses this: '"
)

_UNREADABLE: Final = (
    "'the boundary of namespace ' + namespaceObject.metadata.name"
    " + ' cannot be read, so nothing new is admitted there; wrong or missing: '"
    " + variables.unreadable.join(', ')"
)

_STATIC: Final = (
    "refused by the boundary of this zone; the failures are too many to list here,"
    " mend those of a smaller part first"
)


def _zone_texts(asked: _Asked, *, exceptions: bool) -> tuple[words.Variable, ...]:
    """Return the answer: which rules are broken, all of them, then where, then what to do.

    Args:
        asked: the questions.
        exceptions: whether what is excused is left out.
    """
    lists = [
        f"({words.same(part)} ? [] : {found})"
        for part, questions_ in asked.items()
        for found in failures(questions_, part.base)
    ]
    found = in_parts(lists, "found" if exceptions else "failures")
    return (
        *found,
        *((_NOT_EXCUSED,) if exceptions else ()),
        *told(question.rule for questions_ in asked.values() for question in questions_),
        words.Variable(
            "text",
            f"!variables.readable ? {_UNREADABLE} : {_ZONE_NAME} + {ANSWER}",
        ),
    )


def in_parts(lists: Sequence[str], name: str = "failures") -> tuple[words.Variable, ...]:
    """Return all failures, as a variable of that name, and those that it is put together from."""
    if len(lists) == 1:
        return (words.Variable(name, lists[0]),)
    parts = [words.Variable(f"{name}{number}", text) for number, text in enumerate(lists, 1)]
    whole = " + ".join(f"variables.{part.name}" for part in parts)
    return (*parts, words.Variable(name, whole))


_RULE_OF: Final = "line.split(' ', 2)[0]"

_NOT_EXCUSED: Final = words.Variable(
    "failures", f"variables.found.filter(line, !({_RULE_OF} in variables.excused))"
)

_ALL_EXCUSED: Final = (
    "(variables.readable && variables.excused.size() > 0 && variables.failures.size() == 0)"
)


ANSWER: Final = "variables.failures.join(' | ') + ' | ' + variables.fixes.join(' | ')"


def told(rules: Iterable[Rule]) -> tuple[words.Variable, ...]:
    """Return the rules that are broken, and what to do about each, once."""
    fixes = {rule.id: rule.fix for rule in rules}
    table = ", ".join(f"{quote(rule)}: {quote(f'{rule}: {fixes[rule]}')}" for rule in sorted(fixes))
    return (
        words.Variable("remedies", f"{{{table}}}"),
        words.Variable("named", f"variables.failures.map(line, {_RULE_OF})"),
        words.Variable(
            "broken",
            "["
            + ", ".join(quote(rule) for rule in sorted(fixes))
            + "].filter(rule, rule in variables.named)",
        ),
        words.Variable("fixes", "variables.broken.map(rule, 'fix ' + variables.remedies[rule])"),
    )


_Asked = Mapping[Part, Sequence[Question]]


def subject_policies(rules: Sequence[Rule], subject: Subject, name: str) -> list[Manifest]:
    """Return the policies of a subject with their bindings; nothing if no rule asks about it."""
    asked: _Asked = {
        part: found for part in subject.parts if (found := questions(rules, part, [Severity.DENY]))
    }
    if not asked:
        return []
    verdict = _Verdict(subject, words.variables_of(subject))
    of_zone = _only(asked, verdict.of_zone)
    by_itself = _only(asked, lambda question: not verdict.of_zone(question))
    if subject.shape is None or not by_itself:
        return verdict.policy(asked, name)
    offends = f"!({verdict.untouched} || ({verdict.judged(by_itself, guarded=False)}))"
    offends = words.written_out(offends, verdict.variables, short=False)
    if not of_zone:
        return verdict.policy(asked, name, only_if=offends)
    return [
        *verdict.policy(of_zone, name, unless=offends),
        *verdict.policy(asked, f"{name}-manifest", only_if=offends),
    ]


def _only(asked: _Asked, wanted: Callable[[Question], bool]) -> _Asked:
    kept = {part: [q for q in questions_ if wanted(q)] for part, questions_ in asked.items()}
    return {part: questions_ for part, questions_ in kept.items() if questions_}


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the policies of a subject share."""

    subject: Subject
    variables: tuple[words.Variable, ...]

    @property
    def untouched(self) -> str:
        return " && ".join(words.same(part) for part in self.subject.parts)

    def of_zone(self, question: Question) -> bool:
        """Return whether a question needs the zone, beside the guard that it stands behind."""
        return words.of_the_zone(question.check.offends, self.variables)

    def judged(self, asked: _Asked, *, guarded: bool = True) -> str:
        """Return CEL that is true if no question finds an offender in what was touched."""
        debuggable = "pods/ephemeralcontainers" in self.subject.subresources
        found = (
            (part, clean(questions_, debuggable=debuggable, guarded=guarded))
            for part, questions_ in asked.items()
        )
        return " && ".join(f"({words.same(part)} || ({holds}))" for part, holds in found)

    def policy(
        self,
        asked: _Asked,
        name: str,
        *,
        unless: str | None = None,
        only_if: str | None = None,
    ) -> list[Manifest]:
        """Return a policy with its bindings.

        Args:
            asked: the questions that it decides.
            name: of the policy.
            unless: CEL of what another policy decides, with all questions.
            only_if: CEL without which it decides nothing.
        """
        passes = [self.untouched, f"(variables.readable && {self.judged(asked)})"]
        if any(variable.name == "held" for variable in self.variables):
            passes.append("variables.held")
        if unless is not None:
            passes.append(unless)
        exceptions = words.has_exceptions(self.subject)
        if exceptions:
            passes.append(_ALL_EXCUSED)
        verdict = words.written_out(" || ".join(passes), self.variables)
        made = policy(
            name,
            about=self.subject.about,
            kinds=self.subject.kinds,
            operations=self.subject.operations,
            subresources=self.subject.subresources,
            variables=(
                *self.variables,
                *_zone_texts(asked, exceptions=exceptions),
                words.Variable("clean", verdict),
            ),
            message=_STATIC,
            only_if=only_if,
        )
        return [made, *bindings(name, "namespaceSelector")]
