"""Verdicts on claims, and on copies of copies."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from phiwarden.storage.claims import Claim, Snapshot, Storage, finding, promised
from phiwarden.storage.drivers import Encryption
from phiwarden.storage.verdict import StorageClass, Volume

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
EBS = "ebs.csi.aws.com"
FAST = StorageClass("fast", "u", NOW, EBS, {"encrypted": "true"})
PLAIN = StorageClass("plain", "u", NOW, EBS, {})
PV = Volume("pv", NOW, EBS, "fast")
CLAIM = Claim("n", "charts", "c", NOW, "fast")


def storage(*claims: Claim, volumes: tuple[Volume, ...] = (PV,)) -> Storage:
    by_name: dict[str, dict[str, Claim]] = {}
    for claim in claims:
        by_name.setdefault(claim.namespace, {})[claim.name] = claim
    return Storage(
        {each.name: each for each in (FAST, PLAIN)}, {each.name: each for each in volumes}, by_name
    )


def test_a_claim_without_a_volume_is_what_its_class_would_make() -> None:
    found = finding(CLAIM, storage())
    assert found.encryption is Encryption.PLATFORM_KEY
    assert found.evidence.startswith("no volume yet; StorageClass fast")
    assert finding(replace(CLAIM, class_name="plain"), storage()).encryption is (
        Encryption.UNENCRYPTED
    )


def test_a_claim_that_leads_nowhere_is_not_known() -> None:
    for claim in (
        replace(CLAIM, class_name=""),
        replace(CLAIM, class_name="gone"),
        replace(CLAIM, volume_name="gone"),
    ):
        assert finding(claim, storage()).encryption is Encryption.UNKNOWN


def test_a_bound_claim_is_what_its_volume_is_whatever_its_class_says() -> None:
    bound = replace(CLAIM, class_name="plain", volume_name="pv")
    static = replace(PV, class_name="plain", provisioned=False)
    assert finding(bound, storage(volumes=(static,))).encryption is Encryption.UNKNOWN


def test_a_copy_of_a_copy_is_what_the_first_was() -> None:
    first = replace(CLAIM, name="first", class_name="plain", volume_name="one")
    second = replace(
        CLAIM,
        name="second",
        volume_name="two",
        source_kind="PersistentVolumeClaim",
        source_name="first",
        source_namespace="n",
    )
    third = replace(second, name="third", volume_name="three", source_name="second")
    volumes = (
        replace(PV, name="one", class_name="plain"),
        replace(PV, name="two"),
        replace(PV, name="three"),
    )
    found = finding(third, storage(first, second, third, volumes=volumes))
    assert found.encryption is Encryption.UNENCRYPTED
    assert found.evidence.startswith("made from PersistentVolumeClaim second: made from")


def test_copies_of_each_other_end() -> None:
    one = replace(
        CLAIM,
        name="one",
        volume_name="pv",
        source_kind="PersistentVolumeClaim",
        source_name="one",
        source_namespace="n",
    )
    assert finding(one, storage(one)).encryption is Encryption.UNKNOWN


def test_what_is_restored_from_a_snapshot_is_judged_by_what_the_snapshot_is_of() -> None:
    """On a driver whose copies are as their source was, whatever the class of the copy says."""
    portworx = "pxd.portworx.com"
    secure = StorageClass("secure", "u", NOW, portworx, {"secure": "true"})
    open_to_all = StorageClass("open", "u", NOW, portworx)
    original = replace(CLAIM, class_name="secure", volume_name="one")
    restored = replace(
        CLAIM,
        name="restored",
        class_name="open",
        volume_name="two",
        source_kind="VolumeSnapshot",
        source_name="friday",
        source_namespace="n",
    )
    taken = Snapshot("n", "friday", "s", NOW, claim="charts")

    def verdict(*claims: Claim, snapshots: tuple[Snapshot, ...] = (taken,)) -> Encryption:
        there = Storage(
            {each.name: each for each in (secure, open_to_all)},
            {
                name: Volume(name, NOW, portworx, c)
                for name, c in (("one", "secure"), ("two", "open"))
            },
            {"n": {claim.name: claim for claim in (*claims, restored)}},
            {"n": {snapshot.name: snapshot for snapshot in snapshots}},
        )
        return finding(restored, there).encryption

    assert verdict(original).proven
    # Of a claim that is younger than the snapshot, or not there, nothing is known.
    assert verdict(replace(original, created=NOW + dt.timedelta(seconds=1))) is Encryption.UNKNOWN
    assert verdict() is Encryption.UNKNOWN
    assert verdict(original, snapshots=()) is Encryption.UNKNOWN
    assert verdict(original, snapshots=(replace(taken, claim=""),)) is Encryption.UNKNOWN


def test_objects_of_a_driver_speak_of_its_volumes_and_of_its_classes() -> None:
    trident, vsphere = "csi.trident.netapp.io", "csi.vsphere.vmware.com"
    known = Storage(
        {
            "nas": StorageClass("nas", "u", NOW, trident, {"selector": "luks=true"}),
            "gold": StorageClass("gold", "u", NOW, vsphere, {"storagePolicyID": "p"}),
        },
        {"pv": Volume("pv", NOW, trident, "nas"), "other": Volume("other", NOW, vsphere, "gold")},
        {},
    )
    told = replace(
        known,
        of_volumes={"pv": {"luksEncryption": "true"}},
        of_classes={"gold": {"supportsEncryption": "true"}},
    )
    for claim, encryption in (
        (replace(CLAIM, class_name="nas", volume_name="pv"), Encryption.CUSTOMER_KEY),
        (replace(CLAIM, class_name="gold", volume_name="other"), Encryption.PLATFORM_KEY),
        (replace(CLAIM, class_name="gold"), Encryption.PLATFORM_KEY),
    ):
        assert finding(claim, known).encryption is Encryption.UNKNOWN
        assert finding(claim, told).encryption is encryption
    # What a volume is does not say what the next one of its class will be.
    assert promised("nas", told).encryption is Encryption.UNKNOWN
    assert promised("gold", told).encryption is Encryption.PLATFORM_KEY
