"""An object as the API server would read it, whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from phiwarden.rulebook.shapes import CONTAINER_LISTS

_DEPTH: Final = 64
"""Steps down to which an object is read; no field that a rule reads lies half as deep."""


_INT64: Final = (1 << 63) - 1


def settled(node: Any, depth: int = _DEPTH) -> Any:
    """Return an object as the API server reads it: a null field is an absent one."""
    if isinstance(node, str) and node.isascii():
        return node  # most of what there is
    match node:
        case None | bool() | float():
            return node
        case int():
            return min(max(node, -_INT64), _INT64)
        case str():
            # YAML can spell half a surrogate pair, which is no text.
            return node.encode(errors="replace").decode()
        case dict() | Mapping():
            if depth == 0:
                return None
            return {
                str(key): read
                for key, value in node.items()
                if (read := settled(value, depth - 1)) is not None
            }
        case list() | tuple():
            return [] if depth == 0 else [settled(value, depth - 1) for value in node]
    return str(node)


_APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"


def confined(pod: Mapping[str, Any], annotations: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the spec of a Pod with the AppArmor profiles of its annotations in its fields.

    The API server does so with a new Pod, and with no pod template:
    https://kubernetes.io/docs/tutorials/security/apparmor/
    """
    chosen = {
        key.removeprefix(_APPARMOR): value
        for key, value in annotations.items()
        if key.startswith(_APPARMOR)
    }
    if not chosen:
        return pod
    lists = {name: pod[name] for name in CONTAINER_LISTS if isinstance(pod.get(name), list)}
    return {
        **pod,
        **{name: [_confined(each, chosen) for each in found] for name, found in lists.items()},
    }


def _confined(container: Any, chosen: Mapping[str, Any]) -> Any:
    if not isinstance(container, Mapping):
        return container
    profile = _profile(chosen.get(str(container.get("name"))))
    security = container.get("securityContext", {})
    if profile is None or not isinstance(security, Mapping) or "appArmorProfile" in security:
        return container
    return {**container, "securityContext": {**security, "appArmorProfile": {"type": profile}}}


def _profile(annotation: Any) -> str | None:
    """Return the type of profile that an annotation stands for; None if it means nothing."""
    match annotation:
        case "unconfined":
            return "Unconfined"
        case "runtime/default":
            return "RuntimeDefault"
        case str() if annotation.startswith("localhost/") and annotation != "localhost/":
            return "Localhost"
    return None
