"""Volumes: declared claims are made where their class is proven, and every claim has its verdict."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import custom_kinds, workloads
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Answer, Rest, connect
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    claim,
    clinic,
    deployment,
    status,
    unique,
    wait,
    zone,
)
from phiwarden.cluster.resources import STORAGE_POLICY_INFO, TRIDENT_VOLUME, collection
from phiwarden.storage.making import recipe

CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
VOLUMES = "/api/v1/persistentvolumes"
EBS = "ebs.csi.aws.com"
KEY = "arn:aws:kms:us-east-1:111122223333:key/abcd"
IMAGES = {"registries": ["registry.hospital.example/portal"]}


@pytest.fixture(scope="module")
def operator(product: Product) -> Iterator[Operator]:
    with running(product) as started:
        yield started


@pytest.fixture(scope="module")
def engineer(product: Product) -> Rest:
    return connect(product.cluster.kubeconfig_for("platform-engineer"))


@pytest.fixture
def classes(admin: Rest) -> Iterator[dict[str, str]]:
    """StorageClasses of one test, by what they are called there."""
    made: dict[str, str] = {}
    yield made
    for name in made.values():
        admin.delete(f"{CLASSES}/{name}")


@pytest.fixture
def name(operator: Operator, admin: Rest) -> Iterator[str]:
    chosen = unique("records")
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def make_class(
    admin: Rest, classes: dict[str, str], called: str, provisioner: str = EBS, **parameters: str
) -> str:
    name = classes.setdefault(called, unique(called))
    body = {"metadata": {"name": name}, "provisioner": provisioner, "parameters": parameters}
    answer = admin.create(CLASSES, body | {"allowVolumeExpansion": True})
    assert answer.ok, answer.message
    return name


def volume(name: str, storage_class: str, **fields: Any) -> dict[str, Any]:
    named = {"storageClassName": storage_class, **fields}
    return workloads.declared_volume(name, named.pop("zone", "clinical"), **named)


def declare(admin: Rest, name: str, *volumes: dict[str, Any], **spec: Any) -> Answer:
    zones = [zone("clinical", data="phi", images=IMAGES, **spec.pop("of_zone", {}))]
    body = clinic(name, zones=zones, flows=[], externals=[], volumes=list(volumes), **spec)
    return workloads.apply(admin, body)


def claims(name: str) -> str:
    return f"{NAMESPACES}/{name}-clinical/persistentvolumeclaims"


def told(admin: Rest, name: str, volume: str) -> dict[str, Any]:
    found = [v for v in status(admin, name).get("volumes", ()) if v["name"] == volume]
    return found[0] if found else {}


def bind(admin: Rest, namespace: str, name: str, driver: str = EBS, **csi: Any) -> str:
    """Make the volume of a claim, as its driver would; Kubernetes' own controller binds them."""
    body = admin.get(f"{NAMESPACES}/{namespace}/persistentvolumeclaims/{name}").body
    made = f"pvc-{body['metadata']['uid']}"
    spec = {
        "capacity": {"storage": body["spec"]["resources"]["requests"]["storage"]},
        "accessModes": body["spec"]["accessModes"],
        "storageClassName": body["spec"]["storageClassName"],
        "claimRef": {"namespace": namespace, "name": name, "uid": body["metadata"]["uid"]},
        "csi": {"driver": driver, "volumeHandle": "vol-1", **csi},
    }
    annotations = {"pv.kubernetes.io/provisioned-by": driver}
    answer = admin.create(
        VOLUMES, {"metadata": {"name": made, "annotations": annotations}, "spec": spec}
    )
    assert answer.ok, answer.message
    return made


def test_a_declared_volume_is_made_bound_and_proven(
    admin: Rest, name: str, classes: dict[str, str]
) -> None:
    fast = make_class(admin, classes, "fast", kmsKeyId=KEY)
    assert declare(admin, name, volume("charts", fast, customerManagedKey=True)).ok
    until(lambda: admin.get(f"{claims(name)}/charts").ok, "the claim is made")
    made = admin.get(f"{claims(name)}/charts").body
    assert made["spec"]["storageClassName"] == fast
    assert made["spec"]["resources"]["requests"]["storage"] == "10Gi"
    bound = bind(admin, f"{name}-clinical", "charts")
    until(lambda: told(admin, name, "charts").get("volume") == bound, "the volume is seen")
    entry = told(admin, name, "charts")
    assert (entry["standing"], entry["encryption"]) == ("Proven", "ENCRYPTED_CUSTOMER_KEY")
    assert entry["key"] == KEY
    assert f"StorageClass {fast}" in entry["evidence"]
    wait(admin, name, "VolumesEncrypted", "True", "Proven")


def test_a_volume_grows_and_never_shrinks_or_moves(
    admin: Rest, name: str, classes: dict[str, str]
) -> None:
    fast = make_class(admin, classes, "fast", encrypted="true")
    assert declare(admin, name, volume("charts", fast)).ok
    until(lambda: admin.get(f"{claims(name)}/charts").ok, "the claim is made")
    bind(admin, f"{name}-clinical", "charts")
    phase = ("status", "phase")
    until(
        lambda: admin.get(f"{claims(name)}/charts").body[phase[0]].get(phase[1]) == "Bound", "bound"
    )
    assert declare(admin, name, volume("charts", fast, size="20Gi")).ok
    until(
        lambda: (
            admin.get(f"{claims(name)}/charts").body["spec"]["resources"]["requests"]["storage"]
            == "20Gi"
        ),
        "it grows",
    )
    for change, said in (
        (volume("charts", fast, size="5Gi"), "size cannot shrink"),
        (volume("charts", "other", size="20Gi"), "storageClassName cannot be changed"),
        (
            volume("charts", fast, size="20Gi", accessModes=["ReadWriteMany"]),
            "accessModes cannot be changed",
        ),
        (volume("charts", fast, size="20Gi", zone="nowhere"), "zone cannot be changed"),
    ):
        answer = declare(admin, name, change)
        assert answer.code == 422, answer.body
        assert said in answer.message


@pytest.mark.parametrize(
    ("parameters", "wanted", "said"),
    [
        ({"encrypted": "True"}, {}, "encrypt nothing"),
        ({}, {}, "neither kmsKeyId nor encrypted"),
        ({"encrypted": "true"}, {"customerManagedKey": True}, 'encrypted is "true"'),
    ],
)
def test_a_volume_whose_class_falls_short_is_withheld(
    admin: Rest,
    engineer: Rest,
    name: str,
    classes: dict[str, str],
    parameters: dict[str, str],
    wanted: dict[str, Any],
    said: str,
) -> None:
    plain = make_class(admin, classes, "plain", **parameters)
    assert declare(admin, name, volume("charts", plain, **wanted)).ok
    entry = wait(admin, name, "VolumesEncrypted", "False", "Withheld")
    assert "clinical/charts" in entry["message"]
    found = told(admin, name, "charts")
    assert said in " ".join([found["evidence"], *found.get("traps", ())])
    assert admin.get(f"{claims(name)}/charts").code == 404
    # Nor does anybody else make it.
    answer = engineer.create(claims(name), claim("charts", plain))
    assert answer.code == 403
    assert "PHI-VOL-001" in answer.message


def test_the_api_server_admits_claims_of_proven_classes_alone(
    admin: Rest, engineer: Rest, name: str, classes: dict[str, str]
) -> None:
    fast = make_class(admin, classes, "fast", encrypted="true")
    plain = make_class(admin, classes, "plain", encrypted="yes")
    other = make_class(admin, classes, "other", encrypted="true")
    assert declare(admin, name, of_zone={"storageClasses": [fast, plain]}).ok
    wait(admin, name)
    path = claims(name)
    good = claim("mine", fast)
    until(lambda: engineer.create(path, good, dry_run=True).ok, "the class may be used")
    for storage_class in (plain, other, "missing", "", None):
        answer = engineer.create(path, claim("mine", storage_class), dry_run=True)
        assert answer.code == 403, (storage_class, answer.body)
        assert "PHI-VOL-001 spec.storageClassName" in answer.message
    template = {**good, "metadata": {"name": "data"}}
    for storage_class, admitted in ((fast, True), (plain, False)):
        template["spec"] = claim("data", storage_class)["spec"]
        body = deployment("db")
        body["kind"] = "StatefulSet"
        body["spec"] |= {"serviceName": "db", "volumeClaimTemplates": [template]}
        answer = engineer.create(
            f"/apis/apps/v1/namespaces/{name}-clinical/statefulsets", body, dry_run=True
        )
        assert answer.ok is admitted, answer.body
        assert admitted or "PHI-VOL-001 spec.volumeClaimTemplates" in answer.message
    pod = deployment("scratch")
    pod["spec"]["template"]["spec"]["volumes"] = [
        {
            "name": "scratch",
            "ephemeral": {"volumeClaimTemplate": {"spec": claim("x", plain)["spec"]}},
        }
    ]
    answer = engineer.create(
        f"/apis/apps/v1/namespaces/{name}-clinical/deployments", pod, dry_run=True
    )
    assert answer.code == 403
    assert "PHI-VOL-001 spec.template.spec.volumes[scratch]" in answer.message


def test_a_class_made_again_proves_nothing_for_the_volumes_that_are_there(
    admin: Rest, engineer: Rest, name: str, classes: dict[str, str]
) -> None:
    fast = make_class(admin, classes, "fast", encrypted="true")
    assert declare(admin, name, volume("charts", fast)).ok
    until(lambda: admin.get(f"{claims(name)}/charts").ok, "the claim is made")
    bind(admin, f"{name}-clinical", "charts")
    wait(admin, name, "VolumesEncrypted", "True", "Proven")
    until(lambda: told(admin, name, "charts").get("volume"), "the volume is seen")
    assert admin.delete(f"{CLASSES}/{fast}").ok
    entry = wait(admin, name, "VolumesEncrypted", "False", "Unproven")
    assert "is gone" in entry["message"]
    make_class(admin, classes, "fast")
    until(
        lambda: "made again after the volume" in told(admin, name, "charts").get("evidence", ""),
        "the class is another",
    )
    until(
        lambda: engineer.create(claims(name), claim("new", fast), dry_run=True).code == 403,
        "the class that does not encrypt is refused",
    )
    # The claim itself is left as it is.
    assert admin.get(f"{claims(name)}/charts").ok


def test_an_attestation_stands_in_for_proof_until_its_day(
    admin: Rest, engineer: Rest, name: str, classes: dict[str, str]
) -> None:
    lab = make_class(admin, classes, "lab", "rancher.io/local-path")
    today = dt.datetime.now(dt.UTC).date()
    word = {
        "storageClassName": lab,
        "attestedBy": "storage-team@hospital.example",
        "attestedOn": f"{today}",
        "expires": f"{today + dt.timedelta(days=365)}",
        "reason": "disks of the lab's nodes are encrypted (LUKS), checked on each",
    }
    assert declare(admin, name, volume("charts", lab)).ok
    wait(admin, name, "VolumesEncrypted", "False", "Withheld")
    assert declare(admin, name, volume("charts", lab), storageAttestations=[word]).ok
    wait(admin, name, "VolumesEncrypted", "True", "Attested")
    entry = told(admin, name, "charts")
    assert (entry["standing"], entry["encryption"]) == ("Attested", "UNKNOWN")
    assert entry["attestedBy"] == word["attestedBy"]
    assert engineer.create(claims(name), claim("more", lab), dry_run=True).ok
    ended = word | {"attestedOn": "2025-01-01", "expires": "2025-12-31"}
    assert declare(admin, name, volume("charts", lab), storageAttestations=[ended]).ok
    wait(admin, name, "VolumesEncrypted", "False", "Unproven")
    answer = engineer.create(claims(name), claim("more", lab), dry_run=True)
    assert answer.code == 403
    for wrong, said in (
        (word | {"expires": "2020-01-01"}, "before attestedOn"),
        (word | {"attestedOn": "2025-01-01", "expires": "2026-12-31"}, "at most 400 days"),
    ):
        answer = declare(admin, name, volume("charts", lab), storageAttestations=[wrong])
        assert answer.code == 422
        assert said in answer.message


def test_an_attestation_counts_for_nothing_that_is_shown_to_be_plain(
    admin: Rest, name: str, classes: dict[str, str]
) -> None:
    plain = make_class(admin, classes, "plain")
    today = dt.datetime.now(dt.UTC).date()
    word = {
        "storageClassName": plain,
        "attestedBy": "storage-team@hospital.example",
        "attestedOn": f"{today}",
        "expires": f"{today}",
        "reason": "it surely is",
    }
    assert declare(admin, name, volume("charts", plain), storageAttestations=[word]).ok
    wait(admin, name, "VolumesEncrypted", "False", "Withheld")


def test_a_claim_that_is_gone_is_told_and_not_made_again(
    admin: Rest, name: str, classes: dict[str, str]
) -> None:
    fast = make_class(admin, classes, "fast", encrypted="true")
    assert declare(admin, name, volume("charts", fast)).ok
    until(lambda: told(admin, name, "charts").get("uid"), "the claim is made and noted")
    kept = {"metadata": {"finalizers": None}}
    assert admin.delete(f"{claims(name)}/charts").ok
    admin.request("PATCH", f"{claims(name)}/charts", kept, content="application/merge-patch+json")
    wait(admin, name, "VolumesEncrypted", "False", "ClaimLost")
    # A change of the declaration is another reason to look, and makes none either.
    assert workloads.change(admin, name, clinicalImpact="care-support").ok
    wait(admin, name, "VolumesEncrypted", "False", "ClaimLost")
    assert admin.get(f"{claims(name)}/charts").code == 404


def test_a_claim_that_nobody_declared_counts_too(
    admin: Rest, name: str, classes: dict[str, str]
) -> None:
    plain = make_class(admin, classes, "plain")
    assert declare(admin, name, enforcement="observe").ok
    wait(admin, name, "VolumesEncrypted", "True", "NoClaims")
    assert admin.create(claims(name), claim("old", plain)).ok
    entry = wait(admin, name, "VolumesEncrypted", "False", "Unencrypted")
    assert "clinical/old" in entry["message"]
    found = told(admin, name, "old")
    assert found["declared"] is False


def test_a_volume_outlives_its_deletion_for_as_long_as_its_claim_is_there(
    admin: Rest, engineer: Rest, name: str, classes: dict[str, str]
) -> None:
    """PersistentVolumes belong to no namespace, so no policy sees their zone; the claim holds them."""
    fast = make_class(admin, classes, "fast", encrypted="true")
    assert declare(admin, name, volume("charts", fast)).ok
    until(lambda: admin.get(f"{claims(name)}/charts").ok, "the claim is made")
    path = f"{VOLUMES}/{bind(admin, f'{name}-clinical', 'charts')}"
    wait(admin, name, "VolumesEncrypted", "True", "Proven")

    def phase(at: str) -> str:
        found: str = admin.get(at).body["status"].get("phase", "")
        return found

    for at in (path, f"{claims(name)}/charts"):
        until(lambda at=at: phase(at) == "Bound", f"{at} is bound")
    assert engineer.delete(path).ok
    assert "kubernetes.io/pv-protection" in admin.get(path).body["metadata"]["finalizers"]
    answer = engineer.delete(f"{claims(name)}/charts")
    assert answer.code == 403
    assert "PHI-VOL-004" in answer.message
    assert (phase(path), phase(f"{claims(name)}/charts")) == ("Bound", "Bound")
    # By force the object goes, and with it no data: it was never released. The status tells.
    forced = {"metadata": {"finalizers": None}}
    assert engineer.request("PATCH", path, forced, content=MERGE).ok
    until(lambda: phase(f"{claims(name)}/charts") == "Lost", "the claim is without its volume")
    entry = wait(admin, name, "VolumesEncrypted", "False", "Unproven")
    assert "is not there" in entry["message"]


def requested(name: str, **encryption: str) -> dict[str, Any]:
    asked = {"provisioner": EBS, **encryption}
    return workloads.declared_volume(name, "clinical", encryption=asked)


def test_encrypted_storage_is_made_for_whoever_asks_once_for_all(
    admin: Rest, engineer: Rest, name: str, classes: dict[str, str]
) -> None:
    key = f"{KEY}-{name}"
    ours = {**requested("charts", key=key), "customerManagedKey": True}
    assert declare(admin, name, ours, requested("letters", key=key)).ok
    wait(admin, name, "VolumesEncrypted", "True", "Proven")
    found = told(admin, name, "charts")
    assert (found["encryption"], found["key"]) == ("ENCRYPTED_CUSTOMER_KEY", key)
    made = admin.get(f"{claims(name)}/charts").body["spec"]["storageClassName"]
    classes["made"] = made
    assert admin.get(f"{claims(name)}/letters").body["spec"]["storageClassName"] == made
    body = admin.get(f"{CLASSES}/{made}").body
    assert (body["provisioner"], body["parameters"]) == (
        EBS,
        {"encrypted": "true", "kmsKeyId": key},
    )
    assert (body["reclaimPolicy"], body["volumeBindingMode"]) == ("Retain", "WaitForFirstConsumer")
    assert body["allowVolumeExpansion"] is True
    labels = body["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "phiwarden"
    # It is a class like any other: zones rely on it, and others may ask for it as well.
    assert labels["phiwarden.dev/relied-on"] == "true"
    assert "PHI-GRD-005" in engineer.delete(f"{CLASSES}/{made}").message
    other = f"{name}-2"
    try:
        assert declare(admin, other, requested("scans", key=key)).ok
        wait(admin, other, "VolumesEncrypted", "True", "Proven")
        assert admin.get(f"{claims(other)}/scans").body["spec"]["storageClassName"] == made
        uid = admin.get(f"{CLASSES}/{made}").body["metadata"]["uid"]
        assert uid == body["metadata"]["uid"]
        assert admin.delete(f"{WORKLOADS}/{other}").ok
        until(lambda: admin.get(f"{WORKLOADS}/{other}").code == 404, "the other is gone")
        assert admin.get(f"{CLASSES}/{made}").ok
    finally:
        admin.delete(f"{WORKLOADS}/{other}")


def test_a_class_under_the_name_of_one_to_be_made_is_judged_as_what_it_is(
    admin: Rest, name: str, classes: dict[str, str]
) -> None:
    key = f"{KEY}-{name}"
    made = recipe(EBS, key).name
    classes["forged"] = made
    body = {"metadata": {"name": made}, "provisioner": EBS, "parameters": {"encrypted": "false"}}
    assert admin.create(CLASSES, body).ok
    assert declare(admin, name, requested("charts", key=key)).ok
    wait(admin, name, "VolumesEncrypted", "False", "Withheld")
    assert admin.get(f"{claims(name)}/charts").code == 404
    # Gone, it is made as it should be.
    assert admin.delete(f"{CLASSES}/{made}").ok
    wait(admin, name, "VolumesEncrypted", "True", "Proven")
    assert admin.get(f"{CLASSES}/{made}").body["parameters"]["kmsKeyId"] == key


def test_what_drivers_say_in_objects_of_their_own_counts(
    admin: Rest, name: str, classes: dict[str, str]
) -> None:
    nas = make_class(admin, classes, "nas", "csi.trident.netapp.io", selector="luks=true")
    gold = make_class(admin, classes, "gold", "csi.vsphere.vmware.com", storagePolicyID="p")
    assert declare(admin, name, volume("charts", gold), enforcement="observe").ok
    wait(admin, name, "VolumesEncrypted", "False", "Withheld")
    assert admin.create(claims(name), claim("records", nas)).ok
    bound = bind(admin, f"{name}-clinical", "records", "csi.trident.netapp.io")
    until(lambda: told(admin, name, "records").get("volume") == bound, "the volume is seen")
    assert told(admin, name, "records")["encryption"] == "UNKNOWN"
    # The kinds come when their driver is installed, and that may be later.
    with custom_kinds.installed(admin, custom_kinds.DRIVERS):
        policies = collection(STORAGE_POLICY_INFO)
        policy = {"apiVersion": STORAGE_POLICY_INFO.api_version, "kind": STORAGE_POLICY_INFO.kind}
        policy |= {
            "metadata": {"name": gold},
            "status": {"encryption": {"supportsEncryption": True}},
        }
        until(lambda: admin.create(policies, policy).code in (201, 409), "policies are served")
        until(lambda: admin.get(f"{claims(name)}/charts").ok, "the claim is made")
        until(
            lambda: told(admin, name, "charts")["encryption"] == "ENCRYPTED_PLATFORM_KEY",
            "the policy is read",
        )
        trident = {"apiVersion": TRIDENT_VOLUME.api_version, "kind": TRIDENT_VOLUME.kind}
        trident |= {"metadata": {"name": bound}, "config": {"LUKSEncryption": "true"}}
        path = collection(TRIDENT_VOLUME, "default")
        until(lambda: admin.create(path, trident).code in (201, 409), "volumes are served")
        until(
            lambda: told(admin, name, "records")["encryption"] == "ENCRYPTED_CUSTOMER_KEY",
            "the driver's object is read",
        )
        # One of the same name in another namespace is not the driver's, and one of them lies.
        posing = {**trident, "config": {"LUKSEncryption": "false"}}
        assert admin.create(collection(TRIDENT_VOLUME, f"{name}-clinical"), posing).ok
        until(lambda: told(admin, name, "records")["encryption"] == "UNKNOWN", "nothing is known")
    until(lambda: told(admin, name, "charts")["encryption"] == "UNKNOWN", "nobody tells any more")
    assert admin.get(f"{claims(name)}/charts").ok


def test_a_driver_that_goes_by_the_keys_of_a_secret(
    admin: Rest, name: str, classes: dict[str, str]
) -> None:
    """Hetzner's has no switch: without the one key in the Secret its disks are in the clear."""
    secret = unique("opened")
    secrets = f"{NAMESPACES}/default/secrets"
    named = "csi.storage.k8s.io/node-publish-secret"
    parameters = {f"{named}-name": secret, f"{named}-namespace": "default"}
    disks = make_class(admin, classes, "disks", "csi.hetzner.cloud", **parameters)
    assert declare(admin, name, volume("charts", disks)).ok
    until(lambda: told(admin, name, "charts").get("encryption") == "UNKNOWN", "no Secret is there")
    body = {"metadata": {"name": secret}, "stringData": {"passphrase": "misspelt"}}
    assert admin.create(secrets, body).ok
    until(lambda: told(admin, name, "charts").get("encryption") == "UNENCRYPTED", "the key lacks")
    right = {"stringData": {"encryption-passphrase": "right"}}
    assert admin.request("PATCH", f"{secrets}/{secret}", right, content=MERGE).ok
    until(lambda: admin.get(f"{claims(name)}/charts").ok, "the claim is made")
    until(
        lambda: told(admin, name, "charts").get("encryption") == "ENCRYPTED_CUSTOMER_KEY",
        "and is encrypted",
    )
    admin.delete(f"{secrets}/{secret}")
