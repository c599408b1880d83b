"""What a pod template needs to be there before its pods can start."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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


@dataclass(frozen=True, slots=True)
class Present:
    """What a namespace has of what pods may need.

    Attributes:
        secrets: names of its Secrets; None where they are not known: then none is missed.
        claims: names of its PersistentVolumeClaims; None likewise.
        accounts: service accounts that stand there by the declaration.
    """

    secrets: Collection[str] | None
    claims: Collection[str] | None
    accounts: Collection[str]

    def missing(self, needs: References) -> Iterator[str]:
        """Return what is not there, in words."""
        if self.secrets is not None:
            yield from (f"Secret {name}" for name in sorted(needs.secrets.difference(self.secrets)))
        if self.claims is not None:
            missed = sorted(needs.claims.difference(self.claims))
            yield from (f"PersistentVolumeClaim {name}" for name in missed)
        if needs.account != "default" and needs.account not in self.accounts:
            yield f"ServiceAccount {needs.account}"


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
