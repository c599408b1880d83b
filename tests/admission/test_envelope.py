"""Bodies that are reviews, and bodies that are none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.admission.answer import attempt_of
from phiwarden.admission.envelope import BadReview, read

REQUEST = {
    "uid": "705ab4f5",
    "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
    "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
    "operation": "UPDATE",
    "namespace": "portal-clinical",
    "userInfo": {"username": "developer", "groups": ["dev"], "extra": {"a": ["b"]}},
    "object": {
        "kind": "Deployment",
        "metadata": {"name": "app", "managedFields": [1]},
        "status": 1,
    },
    "oldObject": {"kind": "Deployment", "metadata": {"name": "app"}},
    "dryRun": True,
    "options": None,
}


def review(**request: Any) -> dict[str, Any]:
    changed = {key: value for key, value in {**REQUEST, **request}.items() if value != "gone"}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": changed}


def test_a_review_is_read_without_what_no_rule_reads() -> None:
    attempt = attempt_of(read(json.dumps(review()).encode()))
    assert (attempt.username, attempt.groups) == ("developer", frozenset(["dev"]))
    assert (attempt.kind, attempt.name, attempt.namespace) == (
        "Deployment",
        "app",
        "portal-clinical",
    )
    assert attempt.dry_run
    assert attempt.obj == {"kind": "Deployment", "metadata": {"name": "app"}}
    assert attempt.old == attempt.obj


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "body: Invalid JSON"),
        (b"{", "body: Invalid JSON"),
        (b"\xff\xfe", "body: Invalid JSON"),
        (b"[" * 5000, "body: Invalid JSON: recursion limit exceeded"),
        (b"[]", "body: Input should be an object"),
        ({"apiVersion": "v1", "kind": "Pod"}, "apiVersion: Input should be 'admission.k8s.io/v1'"),
        (
            {**review(), "apiVersion": "admission.k8s.io/v1beta1"},
            "apiVersion: Input should be 'admission.k8s.io/v1'",
        ),
        ({**review(), "kind": "TokenReview"}, "kind: Input should be 'AdmissionReview'"),
        ({**review(), "request": None}, "request: Input should be an object"),
        (review(uid="gone"), "request.uid: Field required"),
        (review(uid=""), "request.uid: String should have at least 1 character"),
        (review(resource={}), "request.resource.group: Field required"),
        (review(userInfo="gone"), "request.userInfo: Field required"),
        (review(userInfo={"groups": [{}]}), "request.userInfo.groups.0: Input should be a valid"),
        (review(operation="PEEK"), "request.operation: Input should be 'CREATE'"),
        (review(object="text"), "request.object: Input should be an object"),
        (review(object={}), "request.object: an object must have metadata"),
        (review(object=None, oldObject=None), "request: object or oldObject must be there"),
    ],
)
def test_what_is_no_review_is_told_what_one_must_be(body: Any, told: str) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(BadReview) as bad:
        read(raw)
    assert str(bad.value).startswith(told)


@given(
    st.binary()
    | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_no_body_is_too_strange_to_be_refused_in_order(body: bytes) -> None:
    with pytest.raises(BadReview):
        read(body)


def test_a_refused_body_is_not_quoted() -> None:
    secret = review(uid={"password": "hunter2"})
    with pytest.raises(BadReview) as bad:
        read(json.dumps(secret).encode())
    assert "hunter2" not in str(bad.value)
