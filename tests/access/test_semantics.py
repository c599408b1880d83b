"""Every right is told as the documentation of RBAC says, and no other."""

from __future__ import annotations

from itertools import product
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phiwarden.access.abilities import Ability
from phiwarden.access.rbac import Subject, SubjectKind

from .cases import Answers, case, corners, everybody, requests
from .made import rbac
from .oracle import allowed

NAMESPACES = ("portal-clinical", "portal-edge")

# By seeds, since each then decides of everything: what is drawn step by step is mostly simple.
chances = st.integers(0, 2**32).map(Random)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(chances)
def test_every_request_is_answered_as_the_documentation_says(chance: Random) -> None:
    objects = case(chance, NAMESPACES)
    answers = Answers(rbac(*objects), NAMESPACES)
    for who, subjects in everybody(NAMESPACES).items():
        for namespace in NAMESPACES:
            for power, request in requests(namespace):
                said = answers.allowed(subjects, namespace, power, request)
                assert said == allowed(objects, who, request), (who, request)


def test_what_is_easily_misread_is_answered_so_too() -> None:
    here, other = NAMESPACES
    objects, people = corners(here, "")
    answers = Answers(rbac(*objects), NAMESPACES)
    for who in people:
        subjects = (Subject(SubjectKind.USER, who.user),)
        for namespace in (here, other):
            for power, request in requests(namespace):
                said = answers.allowed(subjects, namespace, power, request)
                assert said == allowed(objects, who, request), (who, request)


def test_chance_brings_both_answers_for_every_ability() -> None:
    seen = set()
    for seed in range(60):
        objects = case(Random(seed), NAMESPACES)
        for who in everybody(NAMESPACES):
            for power, request in requests(NAMESPACES[0]):
                seen.add((power.ability, allowed(objects, who, request)))
    assert seen == set(product(Ability, (True, False)))
