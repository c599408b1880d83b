"""The rules that the API server holds over a PHIWorkload itself, for people to read.

They are judged by `rulebook.declaration`, and by the API server from the CRD.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

from phiwarden.api import names
from phiwarden.api.workload import ClinicalImpact
from phiwarden.rulebook.declaration import KIND
from phiwarden.rulebook.model import Controls, Severity

_SPEC: Final[dict[str, Any]] = {
    "owner": {"team": "digital-health", "contact": "digital-health@hospital.example"},
    "environment": "production",
    "clinicalImpact": "direct-care",
    "zones": [{"name": "clinical", "data": "phi"}],
}
"""What examples change."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DeclaredExamples(_Data):
    """Parts of a spec that a rule must pass, and that it must refuse."""

    passing: Annotated[tuple[dict[str, Any], ...], Field(alias="pass", min_length=1)]
    failing: Annotated[tuple[dict[str, Any], ...], Field(alias="fail", min_length=1)]


class DeclaredRule(_Data):
    """A rule over a declaration."""

    id: Annotated[str, Field(pattern=r"^PHI-[A-Z]{2,4}-[0-9]{3}$")]
    title: Annotated[str, Field(max_length=90)]
    rationale: str
    fix: str
    controls: Controls
    severity: dict[ClinicalImpact, Severity]
    examples: DeclaredExamples


class _File(_Data):
    rules: tuple[DeclaredRule, ...]


@cache
def rules() -> tuple[DeclaredRule, ...]:
    """Return the rules over declarations, ordered by identifier."""
    text = (files("phiwarden.rulebook") / "declared.yaml").read_text(encoding="utf-8")
    found = _File.model_validate(_dated(yaml.safe_load(text))).rules
    return tuple(sorted(found, key=lambda rule: rule.id))


def rule(identifier: str) -> DeclaredRule:
    """Return the rule of an identifier; raises KeyError for one that is not there."""
    return {rule.id: rule for rule in rules()}[identifier]


def manifest(example: dict[str, Any], name: str = "portal") -> dict[str, Any]:
    """Return a PHIWorkload that an example is part of."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {**_SPEC, **example},
    }


def _dated(node: Any) -> Any:
    """Return YAML's values with days as the text that they are in a manifest."""
    match node:
        case dt.date():
            return node.isoformat()
        case dict():
            return {key: _dated(value) for key, value in node.items()}
        case list():
            return [_dated(item) for item in node]
    return node
