"""What a declaration makes of the Secrets of a zone: who reads, who writes, what asks a store."""

from __future__ import annotations

from typing import Any, Final

from phiwarden.api.secrets import (
    DeclaredSecret,
    ExternalSecretSource,
    SecretProviderClassSource,
    VaultStaticSecretSource,
)
from phiwarden.api.workload import WorkloadSpec, Zone
from phiwarden.boundary.manifest import Place, namespaced
from phiwarden.boundary.model import Desired, Facts

EXTERNAL_SECRET: Final = "ExternalSecret"  # noqa: S105 - the name of a kind
VAULT_STATIC_SECRET: Final = "VaultStaticSecret"  # noqa: S105
SECRET_PROVIDER_CLASS: Final = "SecretProviderClass"  # noqa: S105
SOURCES: Final = (EXTERNAL_SECRET, VAULT_STATIC_SECRET, SECRET_PROVIDER_CLASS)
"""Kinds that are made for declared secrets, of the name of the secret."""


def secrets_of(zone: Zone, spec: WorkloadSpec) -> tuple[DeclaredSecret, ...]:
    """Return the declared secrets of a zone."""
    return tuple(secret for secret in spec.secrets if secret.zone == zone.name)


def source_kind(secret: DeclaredSecret) -> str | None:
    """Return the kind of what asks a store for a secret; None where somebody else delivers it."""
    source = secret.source
    if source is None:
        return None
    if source.external_secret is not None:
        return EXTERNAL_SECRET
    if source.vault_static_secret is not None:
        return VAULT_STATIC_SECRET
    return SECRET_PROVIDER_CLASS if source.secret_provider_class is not None else None


def readers(zone: Zone, spec: WorkloadSpec) -> tuple[str, ...]:
    """Return `secret/account` for every declared Secret and each that may read it."""
    return tuple(
        f"{secret.name}/{consumer}"
        for secret in secrets_of(zone, spec)
        for consumer in secret.consumers
    )


def writers(zone: Zone, spec: WorkloadSpec, facts: Facts) -> tuple[str, ...]:
    """Return `secret=user` for every Secret that a store delivers."""
    found = ((secret.name, source_kind(secret)) for secret in secrets_of(zone, spec))
    return tuple(
        f"{name}={facts.writers[kind]}"
        for name, kind in found
        if kind is not None and facts.writers.get(kind)
    )


def sources(place: Place, zone: Zone, spec: WorkloadSpec, facts: Facts) -> tuple[Desired, ...]:
    """Return what asks stores for the secrets of a zone, of the kinds that the cluster has."""
    found = []
    for secret in sorted(secrets_of(zone, spec), key=lambda secret: secret.name):
        kind = source_kind(secret)
        if kind is not None and (facts.kinds is None or kind in facts.kinds):
            found.append(_source(place, secret))
    return tuple(found)


def _source(place: Place, secret: DeclaredSecret) -> Desired:
    source = secret.source
    assert source is not None  # the caller looked
    if source.external_secret is not None:
        version, kind = "external-secrets.io/v1", EXTERNAL_SECRET
        spec = _external_secret(secret, source.external_secret)
    elif source.vault_static_secret is not None:
        version, kind = "secrets.hashicorp.com/v1beta1", VAULT_STATIC_SECRET
        spec = _vault_static_secret(secret, source.vault_static_secret)
    else:
        assert source.secret_provider_class is not None  # exactly one is there
        version, kind = "secrets-store.csi.x-k8s.io/v1", SECRET_PROVIDER_CLASS
        spec = _secret_provider_class(secret, source.secret_provider_class)
    return namespaced(place, version, kind, secret.name, spec=spec)


def _external_secret(secret: DeclaredSecret, source: ExternalSecretSource) -> dict[str, Any]:
    # Orphan: with an owner, whoever deletes the ExternalSecret deletes the Secret that care runs on.
    target: dict[str, Any] = {
        "name": secret.name,
        "creationPolicy": "Orphan",
        "deletionPolicy": "Retain",
    }
    if secret.type is not None:
        target["template"] = {"type": secret.type}
    whole = {"dataFrom": [{"extract": {"key": source.key}}]}
    named = {
        "data": [
            {"secretKey": key, "remoteRef": {"key": source.key, "property": key}}
            for key in sorted(secret.keys)
        ]
    }
    return {
        "refreshPolicy": "Periodic",
        "refreshInterval": _go(source.refresh_interval),
        "secretStoreRef": {"name": source.store, "kind": source.store_kind},
        "target": target,
        **(named if secret.keys else whole),
    }


def _vault_static_secret(secret: DeclaredSecret, source: VaultStaticSecretSource) -> dict[str, Any]:
    destination: dict[str, Any] = {"name": secret.name, "create": True}
    if secret.type is not None:
        destination["type"] = secret.type
    if secret.keys:
        destination["transformation"] = {
            "excludeRaw": True,
            "includes": [f"^{key.replace('.', '[.]')}$" for key in sorted(secret.keys)],
        }
    named = {} if source.auth_ref is None else {"vaultAuthRef": source.auth_ref}
    return {
        **named,
        "mount": source.mount,
        "path": source.path,
        "type": source.engine,
        "refreshAfter": _go(source.refresh_after),
        "hmacSecretData": True,
        "destination": destination,
    }


def _secret_provider_class(
    secret: DeclaredSecret, source: SecretProviderClassSource
) -> dict[str, Any]:
    copied = {
        "secretName": secret.name,
        "type": secret.type or "Opaque",
        "data": [{"objectName": key, "key": key} for key in sorted(secret.keys)],
    }
    return {
        "provider": source.provider,
        "parameters": {entry.name: entry.value for entry in source.parameters},
        "secretObjects": [copied],
    }


def _go(duration: str) -> str:
    """Return a duration as Go reads it: it knows no days."""
    amount, unit = int(duration[:-1]), duration[-1]
    return f"{amount * 24 if unit == 'd' else amount}h"
