"""CI brings a release to the cluster, and is told at once what cannot be.

Everything here is the API server's own answer to a PHIRelease: no operator
runs. Whose signature it bears the API server cannot tell; that it stays as it
was signed, it can.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.controlplane import ControlPlane
from e2e.test_declaration import ROOT, SECONDS, assert_refused
from phiwarden.api import names
from phiwarden.api.release import ReleaseSpec
from phiwarden.releases.policy import Policy
from phiwarden.releases.sign import signed
from phiwarden.releases.verify import verdict
from tests.api.declarations import DROP, Manifest, Rejected, changed
from tests.api.releases import ACCEPTED, LARGEST, REJECTED, portal_release
from tests.releases.made import NOW, key, released, signer, statement

CRD = "crd/phireleases.phiwarden.dev"


@pytest.fixture(scope="module")
def namespace(cluster: ControlPlane) -> Iterator[str]:
    """A namespace with the API served in it, whoever else installed that."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", f"-f={ROOT / 'crds'}")
    cluster.kubectl("wait", "--for=condition=Established", CRD, f"--timeout={SECONDS:.0f}s")
    unique = f"releases-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", unique)
    yield unique
    cluster.kubectl("delete", "namespace", unique, "--wait=false")


def create(
    cluster: ControlPlane, namespace: str, manifest: Manifest, *how: str, check: bool = True
) -> Any:
    # Where the admission policies stand, a release names who brings it.
    whoami = json.loads(cluster.kubectl("auth", "whoami", "-o=json").stdout)["status"]["userInfo"]
    notes = {names.SUBMITTED_BY: whoami["username"], names.SUBMITTED_BY_UID: whoami.get("uid")}
    annotations = {key: value for key, value in notes.items() if value}
    at = {"metadata.namespace": namespace, "metadata.annotations": annotations}
    placed = changed(manifest, at)
    command = how or ("create", "--dry-run=server", "-o=json")
    return cluster.kubectl(*command, "-f=-", input=json.dumps(placed), check=check)


def manifest_of(release: ReleaseSpec) -> Manifest:
    spec = release.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**portal_release(), "spec": spec}


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case.what)
def test_a_bad_release_is_refused_with_the_field_and_the_offender(
    cluster: ControlPlane, namespace: str, case: Rejected
) -> None:
    answer = create(cluster, namespace, changed(portal_release(), case.changes), check=False)
    assert answer.returncode != 0, "it was accepted"
    assert_refused(answer.stderr, case.path, case.says)


@pytest.mark.parametrize("what", ACCEPTED)
def test_a_good_release_is_accepted_and_what_is_stored_is_read(
    cluster: ControlPlane, namespace: str, what: str
) -> None:
    release = changed(portal_release(), ACCEPTED[what])
    stored = json.loads(create(cluster, namespace, release).stdout)["spec"]
    assert stored == release["spec"]
    ReleaseSpec.model_validate(stored)


@pytest.mark.parametrize("how", [["create"], ["apply"], ["apply", "--server-side"]], ids=" ".join)
@pytest.mark.parametrize("what", ["the example", "the largest that there may be"])
def test_what_is_stored_is_verified_and_stays_as_it_was_signed(
    cluster: ControlPlane, namespace: str, what: str, how: list[str]
) -> None:
    release = manifest_of(released({} if what == "the example" else LARGEST))
    release["metadata"] = {"name": f"portal-{uuid.uuid4().hex[:8]}"}
    create(cluster, namespace, release, *how)
    path = f"phirelease/{release['metadata']['name']}"
    asked = Policy((key("ci"),))

    def stored() -> ReleaseSpec:
        found = json.loads(cluster.kubectl("get", "-n", namespace, path, "-o=json").stdout)
        return ReleaseSpec.model_validate(found["spec"])

    assert verdict(stored(), asked, NOW).verified
    for patch in (
        '{"spec":{"version":"1.4.3"}}',
        '{"spec":{"promotedFrom":null}}',
        '{"spec":{"envelope":{"signatures":[{"sig":"c2ln"}]}}}',
    ):
        answer = cluster.kubectl(
            "patch", "-n", namespace, path, "--type=merge", f"-p={patch}", check=False
        )
        assert answer.returncode != 0, "it was changed"
        assert_refused(answer.stderr, "spec", ("immutable once signed",))
    assert verdict(stored(), asked, NOW).verified


def test_labels_of_a_release_may_change(cluster: ControlPlane, namespace: str) -> None:
    release = manifest_of(released())
    release["metadata"] = {"name": "portal-labelled"}
    create(cluster, namespace, release, "create")
    path = "phirelease/portal-labelled"
    cluster.kubectl("label", "-n", namespace, path, "team=portal")
    listed = cluster.kubectl("get", "-n", namespace, "phireleases").stdout.splitlines()
    assert listed[0].split() == [
        "NAME", "VERSION", "FROM", "CRITICAL", "HIGH", "VERIFIED", "DECISION", "IN", "FORCE",
        "SCANNED", "AGE",
    ]  # fmt: skip
    (row,) = [line.split() for line in listed if line.startswith("portal-labelled ")]
    assert row[1:5] == ["1.4.2", "staging", "0", "0"]


def test_a_misspelt_field_is_refused(cluster: ControlPlane, namespace: str) -> None:
    release = changed(portal_release(), {"sbom.digests": "x"})
    answer = create(cluster, namespace, release, check=False)
    assert 'unknown field "spec.sbom.digests"' in answer.stderr


def test_what_the_command_line_signs_the_api_server_takes(
    cluster: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    stated = statement({"promotedFrom": DROP})
    release = manifest_of(ReleaseSpec(**dict(stated), envelope=signed(stated, signer("ci-p256"))))
    stored = json.loads(create(cluster, namespace, release).stdout)["spec"]
    found = verdict(ReleaseSpec.model_validate(stored), Policy((key("ci-p256"),)), NOW)
    assert found.verified
