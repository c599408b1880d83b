"""What the API server rejects in one volume or attestation, as CRD validation rules (CEL)."""

from __future__ import annotations

from typing import Final

from phiwarden.api.base import validation

LONGEST_ATTESTATION: Final = 400
"""Days: a yearly look, with some room."""

_IMMUTABLE: Final = "cannot be changed: a claim keeps what it was made with; declare another volume"


def _kept(field: str) -> str:
    return f"self.{field} == oldSelf.{field}"


def _kept_if_there(field: str) -> str:
    return f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || {_kept(field)})"


KEYED: Final = (
    "blockvolume.csi.oraclecloud.com",
    "disk.csi.azure.com",
    "ebs.csi.aws.com",
    "filestore.csi.storage.gke.io",
    "pd.csi.storage.gke.io",
)
"""Provisioners that take a key of the customer's."""

ENCRYPTION: Final = (
    validation(
        f"!has(self.key) || self.provisioner in {list(KEYED)}",
        "this provisioner takes no key of the customer's: leave key out, or name a class of your own",
        field_path=".key",
        reason="FieldValueForbidden",
    ),
    validation(
        "!has(self.key) || self.provisioner != 'disk.csi.azure.com'"
        " || self.key.startsWith('/subscriptions/')",
        "the key of an Azure disk is a disk encryption set: /subscriptions/...",
        field_path=".key",
    ),
)

VOLUME: Final = (
    validation(_kept("zone"), f"zone {_IMMUTABLE}", field_path=".zone"),
    *(
        validation(_kept_if_there(field), f"{field} {_IMMUTABLE}", field_path=f".{field}")
        for field in ("storageClassName", "encryption")
    ),
    validation(
        "has(self.storageClassName) != has(self.encryption)",
        "a volume names either a storageClassName, or the encryption that a class is made for",
        reason="FieldValueRequired",
    ),
    validation(
        "!self.customerManagedKey || !has(self.encryption) || has(self.encryption.key)",
        "customerManagedKey asks for a key of yours: name it in encryption.key",
        field_path=".encryption",
        reason="FieldValueRequired",
    ),
    validation(
        "self.accessModes.all(mode, mode in oldSelf.accessModes)"
        " && oldSelf.accessModes.all(mode, mode in self.accessModes)",
        f"accessModes {_IMMUTABLE}",
        field_path=".accessModes",
    ),
    validation(
        "quantity(string(self.size)).compareTo(quantity(string(oldSelf.size))) >= 0",
        "size cannot shrink: a volume only grows",
        field_path=".size",
        reason="FieldValueForbidden",
    ),
)

ATTESTATION: Final = (
    validation(
        "self.expires >= self.attestedOn",
        "expires is before attestedOn",
        field_path=".expires",
    ),
    validation(
        "timestamp(self.expires + 'T00:00:00Z') - timestamp(self.attestedOn + 'T00:00:00Z')"
        f" <= duration('{LONGEST_ATTESTATION * 24}h')",
        f"an attestation counts for at most {LONGEST_ATTESTATION} days: look again",
        field_path=".expires",
        reason="FieldValueForbidden",
    ),
)
