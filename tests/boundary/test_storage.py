"""Which claims a declaration lets a zone have, by what its classes prove."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.labels import ZoneBoundary, decode
from phiwarden.boundary.model import Facts
from phiwarden.boundary.storage import made_class, requested, with_requested
from phiwarden.storage.drivers import Encryption
from tests.boundary.declarations import CLINIC, TODAY

CUSTOMER, PLATFORM = Encryption.CUSTOMER_KEY, Encryption.PLATFORM_KEY
UNENCRYPTED, UNKNOWN = Encryption.UNENCRYPTED, Encryption.UNKNOWN
VOLUME = {
    "name": "charts",
    "zone": "clinical",
    "size": "10Gi",
    "accessModes": ["ReadWriteOnce"],
    "storageClassName": "fast",
}
WORD = {
    "storageClassName": "fast",
    "attestedBy": "storage-team@hospital.example",
    "attestedOn": f"{TODAY}",
    "expires": f"{TODAY}",
    "reason": "looked",
}


def compiled(
    storage: dict[str, Encryption] | None, today: dt.date = TODAY, **spec: Any
) -> tuple[ZoneBoundary, list[str]]:
    declared = WorkloadSpec.model_validate({**CLINIC, "volumes": [VOLUME], **spec})
    plan = compile_boundary("portal", declared, Facts(today, storage=storage))
    (zone,) = (zone for zone in plan.zones if zone.zone == "clinical")
    metadata = zone.namespace.body["metadata"]
    boundary = decode(metadata["labels"], metadata["annotations"])
    return boundary, [claim.name for claim in zone.claims]


@pytest.mark.parametrize(
    ("storage", "volume", "attested", "made"),
    [
        ({"fast": PLATFORM}, {}, False, True),
        ({"fast": CUSTOMER}, {"customerManagedKey": True}, False, True),
        ({"fast": PLATFORM}, {"customerManagedKey": True}, False, False),
        ({"fast": UNENCRYPTED}, {}, False, False),
        ({"fast": UNENCRYPTED}, {}, True, False),
        ({"fast": UNKNOWN}, {}, False, False),
        ({"fast": UNKNOWN}, {}, True, True),
        ({"fast": UNKNOWN}, {"customerManagedKey": True}, True, False),
        ({}, {}, True, False),
        (None, {}, False, True),
        ({"fast": UNENCRYPTED}, {"zone": "edge"}, False, None),
    ],
)
def test_a_declared_volume_is_made_where_its_class_proves_enough(
    storage: dict[str, Encryption] | None, volume: dict[str, Any], attested: bool, made: bool | None
) -> None:
    words = [WORD] if attested else []
    boundary, claims = compiled(storage, volumes=[{**VOLUME, **volume}], storageAttestations=words)
    if made is None:  # of another zone, which holds no patient data
        assert (boundary.withheld_claims, claims) == ((), [])
        return
    assert (claims == ["charts"]) is made
    assert (boundary.withheld_claims == ("charts",)) is not made
    proven = storage is None or storage.get("fast") in (CUSTOMER, PLATFORM)
    attested_unknown = attested and storage == {"fast": UNKNOWN}
    assert (boundary.storage_classes == ("fast",)) is (proven or attested_unknown)


def test_an_attestation_counts_on_its_days_and_no_other() -> None:
    day = dt.timedelta(days=1)
    for today, counts in ((TODAY - day, False), (TODAY, True), (TODAY + day, False)):
        boundary, claims = compiled({"fast": UNKNOWN}, today, storageAttestations=[WORD])
        assert (claims == ["charts"]) is counts
        assert (boundary.storage_classes == ("fast",)) is counts


def test_a_zone_below_enforce_has_its_claims_too() -> None:
    _, claims = compiled({"fast": PLATFORM}, enforcement="observe")
    assert claims == ["charts"]


def test_encrypted_storage_that_is_asked_for_is_made_and_claimed() -> None:
    """Who asks for the same has the same class; what it proves decides, as of any other."""
    key = "arn:aws:kms:us-east-1:111122223333:key/abcd"
    plain = {"provisioner": "ebs.csi.aws.com"}
    asked: list[dict[str, Any]] = [
        {**VOLUME, "name": name, "encryption": encryption, "storageClassName": None}
        for name, encryption in (("a", plain), ("b", {**plain, "key": key}), ("c", plain))
    ]
    asked[1]["customerManagedKey"] = True
    declared = WorkloadSpec.model_validate({**CLINIC, "volumes": asked})
    without_key, with_key = requested(declared)
    names = (without_key.name, with_key.name)
    for storage, made in (({}, []), (with_requested(declared, {}), ["a", "b", "c"])):
        boundary, claims = compiled(dict(storage or {}), volumes=asked)
        assert claims == made
        assert set(boundary.storage_classes) == (set(names) if made else set())
    forged = {without_key.name: UNENCRYPTED, with_key.name: PLATFORM}
    assert compiled({**forged}, volumes=asked)[1] == []
    assert with_requested(declared, None) is None
    body = made_class(with_key).body
    assert body["parameters"] == {"encrypted": "true", "kmsKeyId": key}
    assert (body["reclaimPolicy"], body["allowVolumeExpansion"]) == ("Retain", True)
    assert body["volumeBindingMode"] == "WaitForFirstConsumer"
