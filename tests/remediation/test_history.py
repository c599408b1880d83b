"""Revisions as their keepers have them, and the digest that knows a template wherever it is kept."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phiwarden.remediation.history import (
    author_of_annotation,
    author_of_template,
    controller_of,
    digest_of,
    kept_by,
    kept_revisions,
    revision_of,
    revisions,
)
from tests.remediation.made import (
    OTHER,
    UID,
    bad,
    controller_revision,
    good,
    loose,
    replica_set,
    workload,
)

words = st.text("ab/.-", min_size=1, max_size=4)
leaves = st.one_of(words, st.integers(-3, 3), st.booleans(), st.just({}), st.just([]))
specs = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=12,
)
labels = st.dictionaries(words, words, max_size=3)
templates = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries({}, optional={"labels": labels, "annotations": labels}),
        "spec": st.dictionaries(words, specs, max_size=4),
    }
)


def with_nulls(value: Any, names: list[str]) -> Any:
    """Return a value with fields that are null, where it has none of the name."""
    if isinstance(value, dict):
        kept = {key: with_nulls(each, names) for key, each in value.items()}
        return {**dict.fromkeys(names), **kept}
    return [with_nulls(each, names) for each in value] if isinstance(value, list) else value


@given(templates, st.lists(words, max_size=2), words)
def test_a_template_has_one_digest_wherever_it_is_kept(
    template: dict[str, Any], nulls: list[str], mark: str
) -> None:
    kept = with_nulls(copy.deepcopy(template), nulls)
    kept["metadata"]["labels"] = {
        **template["metadata"].get("labels", {}),
        "pod-template-hash": mark,
    }
    kept["metadata"]["creationTimestamp"] = None
    kept["$patch"] = "replace"
    assert digest_of(kept) == digest_of(template)
    reordered = dict(reversed(template.items()))
    assert digest_of(reordered) == digest_of(template)


@given(templates, templates)
def test_two_templates_have_two_digests(one: dict[str, Any], other: dict[str, Any]) -> None:
    def told(template: dict[str, Any]) -> Any:
        return {k: v for k, v in template["metadata"].items() if v}, typed(template["spec"])

    assert (digest_of(one) == digest_of(other)) is (told(one) == told(other))


def typed(value: Any) -> Any:
    """Return a value in which True is not 1."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    return type(value).__name__, value


def test_an_empty_field_of_the_pod_says_something() -> None:
    """`emptyDir: {}` is a volume."""
    bare = {"metadata": {}, "spec": {"volumes": [{"name": "a"}]}}
    made = {"metadata": {}, "spec": {"volumes": [{"name": "a", "emptyDir": {}}]}}
    assert digest_of(bare) != digest_of(made)


@pytest.mark.parametrize("template", [good(), bad(), loose(), {}, {"metadata": None, "spec": None}])
def test_what_the_controllers_keep_has_the_digest_of_what_the_workload_had(
    template: dict[str, Any],
) -> None:
    whole = {"metadata": template.get("metadata") or {}, "spec": template.get("spec") or {}}
    (kept,) = revisions(UID, [replica_set(1, whole)])
    (saved,) = kept_revisions(UID, [controller_revision(1, whole)])
    assert kept.digest == saved.digest == digest_of(whole)
    # What is brought back is the template alone.
    assert digest_of(kept.template) == digest_of(saved.template) == kept.digest
    assert "pod-template-hash" not in kept.template["metadata"].get("labels", {})
    assert "$patch" not in saved.template


def test_a_kept_template_is_not_changed_by_being_read() -> None:
    original = replica_set(1, good())
    revisions(UID, [original])
    assert original == replica_set(1, good())


def test_a_replica_set_that_was_edited_is_another_template() -> None:
    edited = replica_set(1, good())
    edited["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "evil"
    (revision,) = revisions(UID, [edited])
    assert revision.digest != digest_of(good())


def test_revisions_are_newest_first_and_only_those_of_the_deployment() -> None:
    found = revisions(
        UID,
        [
            replica_set(2, good("2")),
            replica_set(10, good("10"), available=1),
            replica_set(3, good("3"), uid=OTHER),
            replica_set(9, good("9"), annotations={}),
            replica_set(8, good("8"), ownerReferences=None),
            replica_set(7, good("7"), ownerReferences=[{"kind": "Deployment", "uid": UID}]),
            replica_set(1, good("1")),
        ],
    )
    assert [(revision.number, revision.ready) for revision in found] == [
        (10, True),
        (2, False),
        (1, False),
    ]
    assert found[0].keeper == "api-h10"


def test_kept_revisions_are_newest_first_and_only_those_of_the_set() -> None:
    empty = {**controller_revision(9, good()), "data": None}
    odd = {**controller_revision(8, good()), "data": {"spec": {"template": "x"}}}
    kept = [
        controller_revision(1, good("1")),
        controller_revision(3, good("3")),
        controller_revision(2, good("2"), uid=OTHER),
        empty,
        odd,
    ]
    assert [revision.number for revision in kept_revisions(UID, kept)] == [3, 1]
    assert not any(revision.ready for revision in kept_revisions(UID, kept))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("7", 7),
        ("9" * 18, 10**18 - 1),
        # Anybody may write it, and nobody may stop the audit by it.
        ("9" * 19, None),
        ("9" * 5000, None),
        ("٣", None),
        ("²", None),
        ("", None),
        ("x", None),
        ("-1", None),
        ("1.5", None),
        ("1\n", None),
        (None, None),
    ],
)
def test_a_revision_is_a_number_that_fits(value: str | None, number: int | None) -> None:
    annotations = {} if value is None else {"deployment.kubernetes.io/revision": value}
    assert revision_of({"metadata": {"annotations": annotations}}) == number
    kept = revisions(UID, [replica_set(1, good(), annotations=annotations)])
    assert [revision.number for revision in kept] == ([] if number is None else [number])


@given(st.text())
def test_no_revision_that_anybody_writes_is_an_error(value: str) -> None:
    number = revision_of(
        {"metadata": {"annotations": {"deployment.kubernetes.io/revision": value}}}
    )
    assert number is None or 0 <= number < 2**63


@pytest.mark.parametrize(
    ("owners", "uid"),
    [
        (None, None),
        ([], None),
        ([{"uid": "a"}], None),
        ([{"uid": "a", "controller": False}, {"uid": "b", "controller": True}], "b"),
    ],
)
def test_one_owner_controls(owners: Any, uid: str | None) -> None:
    assert controller_of({"metadata": {"ownerReferences": owners}}) == uid


def entry(manager: str, time: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": fields}


def of_spec(field: str) -> dict[str, Any]:
    return {"f:spec": {field: {}}}


def test_the_author_is_the_last_manager_of_the_template() -> None:
    fields = [
        entry("helm", "2026-01-01T00:00:00Z", of_spec("f:template")),
        entry("kubectl-edit", "2026-03-01T00:00:00Z", of_spec("f:template")),
        entry("autoscaler", "2026-04-01T00:00:00Z", of_spec("f:replicas")),
    ]
    author = author_of_template({"metadata": {"managedFields": fields}})
    assert author is not None
    assert (author.manager, author.time) == ("kubectl-edit", "2026-03-01T00:00:00Z")


@pytest.mark.parametrize(
    "fields", [None, [], [{}], [{"manager": "x", "fieldsV1": None}], [entry("x", "", {})]]
)
def test_nobody_is_named_where_nobody_is_known(fields: Any) -> None:
    assert author_of_template({"metadata": {"managedFields": fields}}) is None
    assert author_of_annotation({"metadata": {"managedFields": fields}}, "a") is None


def test_a_job_template_is_a_template_too() -> None:
    fields = [{"manager": "flux", "fieldsV1": of_spec("f:jobTemplate")}]
    author = author_of_template(workload("CronJob", good(), metadata={"managedFields": fields}))
    assert author is not None
    assert (author.manager, author.time) == ("flux", "")


def test_the_author_of_an_annotation_is_the_last_who_wrote_it() -> None:
    def annotations(*names: str) -> dict[str, Any]:
        return {"f:metadata": {"f:annotations": {f"f:{name}": {} for name in names}}}

    fields = [
        entry("early", "2026-01-01T00:00:00Z", annotations("phiwarden.dev/pause-until")),
        entry("on-call", "2026-03-01T00:00:00Z", annotations("phiwarden.dev/pause-until", "x")),
        entry("other", "2026-04-01T00:00:00Z", annotations("x")),
    ]
    author = author_of_annotation(
        {"metadata": {"managedFields": fields}}, "phiwarden.dev/pause-until"
    )
    assert author is not None
    assert author.manager == "on-call"


@given(templates, templates)
def test_a_workload_never_goes_back_to_what_it_has(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Two revisions of one digest are one template, under whatever number."""
    assume(digest_of(one) != digest_of(other))
    kept = revisions(UID, [replica_set(1, one), replica_set(2, other), replica_set(3, one)])
    assert [each.digest == digest_of(one) for each in kept] == [True, False, True]


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ({"ownerReferences": [{"controller": True, "name": "api-new"}]}, True),
        ({"ownerReferences": [{"controller": True, "name": "api-old"}]}, False),
        ({"ownerReferences": [{"name": "api-new"}]}, False),
        ({"labels": {"controller-revision-hash": "api-new"}}, True),
        ({"labels": {"controller-revision-hash": "new"}}, True),
        ({"labels": {"controller-revision-hash": "ew"}}, False),
        ({"labels": {}}, False),
        ({}, False),
    ],
)
def test_whose_template_a_pod_has(metadata: dict[str, Any], kept: bool) -> None:
    assert kept_by({"metadata": metadata}, {"api-new"}) is kept
