"""Who deploys a workload from Git, by the marks that the tools leave on what they apply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.remediation.history import author_of_template

TRACKING: Final = "argocd.argoproj.io/tracking-id"
"""Annotation of Argo CD: `application:group/Kind:namespace/name`."""

INSTANCE: Final = "app.kubernetes.io/instance"
"""Label by which Argo CD tracks where it is not asked for the annotation."""

_ARGO: Final = re.compile(r"argocd(-.*)?")
"""Field managers of Argo CD's controller."""

_FLUX: Final = {
    "kustomize.toolkit.fluxcd.io": "Kustomization",
    "helm.toolkit.fluxcd.io": "HelmRelease",
}
"""Prefix of the labels `/name` and `/namespace` that Flux's controllers set, to their kind."""

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9._]{0,251}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """What brings a workload from Git.

    Attributes:
        kind: Application, Kustomization or HelmRelease.
        name: its name, with its namespace where one is told.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def source_of(obj: Mapping[str, Any]) -> Source | None:
    """Return what brings an object from Git, None where nothing says that it comes from there.

    The marks are anybody's to write: they decide how long phiwarden insists,
    and never whether the API server enforces.
    """
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    for prefix, kind in _FLUX.items():
        if name := _name(labels.get(f"{prefix}/name")):
            namespace = _name(labels.get(f"{prefix}/namespace"))
            return Source(kind, f"{namespace}/{name}" if namespace else name)
    tracking = (metadata.get("annotations") or {}).get(TRACKING)
    if tracking is not None:
        return Source("Application", _name(tracking.partition(":")[0]) or "not shown")
    author = author_of_template(obj)
    if author is not None and _ARGO.fullmatch(author.manager):
        return Source("Application", _name(labels.get(INSTANCE)) or "not shown")
    return None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def other_side(obj: Mapping[str, Any]) -> str:
    """Return who wants the template that an object has, by name."""
    source = source_of(obj)
    if source is not None:
        return str(source)
    author = author_of_template(obj)
    manager = author.manager if author is not None else ""
    return f"field manager {manager}" if _MANAGER.fullmatch(manager) else "somebody"


_MANAGER: Final = re.compile(r"[A-Za-z0-9][\w. /-]{0,127}", re.ASCII)
