"""What of an application keeps the value of a secret that it started with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from phiwarden.rulebook.shapes import CONTAINER_LISTS


def env_secrets(template: Mapping[str, Any]) -> frozenset[str]:
    """Return the Secrets that a pod template reads as environment variables.

    Those that are mounted follow a new value by themselves; a variable never does.
    """
    return frozenset(_read(template.get("spec") or {}))


def _read(pod: Mapping[str, Any]) -> Iterator[str]:
    for containers in CONTAINER_LISTS:
        for container in pod.get(containers) or ():
            for entry in container.get("env") or ():
                yield from _named((entry.get("valueFrom") or {}).get("secretKeyRef"))
            for source in container.get("envFrom") or ():
                yield from _named(source.get("secretRef"))


def _named(reference: Mapping[str, Any] | None) -> Iterator[str]:
    if reference and reference.get("name"):
        yield str(reference["name"])
