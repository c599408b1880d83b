"""Python and the API server give one verdict on thousands of generated objects.

$PHIWARDEN_DIFFERENTIAL_EXAMPLES asks for more of them than usual; `-s` shows what was compared.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from e2e.differential import forms
from e2e.differential.boundaries import BOUNDARIES, CHANGING
from e2e.differential.comparing import ADMITTED, DENIED, KEPT, REFUSED, WARNED, Tally, about, judged
from e2e.differential.near import Form, difference, near
from e2e.differential.place import Place
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.subjects import SUBJECTS, Subject

USUAL = 4000
EXAMPLES = max(USUAL, int(os.environ.get("PHIWARDEN_DIFFERENTIAL_EXAMPLES", USUAL)))
BY_NAME = {subject.name: subject for subject in SUBJECTS}

NEW_SHARES = {
    "pods": 6, "workloads": 9, "templates": 4, "cronjobs": 3, "services": 4, "networkpolicies": 1,
    "routes": 4, "endpoints": 3, "access": 4, "configmaps": 4, "secrets": 2, "revisions": 1,
}  # fmt: skip
CHANGED_SHARES = {
    "pods": 3, "workloads": 5, "templates": 2, "cronjobs": 2, "scale": 1, "services": 3,
    "networkpolicies": 1, "routes": 3, "endpoints": 2, "access": 2, "configmaps": 3, "secrets": 1,
    "revisions": 1,
}  # fmt: skip
SHARES = sum(NEW_SHARES.values()) + sum(CHANGED_SHARES.values())


def explore(share: int, judge: Callable[[st.DataObject], None]) -> None:
    """Have as many examples judged as a share of all comes to."""
    bounded = settings(
        max_examples=EXAMPLES * share // SHARES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    bounded(given(data=st.data())(judge))()


@pytest.mark.parametrize("name", NEW_SHARES)
def test_a_new_object_gets_one_verdict(name: str, place: Place, report: Tally) -> None:
    subject, seen = BY_NAME[name], Tally()

    def judge(data: st.DataObject) -> None:
        form = data.draw(st.sampled_from(forms.NEW[name]))
        obj = data.draw(near(form.good, form.edges))
        title = data.draw(st.sampled_from(list(BOUNDARIES)))
        trusted = name == "networkpolicies" and data.draw(st.booleans())
        zone = BOUNDARIES[title]
        found = standard_judge().failures(obj, zone, trusted=trusted)
        answer = place.ask_for_new(form, obj, title, trusted=trusted)
        if judged(seen, form.name, subject, zone, answer, found) and answer.ok:
            # What is stored is audited, and has more fields than what was written.
            assert standard_judge().failures(answer.body, zone, trusted=trusted) == found

    explore(NEW_SHARES[name], judge)
    report.add(seen)


@pytest.mark.parametrize("name", CHANGED_SHARES)
def test_a_change_gets_one_verdict(name: str, place: Place, report: Tally) -> None:
    subject, seen = BY_NAME[name], Tally()

    def judge(data: st.DataObject) -> None:
        form = data.draw(st.sampled_from(forms.CHANGED[name]))
        stored = data.draw(st.sampled_from(forms.stored_as(name)))
        before = forms.before(form, stored)
        patch = difference(before, data.draw(near(before, form.edges)))
        title = data.draw(st.sampled_from(CHANGING))
        zone = BOUNDARIES[title]
        old = place.stored(form, stored)
        new = place.made_of(form, stored, patch)
        answer = place.ask_for_change(form, stored, patch, title)
        found = standard_judge().failures(new.body, zone, old=old) if new.ok else ()
        judged(seen, form.name, subject, zone, answer, found)

    explore(CHANGED_SHARES[name], judge)
    report.add(seen)
