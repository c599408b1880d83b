"""What a change touches: a rule judges an update only where it altered what the rule reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phiwarden.rulebook.subjects import Part, Subject, subject_of


def unchanged(obj: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Return whether an update leaves everything as it was that rules read of the object."""
    subject = subject_of(obj)
    return subject is None or not changed_parts(subject, obj, old)


def changed_parts(
    subject: Subject, obj: Mapping[str, Any], old: Mapping[str, Any] | None
) -> tuple[Part, ...]:
    """Return the parts that are to be judged: all of a new object, else those that differ.

    Args:
        subject: what the object is judged as.
        obj: the object as it is to be.
        old: the object as it was; None for a new one.
    """
    if old is None:
        return subject.parts
    leaving = _field(obj, "metadata.deletionTimestamp") is not None
    return tuple(
        part
        for part in subject.parts
        if any(
            _field(obj, steps) != _field(old, steps)
            for steps in (*part.fields, *(() if leaving else part.living))
        )
    )


def _field(obj: Any, steps: str) -> Any:
    """Return a field by its steps; null, empty and absent are one, as in the API server's view."""
    for step in steps.split("."):
        obj = obj.get(step) if isinstance(obj, Mapping) else None
    return obj if obj not in ({}, []) else None
