"""Who brings a workload from Git, by the marks that the tools leave on it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.remediation.gitops import other_side, source_of
from tests.remediation.made import NOW, good, workload, written

TRACKING = "argocd.argoproj.io/tracking-id"
KUSTOMIZE, HELM = "kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"


def body(
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    manager: str | None = None,
) -> dict[str, Any]:
    fields = written(NOW, manager) if manager is not None else {}
    return workload(
        "Deployment", good(), metadata={"labels": labels, "annotations": annotations, **fields}
    )


@pytest.mark.parametrize(
    ("labels", "annotations", "manager", "source"),
    [
        (
            {f"{KUSTOMIZE}/name": "apps", f"{KUSTOMIZE}/namespace": "flux-system"},
            None,
            "kustomize-controller",
            "Kustomization flux-system/apps",
        ),
        ({f"{HELM}/name": "lab"}, None, None, "HelmRelease lab"),
        (None, {TRACKING: "portal:apps/Deployment:clinic/api"}, None, "Application portal"),
        (None, {TRACKING: "team_portal:apps/Deployment:a/b"}, None, "Application team_portal"),
        (None, {TRACKING: "no name:apps/Deployment:a/b"}, None, "Application not shown"),
        (None, {TRACKING: ""}, None, "Application not shown"),
        (
            {"app.kubernetes.io/instance": "portal"},
            None,
            "argocd-controller",
            "Application portal",
        ),
        (None, None, "argocd-application-controller", "Application not shown"),
        (None, None, "argocd", "Application not shown"),
        # A label that every chart sets proves nothing.
        ({"app.kubernetes.io/instance": "portal"}, None, "helm", None),
        ({f"{KUSTOMIZE}/namespace": "flux-system"}, None, None, None),
        ({f"{KUSTOMIZE}/name": "not\na name"}, None, None, None),
        (None, None, "argocdish", None),
        (None, None, "kubectl", None),
        (None, None, None, None),
    ],
)
def test_the_source_is_told_by_its_marks(
    labels: Any, annotations: Any, manager: str | None, source: str | None
) -> None:
    found = source_of(body(labels, annotations, manager))
    assert (str(found) if found is not None else None) == source


@pytest.mark.parametrize(
    ("manager", "side"),
    [
        ("kubectl-edit", "field manager kubectl-edit"),
        ("argocd-controller", "Application not shown"),
        ("evil\nmanager", "somebody"),
        ("", "somebody"),
        (None, "somebody"),
        ("x" * 200, "somebody"),
    ],
)
def test_the_other_side_is_named_where_that_is_safe(manager: str | None, side: str) -> None:
    assert other_side(body(manager=manager)) == side


@given(
    st.dictionaries(
        st.sampled_from([f"{KUSTOMIZE}/name", f"{HELM}/name", f"{HELM}/namespace"]), st.text()
    ),
    st.text(),
    st.text(),
)
def test_whatever_others_write_is_told_in_one_plain_line(
    labels: dict[str, str], tracking: str, manager: str
) -> None:
    told = other_side(body(labels, {TRACKING: tracking} if tracking else None, manager))
    assert told.isascii()
    assert told.isprintable()
    assert len(told) < 600
