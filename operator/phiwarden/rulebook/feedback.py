"""Which requests the feedback webhook is asked about; rendered into the chart.

Less is asked than the policies judge, never more: a request that is left out
here gets the API server's own verdict, in one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import yaml

from phiwarden.rulebook.changes import JUDGED, Judged

PATH: Final = "charts/phiwarden/files/feedback.yaml"

SYSTEM: Final = (
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:",
    "system:node:",
)
"""How user names of Kubernetes' own parts begin: nobody there reads an answer."""

_HEADER: Final = "# Generated from operator/phiwarden/rulebook; make generate\n"


def of_system(username: str) -> bool:
    """Return whether a request comes from a part of Kubernetes itself."""
    return username.startswith(SYSTEM)


def rules() -> list[dict[str, Any]]:
    """Return the rules of the webhook: every kind that is judged, with its subresources."""
    by_version = sorted(JUDGED, key=_group_version)
    return [
        {
            "apiGroups": [group],
            "apiVersions": [version],
            "operations": ["CREATE", "UPDATE"],
            "resources": [resource for judged in kinds for resource in _resources(judged)],
            "scope": "Namespaced",
        }
        for (group, version), kinds in groupby(by_version, key=_group_version)
    ]


def conditions() -> list[dict[str, str]]:
    """Return what a request must be, besides, as CEL."""
    system = " || ".join(f"request.userInfo.username.startsWith('{start}')" for start in SYSTEM)
    return [
        {"name": "somebody-reads-the-answer", "expression": f"!({system})"},
        {
            "name": "changes-what-rules-read",
            "expression": f"request.operation == 'CREATE' || !({_unchanged()})",
        },
    ]


def chart_text() -> str:
    """Return the file that the chart's template reads."""
    content = {"rules": rules(), "matchConditions": conditions()}
    return _HEADER + yaml.safe_dump(content, sort_keys=False, width=4096)


def _group_version(judged: Judged) -> tuple[str, str]:
    return judged.kind.group, judged.kind.version


def _resources(judged: Judged) -> Iterator[str]:
    yield judged.kind.plural
    yield from judged.subresources


_SAME_ANNOTATIONS: Final = (
    " && (has(object.metadata.annotations) ? object.metadata.annotations : {})"
    " == (has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {})"
)


def _unchanged() -> str:
    """Return CEL of `changes.unchanged`, a kind at a time; it may find less, and never more."""
    by_part: dict[tuple[tuple[str, ...], bool], list[str]] = {}
    for judged in JUDGED:
        by_part.setdefault((judged.part, judged.annotations), []).append(judged.kind.plural)
    terms = []
    for (steps, with_annotations), plurals in by_part.items():
        part = "".join(f".{step}" for step in steps)
        more = _SAME_ANNOTATIONS if with_annotations else ""
        terms.append(
            f"request.resource.resource in {plurals!r} && object{part} == oldObject{part}{more}"
        )
    return " || ".join(terms)
