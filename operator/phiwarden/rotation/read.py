"""Metadata of Secrets, and objects of secret stores, as values."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from phiwarden.api import names
from phiwarden.rotation.model import CERTIFICATE, Delivery, Secret

_FINGERPRINT: Final = "reconcile.external-secrets.io/data-hash"
"""https://external-secrets.io: differs with the data of the Secret."""

_DATA: Final = ("f:data", "f:stringData")


def secret_of(metadata: Mapping[str, Any]) -> Secret:
    """Return a Secret, by its metadata alone."""
    annotations = metadata.get("annotations") or {}
    created = _time(metadata["creationTimestamp"])
    assert created is not None  # the API server's own
    keys, written = _entries(metadata.get("managedFields") or ())
    odd = []
    stated: dict[str, dt.datetime | None] = {}
    for key in (names.ROTATED_AT, names.NOT_AFTER):
        text = annotations.get(key)
        stated[key] = _time(text) if text is not None else None
        if text is not None and stated[key] is None:
            odd.append(f"annotation {key} is no time such as 2026-11-21T09:30:00Z")
    return Secret(
        uid=metadata["uid"],
        created=created,
        keys=keys,
        written=written,
        fingerprint=annotations.get(_FINGERPRINT, ""),
        rotated_at=stated[names.ROTATED_AT],
        not_after=stated[names.NOT_AFTER],
        odd=tuple(odd),
    )


def _entries(managed: Any) -> tuple[frozenset[str] | None, dt.datetime | None]:
    """Return the names of a Secret's entries and when they were last written, None if untold.

    Who wrote a field is noted for each field by name, values apart. The time
    is that of the writer's last write to any of its fields.
    """
    keys: set[str] = set()
    times: list[dt.datetime] = []
    told = False
    for entry in managed:
        fields = entry.get("fieldsV1")
        if not isinstance(fields, Mapping):
            continue
        told = True
        for data in _DATA:
            if data in fields:
                keys |= {key[2:] for key in fields[data] if key.startswith("f:")}
                time = _time(entry.get("time"))
                times += [time] if time is not None else []
    return (frozenset(keys), max(times, default=None)) if told else (None, None)


def external_secret(body: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield what an ExternalSecret delivers."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    name = body["metadata"]["name"]
    ready, reason = _condition(status, "Ready")
    synced = _time(status.get("refreshTime"))
    trap = "refreshTime tells when the store was asked, not when the value changed"
    yield Delivery(
        kind="ExternalSecret",
        name=name,
        secret=(spec.get("target") or {}).get("name") or name,
        ready=ready,
        reason=reason,
        synced=synced,
        traps=(trap,) if synced is not None else (),
    )


def vault_static_secret(body: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield what a VaultStaticSecret delivers."""
    status = body.get("status") or {}
    yield from _of_vault(body, version=_digest(status.get("secretMAC")))


def vault_dynamic_secret(body: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield what a VaultDynamicSecret delivers: its static role tells its last rotation."""
    status = body.get("status") or {}
    static = status.get("staticCredsMetaData") or {}
    trap = "lastRenewalTime is that of the lease, not of the value"
    yield from _of_vault(
        body,
        version=_digest(status.get("secretMAC")),
        rotated=_unix(static.get("lastVaultRotation")),
        traps=(trap,) if status.get("lastRenewalTime") and not static else (),
    )


def _of_vault(body: Mapping[str, Any], **told: Any) -> Iterator[Delivery]:
    destination = (body.get("spec") or {}).get("destination") or {}
    if destination.get("name"):
        ready, reason = _condition(body.get("status") or {}, "SecretSynced", "Ready")
        yield Delivery(
            kind=body["kind"],
            name=body["metadata"]["name"],
            secret=destination["name"],
            ready=ready,
            reason=reason,
            **told,
        )


def provider_status(body: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield what the Secrets Store driver mounted in one pod; it is named as its class."""
    status = body.get("status") or {}
    name = status.get("secretProviderClassName")
    if name:
        objects = status.get("objects") or ()
        versions = sorted((str(entry.get("id")), str(entry.get("version"))) for entry in objects)
        yield Delivery(
            kind="SecretProviderClass",
            name=body["metadata"]["name"],
            secret=name,
            ready=bool(status.get("mounted")),
            version=_digest(versions) if versions else "",
        )


def certificate(body: Mapping[str, Any]) -> Iterator[Delivery]:
    """Yield what cert-manager issues: a new certificate has a new key only where that is asked for."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    if not spec.get("secretName"):
        return
    ready, reason = _condition(status, "Ready")
    renewed = (spec.get("privateKey") or {}).get("rotationPolicy") == "Always"
    trap = "a renewed certificate keeps its key unless privateKey.rotationPolicy is Always"
    yield Delivery(
        kind=CERTIFICATE,
        name=body["metadata"]["name"],
        secret=spec["secretName"],
        ready=ready,
        reason=reason,
        rotated=_time(status.get("notBefore")) if renewed else None,
        not_after=_time(status.get("notAfter")),
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
        for entry in status.get("conditions") or ():
            if entry.get("type") == kind:
                return entry.get("status") == "True", str(entry.get("reason", ""))[:100]
    return None, ""


def _digest(told: Any) -> str:
    """Return a short name for what tells values apart; "" for nothing."""
    if not told:
        return ""
    text = json.dumps(told, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _unix(seconds: Any) -> dt.datetime | None:
    if not isinstance(seconds, int) or seconds <= 0:
        return None
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _time(text: Any) -> dt.datetime | None:
    try:
        time = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
