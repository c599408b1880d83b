"""Which requests the feedback webhook is asked about; rendered into the chart.

Less is asked than the policies judge, never more: a request that is left out
here gets the API server's own verdict, in one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import yaml

from phiwarden.rulebook import vocabulary
from phiwarden.rulebook.subjects import SUBJECTS, Subject

PATH: Final = "charts/phiwarden/files/feedback.yaml"

SYSTEM: Final = (
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:",
    "system:node:",
)
"""How user names of Kubernetes' own parts begin: nobody there reads an answer."""

_HEADER: Final = "# Generated from operator/phiwarden/rulebook; make generate\n"


TOLD: Final = tuple(subject for subject in SUBJECTS if subject.name not in ("secrets", "scale"))
"""What the webhook is asked about. Not Secrets: their values stay out of the process. And not the
scale: the one rule about it fits the API server's own line."""

KINDS: Final = tuple(kind for subject in TOLD for kind in subject.kinds)


def of_system(username: str) -> bool:
    """Return whether a request comes from a part of Kubernetes itself."""
    return username.startswith(SYSTEM)


def rules() -> list[dict[str, Any]]:
    """Return the rules of the webhook: every kind that it has something to say about."""
    resources = sorted({key for subject in TOLD for key in _resources(subject)})
    return [
        {
            "apiGroups": [group],
            "apiVersions": [version],
            "operations": ["CREATE", "UPDATE"],
            "resources": [name for _, _, name in found],
            "scope": "Namespaced",
        }
        for (group, version), found in groupby(resources, key=lambda key: key[:2])
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


def _resources(subject: Subject) -> Iterator[tuple[str, str, str]]:
    for kind in subject.kinds:
        yield kind.group, kind.version, kind.plural
    for name in subject.subresources:
        yield "", "v1", name


def _unchanged() -> str:
    """Return CEL of `changes.unchanged`, a subject at a time."""
    terms = []
    for subject in TOLD:
        plurals = sorted({kind.plural for kind in subject.kinds})
        same = " && ".join(vocabulary.same(part) for part in subject.parts)
        terms.append(f"request.resource.resource in {plurals!r} && {same}")
    return " || ".join(terms)
