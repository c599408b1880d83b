"""Python and the API server give one verdict on thousands of generated objects.

$PHIWARDEN_DIFFERENTIAL_EXAMPLES asks for more of them than usual; `-s` shows what was compared.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from e2e.differential import forms
from e2e.differential.boundaries import ANY, BOUNDARIES, CHANGING, DEBUGGING
from e2e.differential.comparing import (
    ADMITTED,
    REFUSED,
    Case,
    Tally,
    about,
    compare,
    outcomes,
)
from e2e.differential.near import Field, Form, difference, near
from e2e.differential.place import Place
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.subjects import SUBJECTS, Subject

USUAL = 4000
EXAMPLES = max(USUAL, int(os.environ.get("PHIWARDEN_DIFFERENTIAL_EXAMPLES", USUAL)))
SHARES = {
    "pods": (12, 4), "workloads": (16, 8), "templates": (10, 3), "cronjobs": (8, 3), "scale": (0, 5),
    "services": (6, 4), "networkpolicies": (1, 1), "routes": (6, 4), "endpoints": (4, 2), "access": (5, 3),
    "claims": (4, 1), "snapshots": (1, 1), "references": (2, 1), "configmaps": (6, 4), "secrets": (3, 1), "revisions": (1, 1),
}  # fmt: skip
"""Of all examples: how many parts are new objects of a subject, and how many are changes."""
PART = EXAMPLES // sum(new + changed for new, changed in SHARES.values())
BOUNDED = settings(
    max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
"""Of one run. Hypothesis soon rather alters an example than draws a new one: runs are short, many,
and each starts from another field."""

Judge = Callable[[st.DataObject, Form, Field], None]


def explore(of: Sequence[Form], parts: int, judge: Judge) -> None:
    """Have as many examples judged as a number of parts comes to, and some for each field."""
    having: dict[Field, list[Form]] = {}
    for form in of:
        for field in form.fields():
            having.setdefault(field, []).append(form)
    runs = max(len(having), parts * PART // BOUNDED.max_examples)
    for number, field in enumerate(islice(cycle(having), runs)):
        examples = given(data=st.data(), form=st.sampled_from(having[field]), field=st.just(field))

        @seed(number)
        @BOUNDED
        @examples
        def judge_one(data: st.DataObject, form: Form, field: Field) -> None:
            judge(data, form, field)

        judge_one()


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_python_and_the_api_server_give_one_verdict(
    subject: Subject, place: Place, report: Tally
) -> None:
    comparison = Comparison(subject, place, Tally())
    created, changed = SHARES[subject.name]
    if created:
        explore(forms.NEW[subject.name], created, comparison.of_a_new_object)
    explore(forms.CHANGED[subject.name], changed, comparison.of_a_change)
    report.add(comparison.seen)
    was_worth_it(subject, comparison.seen)


@dataclass(frozen=True)
class Comparison:
    """Two ways to compare what is judged as one subject; counted in `seen`."""

    subject: Subject
    place: Place
    seen: Tally

    def of_a_new_object(self, data: st.DataObject, form: Form, field: Field) -> None:
        """Compare the verdicts on an object that does not exist yet."""
        obj = data.draw(near(form.good, field, form.fields()))
        title = data.draw(ANY)
        trusted = self.subject.name == "networkpolicies" and data.draw(st.booleans())
        case = Case(form.name, self.subject, BOUNDARIES[title])
        found = standard_judge().failures(obj, case.zone, trusted=trusted)
        answer = self.place.ask_for_new(form, obj, title, trusted=trusted)
        if compare(self.seen, case, answer, found) and answer.ok:
            # What is stored is audited, and has more fields than what was written.
            stored = answer.body
            assert standard_judge().failures(stored, case.zone, trusted=trusted) == found

    def of_a_change(self, data: st.DataObject, form: Form, field: Field) -> None:
        """Compare the verdicts on a change of an object from before its zone enforced."""
        stored = data.draw(st.sampled_from(forms.stored_as(self.subject.name)))
        before = forms.before(form, stored)
        patch = difference(before, data.draw(near(before, field, form.fields())))
        debugged = form.through == "ephemeralcontainers"
        title = data.draw(st.sampled_from(DEBUGGING if debugged else CHANGING))
        old = self.place.stored(form, stored)
        new = self.place.made_of(form, stored, patch)
        case = Case(form.name, self.subject, BOUNDARIES[title])
        if not new.ok:
            # Whatever the rules have against it, the API server would not take it anyway.
            compare(self.seen, case, new, ())
            return
        found = standard_judge().failures(new.body, case.zone, old=old)
        compare(self.seen, case, self.place.ask_for_change(form, stored, patch, title), found)


def was_worth_it(subject: Subject, seen: Tally) -> None:
    """Hold that most was compared, that both verdicts are common, and that each rule was met by both."""
    compared = seen.total(ADMITTED, REFUSED)
    assert compared > sum(seen.objects.values()) / 2
    assert min(seen.total(ADMITTED), seen.total(REFUSED)) > compared / 20
    # What is too large is compared in e2e/test_large_objects.py.
    met = [rule for rule in about(subject) if not rule.gate]
    expected = {(rule.id, outcome) for rule in met for outcome in outcomes(rule)}
    assert expected <= set(seen.rules)
