"""A PHIRelease judged as the API server judges it, from its file alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from phiwarden.api import crd, names
from phiwarden.api.release import ReleaseSpec, Statement
from phiwarden.api.structural import Schema
from phiwarden.api.values import DNS_SUBDOMAIN
from phiwarden.rulebook.crd_form import (
    FieldError,
    contradictions,
    schema_of,
    unknown_fields,
    value_errors,
)
from phiwarden.rulebook.reading import settled

KIND: Final = "PHIRelease"

Spec = TypeVar("Spec", bound=Statement)


def release(manifest: Mapping[str, Any]) -> ReleaseSpec | tuple[FieldError, ...]:
    """Return the spec of a signed PHIRelease, or why the API server would refuse it."""
    return _read(manifest, ReleaseSpec)


def statement(manifest: Mapping[str, Any]) -> Statement | tuple[FieldError, ...]:
    """Return what a PHIRelease states, or why it would be refused once it is signed.

    A field that is misspelt would not be signed, so it is refused and not passed over.
    """
    return _read(manifest, Statement)


def _read(manifest: Mapping[str, Any], model: type[Spec]) -> Spec | tuple[FieldError, ...]:
    found = settled(manifest)
    errors = tuple(_form(found, model))
    if not errors:
        errors = tuple(contradictions(_schema(), found, ""))
    return errors or model.model_validate(found["spec"])


def _form(manifest: Mapping[str, Any], model: type[Statement]) -> Iterator[FieldError]:
    if manifest["apiVersion"] != names.API_VERSION:
        yield FieldError("apiVersion", f"must be {names.API_VERSION}")
    metadata = manifest.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or not name:
        yield FieldError("metadata.name", "a PHIRelease needs a name")
    elif len(name) > 253 or re.fullmatch(DNS_SUBDOMAIN.pattern, name, re.ASCII) is None:
        yield FieldError("metadata.name", DNS_SUBDOMAIN.message)
    spec = manifest.get("spec")
    if not isinstance(spec, Mapping):
        yield FieldError("spec", "a PHIRelease needs a spec")
        return
    yield from unknown_fields(_schema()["properties"]["spec"], spec, "spec")
    yield from value_errors(model, spec)


@cache
def _schema() -> Schema:
    return schema_of(crd.phirelease())
