"""What a pod template needs to be there before its pods can start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phiwarden.rulebook.shapes import CONTAINER_LISTS


@dataclass(frozen=True, slots=True)
class References:
    """Names in the namespace of the pod; what is optional is left out.

    Attributes:
        secrets: Secrets that are mounted or read as variables.
        claims: PersistentVolumeClaims.
        account: the service account.
    """

    secrets: frozenset[str]
    claims: frozenset[str]
    account: str


def references(template: Mapping[str, Any]) -> References:
    """Return what a pod template refers to. ConfigMaps are not among it: phiwarden reads none."""
    pod = template.get("spec") or {}
    volumes = pod.get("volumes") or ()
    claims = {
        volume["persistentVolumeClaim"].get("claimName", "")
        for volume in volumes
        if volume.get("persistentVolumeClaim")
    }
    secrets = {*_mounted(volumes), *_read(pod)}
    account = pod.get("serviceAccountName") or pod.get("serviceAccount") or "default"
    return References(frozenset(secrets), frozenset(claims), account)


def _mounted(volumes: Any) -> Iterator[str]:
    for volume in volumes:
        yield from _required(volume.get("secret"), "secretName")
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _required(source.get("secret"), "name")


def _read(pod: Mapping[str, Any]) -> Iterator[str]:
    for containers in CONTAINER_LISTS:
        for container in pod.get(containers) or ():
            for entry in container.get("env") or ():
                yield from _required((entry.get("valueFrom") or {}).get("secretKeyRef"), "name")
            for source in container.get("envFrom") or ():
                yield from _required(source.get("secretRef"), "name")


def _required(reference: Mapping[str, Any] | None, key: str) -> Iterator[str]:
    if reference and reference.get(key) and not reference.get("optional"):
        yield str(reference[key])
