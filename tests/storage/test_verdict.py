"""Classes that come and go, copies, and what looks like encryption."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.storage.drivers import Encryption
from phiwarden.storage.verdict import (
    Finding,
    Source,
    StorageClass,
    Volume,
    of_class,
    of_volume,
)

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(seconds=1)
EBS = "ebs.csi.aws.com"
KEY = "arn:aws:kms:us-east-1:111122223333:key/abcd"

CUSTOMER, PLATFORM = Encryption.CUSTOMER_KEY, Encryption.PLATFORM_KEY
UNENCRYPTED, UNKNOWN = Encryption.UNENCRYPTED, Encryption.UNKNOWN


def cls(provisioner: str = EBS, **parameters: str) -> StorageClass:
    return StorageClass("fast", "uid-1", NOW, provisioner, parameters)


def volume(driver: str = EBS, **fields: object) -> Volume:
    return replace(Volume("pvc-1", LATER, driver, "fast", pinned="uid-1"), **fields)


ENCRYPTED = cls(encrypted="true")


def test_a_class_speaks_for_the_volumes_that_it_made() -> None:
    found = of_volume(volume(), ENCRYPTED)
    assert found.encryption is PLATFORM
    assert found.evidence == 'StorageClass fast: encrypted is "true"'


def test_the_key_is_named() -> None:
    assert of_class(cls(kmsKeyId=KEY)).key == KEY
    assert of_class(cls(KMSKEYID=KEY, encrypted="false")).key == KEY
    assert of_class(cls("vpc.block.csi.ibm.io", encrypted="false", encryptionKey="crn")).key == ""


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (
            replace(ENCRYPTED, created=LATER + dt.timedelta(seconds=1)),
            "made again after the volume",
        ),
        (replace(ENCRYPTED, uid="uid-2"), "made again after the volume"),
        (None, "StorageClass fast is gone"),
        (cls("pd.csi.storage.gke.io"), "of another driver"),
    ],
)
def test_a_class_of_the_same_name_proves_nothing_for_older_volumes(
    stored: StorageClass | None, said: str
) -> None:
    found = of_volume(volume(), stored)
    assert found.encryption is UNKNOWN
    assert said in found.evidence


def test_a_class_made_in_the_second_of_its_volume_counts() -> None:
    assert of_volume(volume(created=NOW), ENCRYPTED).encryption is PLATFORM


def test_a_volume_that_was_seen_with_no_class_is_judged_by_age_alone() -> None:
    assert of_volume(volume(pinned=""), replace(ENCRYPTED, uid="any")).encryption is PLATFORM


def test_a_volume_made_by_hand_has_no_class_to_speak_for_it() -> None:
    for made in (volume(class_name=""), volume(provisioned=False)):
        assert of_volume(made, ENCRYPTED).encryption is UNKNOWN


def test_a_driver_in_the_tree_and_the_one_that_took_over_are_the_same() -> None:
    in_tree = cls("kubernetes.io/aws-ebs", encrypted="true")
    assert of_volume(volume(), in_tree).encryption is PLATFORM
    assert of_volume(volume("kubernetes.io/aws-ebs"), ENCRYPTED).encryption is PLATFORM


def test_what_a_volume_tells_itself_outlives_its_class() -> None:
    rbd = volume("rbd.csi.ceph.com", attributes={"encrypted": "true", "encryptionKMSID": "vault"})
    assert of_volume(rbd, None).encryption is CUSTOMER
    flipped = cls("rbd.csi.ceph.com", encrypted="false")
    assert of_volume(rbd, flipped).encryption is CUSTOMER
    plain = volume("rbd.csi.ceph.com", attributes={"pool": "records"})
    assert of_volume(plain, cls("rbd.csi.ceph.com", encrypted="true")).encryption is UNENCRYPTED


def test_a_platform_that_always_encrypts_needs_no_class_and_proves_no_key() -> None:
    disk = volume("pd.csi.storage.gke.io")
    assert of_volume(disk, None).encryption is PLATFORM
    keyed = cls("pd.csi.storage.gke.io", **{"disk-encryption-kms-key": "k"})
    assert of_volume(disk, keyed).encryption is CUSTOMER
    assert of_volume(disk, replace(keyed, uid="uid-2")).encryption is PLATFORM


def test_a_driver_that_nobody_knows_is_not_guessed_at() -> None:
    found = of_class(cls("azure.example.com", encrypted="true"))
    assert found.encryption is UNKNOWN
    assert "azure.example.com" in found.evidence


GOOD = Finding(CUSTOMER, "by its class")
PLAIN = Finding(UNENCRYPTED, "by its class")


@pytest.mark.parametrize(
    ("made", "stored", "kind", "source", "expected"),
    [
        # A clone on EBS is a copy, whatever its own class says.
        (EBS, ENCRYPTED, "PersistentVolumeClaim", PLAIN, UNENCRYPTED),
        (EBS, cls(), "PersistentVolumeClaim", GOOD, CUSTOMER),
        (EBS, ENCRYPTED, "PersistentVolumeClaim", None, UNKNOWN),
        # What is restored there is encrypted if its class says so, or its snapshot was.
        (EBS, ENCRYPTED, "VolumeSnapshot", PLAIN, PLATFORM),
        (EBS, ENCRYPTED, "VolumeSnapshot", None, PLATFORM),
        (EBS, cls(), "VolumeSnapshot", GOOD, CUSTOMER),
        (EBS, cls(), "VolumeSnapshot", PLAIN, UNENCRYPTED),
        # ZFS ignores what the class of a copy says.
        ("zfs.csi.openebs.io", cls("zfs.csi.openebs.io", encryption="on"), "VolumeSnapshot", PLAIN, UNENCRYPTED),
        ("pd.csi.storage.gke.io", cls("pd.csi.storage.gke.io"), "VolumeSnapshot", PLAIN, PLATFORM),
    ],
)  # fmt: skip
def test_a_copy_is_what_its_driver_makes_of_the_source(
    made: str, stored: StorageClass, kind: str, source: Finding | None, expected: Encryption
) -> None:
    found = of_volume(volume(made), stored, source=Source(kind, "old", source))
    assert found.encryption is expected


def test_an_unencrypted_source_is_told_though_the_copy_is_encrypted() -> None:
    found = of_volume(volume(), ENCRYPTED, source=Source("VolumeSnapshot", "old", PLAIN))
    assert any("VolumeSnapshot old" in trap for trap in found.traps)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (cls(encrypted="True"), '"True", "yes" and "1" encrypt nothing'),
        (cls(encrypted="false", kmsKeyId=KEY), "overruled by kmsKeyId"),
        (cls(ext4EncryptionSupport="true"), "encrypts nothing"),
        (cls("linstor.csi.linbit.com", encryption="true"), "only layerList counts"),
        (cls("csi.trident.netapp.io", selector="luks=true"), "a label, and no proof"),
        (cls("blockvolume.csi.oraclecloud.com", **{"attachment-type": "paravirtualized"}), "on the way"),
        (cls("csi.vsphere.vmware.com", storagePolicyName="Encrypted Gold"), "proves nothing"),
    ],
)  # fmt: skip
def test_what_looks_like_encryption_is_told(stored: StorageClass, said: str) -> None:
    assert any(said in trap for trap in of_class(stored).traps)


@given(st.text().filter(lambda text: text != "true"))
def test_only_the_exact_word_encrypts_on_ebs(value: str) -> None:
    assert of_class(cls(encrypted=value)).encryption is UNENCRYPTED


@given(
    st.sampled_from([EBS, "rbd.csi.ceph.com", "driver.longhorn.io", "csi.hpe.com", "csi.scaleway.com"]),
    st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=6),
)  # fmt: skip
def test_parameters_that_no_driver_knows_prove_nothing(
    provisioner: str, parameters: dict[str, str]
) -> None:
    known = ("encrypted", "kmskeyid", "hostencryption")
    strange = {k: v for k, v in parameters.items() if not k.lower().startswith(known)}
    made = replace(cls(provisioner), parameters=strange)
    assert of_class(made).encryption is UNENCRYPTED
