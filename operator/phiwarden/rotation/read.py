"""Metadata of Secrets, and objects of secret stores, as values.

Nothing here fails, whatever it reads: the objects are others' own, their
definitions too, and one that is odd must not keep the rest from being known.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from phiwarden.api import names
from phiwarden.rotation.model import CERTIFICATE, Delivery, Secret
from phiwarden.rotation.times import moment, moment_of_unix

_FINGERPRINT: Final = "reconcile.external-secrets.io/data-hash"
"""https://external-secrets.io: differs with the data of the Secret."""

_DATA: Final = ("f:data", "f:stringData")


def secret_of(metadata: Mapping[str, Any]) -> Secret:
    """Return a Secret, by its metadata alone."""
    annotations = _map(metadata.get("annotations"))
    created = moment(metadata["creationTimestamp"])
    assert created is not None  # the API server's own
    keys, written = _entries(_maps(metadata.get("managedFields")))
    odd = []
    stated: dict[str, dt.datetime | None] = {}
    for key in (names.ROTATED_AT, names.NOT_AFTER):
        text = annotations.get(key)
        stated[key] = moment(text) if text is not None else None
        if text is not None and stated[key] is None:
            odd.append(f"annotation {key} is no time such as 2026-11-21T09:30:00Z")
    return Secret(
        uid=metadata["uid"],
        created=created,
        keys=keys,
        written=written,
        fingerprint=_text(annotations.get(_FINGERPRINT)),
        rotated_at=stated[names.ROTATED_AT],
        not_after=stated[names.NOT_AFTER],
        odd=tuple(odd),
    )


def _entries(
    managed: Iterable[Mapping[str, Any]],
) -> tuple[frozenset[str] | None, dt.datetime | None]:
    """Return the names of a Secret's entries and when they were last written, None if untold.

    Who wrote a field is noted for each field by name, values apart. The time
    is that of the writer's last write to any of its fields. An account of the
    fields that was dropped begins anew with those that are changed: it is
    whole while it has the type, which is written once, or what was applied as
    a whole.
    """
    keys: set[str] = set()
    times: list[dt.datetime] = []
    whole = False
    for entry in managed:
        fields = _map(entry.get("fieldsV1"))
        applied = entry.get("operation") == "Apply"
        whole = whole or "f:type" in fields
        for data in _DATA:
            if data in fields:
                whole = whole or applied
                keys |= {key[2:] for key in _map(fields[data]) if key.startswith("f:")}
                time = moment(entry.get("time"))
                times += [time] if time is not None else []
    return frozenset(keys) if whole else None, max(times, default=None)


def external_secret(body: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield what an ExternalSecret delivers."""
    spec, status = _map(body.get("spec")), _map(body.get("status"))
    name = body["metadata"]["name"]
    ready, reason = _condition(status, "Ready")
    synced = moment(status.get("refreshTime"))
    trap = "refreshTime tells when the store was asked, not when the value changed"
    yield Delivery(
        kind="ExternalSecret",
        name=name,
        secret=_text(_map(spec.get("target")).get("name")) or name,
        ready=ready,
        reason=reason,
        synced=synced,
        traps=(trap,) if synced is not None else (),
    )


def vault_static_secret(body: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield what a VaultStaticSecret delivers."""
    status = _map(body.get("status"))
    yield from _of_vault(body, version=_digest(status.get("secretMAC")))


def vault_dynamic_secret(body: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield what a VaultDynamicSecret delivers: its static role tells its last rotation."""
    status = _map(body.get("status"))
    static = _map(status.get("staticCredsMetaData"))
    trap = "lastRenewalTime is that of the lease, not of the value"
    yield from _of_vault(
        body,
        version=_digest(status.get("secretMAC")),
        rotated=moment_of_unix(static.get("lastVaultRotation")),
        traps=(trap,) if status.get("lastRenewalTime") and not static else (),
    )


def _of_vault(body: Mapping[str, Any], **told: Any) -> Iterator[Delivery]:
    secret = _text(_map(_map(body.get("spec")).get("destination")).get("name"))
    if secret:
        ready, reason = _condition(_map(body.get("status")), "SecretSynced", "Ready")
        yield Delivery(
            kind=body["kind"],
            name=body["metadata"]["name"],
            secret=secret,
            ready=ready,
            reason=reason,
            **told,
        )


def provider_status(body: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield what the Secrets Store driver mounted in one pod; it is named as its class."""
    status = _map(body.get("status"))
    name = _text(status.get("secretProviderClassName"))
    if name:
        objects = _maps(status.get("objects"))
        versions = sorted((str(entry.get("id")), str(entry.get("version"))) for entry in objects)
        yield Delivery(
            kind="SecretProviderClass",
            name=body["metadata"]["name"],
            secret=name,
            ready=status.get("mounted") is True,
            version=_digest(versions) if versions else "",
        )


def certificate(body: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield what cert-manager issues: a new certificate has a new key only where that is asked for."""
    spec, status = _map(body.get("spec")), _map(body.get("status"))
    secret = _text(spec.get("secretName"))
    if not secret:
        return
    ready, reason = _condition(status, "Ready")
    renewed = _map(spec.get("privateKey")).get("rotationPolicy") == "Always"
    trap = "a renewed certificate keeps its key unless privateKey.rotationPolicy is Always"
    yield Delivery(
        kind=CERTIFICATE,
        name=body["metadata"]["name"],
        secret=secret,
        ready=ready,
        reason=reason,
        rotated=moment(status.get("notBefore")) if renewed else None,
        not_after=moment(status.get("notAfter")),
        traps=() if renewed else (trap,),
    )


READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterator[Delivery]]]] = {
    "ExternalSecret": external_secret,
    "VaultStaticSecret": vault_static_secret,
    "VaultDynamicSecret": vault_dynamic_secret,
    "SecretProviderClassPodStatus": provider_status,
    CERTIFICATE: certificate,
}
"""Kinds that tell of deliveries."""


def _condition(status: Mapping[str, Any], *types: str) -> tuple[bool | None, str]:
    for kind in types:
        for entry in _maps(status.get("conditions")):
            if entry.get("type") == kind:
                return entry.get("status") == "True", str(entry.get("reason", ""))[:100]
    return None, ""


def _digest(told: Any) -> str:
    """Return a short name for what tells values apart; "" for nothing."""
    if not told:
        return ""
    text = json.dumps(told, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _map(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _maps(found: Any) -> list[Mapping[str, Any]]:
    return [_map(entry) for entry in found] if isinstance(found, list) else []


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""
