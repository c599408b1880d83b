"""Names that Kubernetes must accept as keys and values."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api import names
from phiwarden.api.values import DNS_LABEL, MAX_NAME
from phiwarden.api.vocabulary import (
    ClinicalImpact,
    DataClass,
    Enforcement,
    Environment,
    Exposure,
    Purpose,
)
from phiwarden.api.workload import Zone

KEYS = [
    *names.BOUNDARY_LABELS,
    *names.BOUNDARY_ANNOTATIONS,
    names.QUARANTINE,
    names.FINALIZER,
    names.MANAGED_BY,
    names.NAMESPACE_NAME,
]
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_one_that_kubernetes_takes(key: str) -> None:
    prefix, name = key.split("/")
    assert len(prefix) <= 253
    assert all(DNS_LABEL.check(part) for part in prefix.split("."))
    assert LABEL_VALUE.fullmatch(name)


def test_no_key_stands_for_two_things() -> None:
    assert len(set(KEYS)) == len(KEYS)


@pytest.mark.parametrize("words", [ClinicalImpact, DataClass, Enforcement, Environment, Exposure])
def test_a_word_can_be_a_label_value(words: type[str]) -> None:
    assert all(LABEL_VALUE.fullmatch(word) for word in words)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_purpose_can_end_an_object_name(purpose: Purpose) -> None:
    DNS_LABEL.check(purpose)


_name = st.from_regex(DNS_LABEL.pattern, fullmatch=True).filter(lambda n: len(n) <= MAX_NAME)


@given(workload=_name, zone=_name)
def test_a_default_namespace_is_a_label_whenever_it_is_short_enough(
    workload: str, zone: str
) -> None:
    namespace = Zone.model_validate({"name": zone, "data": "none"}).namespace_in(workload)
    assert DNS_LABEL.check(namespace) == f"{workload}-{zone}"
    assert bool(LABEL_VALUE.fullmatch(namespace)) == (len(namespace) <= 63)
