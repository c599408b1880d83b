"""A PHIWorkload judged as the API server judges it, from its file alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from phiwarden.api import crd, names
from phiwarden.api.structural import Schema
from phiwarden.api.values import DNS_LABEL, MAX_NAME
from phiwarden.api.workload import WorkloadSpec
from phiwarden.rulebook.crd_form import (
    FieldError,
    contradictions,
    defaulted,
    refused_change,
    schema_of,
    unknown_fields,
    value_errors,
)
from phiwarden.rulebook.reading import settled

KIND: Final = "PHIWorkload"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declaration that can be read, with what contradicts itself in it.

    Attributes:
        name: of the PHIWorkload.
        spec: what it declares.
        errors: what the API server would refuse all the same.
    """

    name: str
    spec: WorkloadSpec
    errors: tuple[FieldError, ...]


def declaration(manifest: Mapping[str, Any]) -> Declaration | tuple[FieldError, ...]:
    """Return what a PHIWorkload declares, or why it cannot be read."""
    read = settled(manifest)
    errors = tuple(_form(read))
    if errors:
        return errors
    spec = WorkloadSpec.model_validate(read["spec"])
    found = tuple(contradictions(_schema(), defaulted(_schema(), read), ""))
    return Declaration(read["metadata"]["name"], spec, found)


def refused_changes(name: str, old: WorkloadSpec, new: WorkloadSpec) -> tuple[FieldError, ...]:
    """Return why the API server would refuse to change a stored declaration to another."""
    before, after = _manifest(name, old), _manifest(name, new)
    return tuple(refused_change(_schema(), before, after, ""))


def _manifest(name: str, spec: WorkloadSpec) -> dict[str, Any]:
    stored = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"metadata": {"name": name}, "spec": stored}


def _form(manifest: Mapping[str, Any]) -> Iterator[FieldError]:
    if manifest["apiVersion"] != names.API_VERSION:
        yield FieldError("apiVersion", f"must be {names.API_VERSION}")
    metadata = manifest.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or not name:
        yield FieldError("metadata.name", "a PHIWorkload needs a name")
    elif len(name) > MAX_NAME:
        yield FieldError("metadata.name", f"has more than {MAX_NAME} characters")
    elif re.fullmatch(DNS_LABEL.pattern, name, re.ASCII) is None:
        yield FieldError("metadata.name", DNS_LABEL.message)
    spec = manifest.get("spec")
    if not isinstance(spec, Mapping):
        yield FieldError("spec", "a PHIWorkload needs a spec")
        return
    yield from unknown_fields(_schema()["properties"]["spec"], spec, "spec")
    yield from value_errors(WorkloadSpec, spec)


@cache
def _schema() -> Schema:
    return schema_of(crd.phiworkload())
