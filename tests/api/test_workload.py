"""PHIWorkload as it is parsed."""

from __future__ import annotations

import datetime as dt
from ipaddress import ip_network
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from phiwarden.api.workload import (
    DataClass,
    DeletionPolicy,
    Enforcement,
    Exposure,
    Purpose,
    Rollback,
    WorkloadSpec,
)

from .declarations import ACCEPTED, EXAMPLES, changed, portal
from .rejections import REJECTED


def parsed(manifest: dict[str, Any]) -> WorkloadSpec:
    return WorkloadSpec.model_validate(manifest["spec"])


@pytest.mark.parametrize("what", ACCEPTED)
def test_what_the_api_server_accepts_is_parsed(what: str) -> None:
    manifest = changed(portal(), ACCEPTED[what])
    # The API server drops a null where it does not know one.
    manifest["spec"] = {k: v for k, v in manifest["spec"].items() if v is not None}
    parsed(manifest)


@pytest.mark.parametrize("case", [c for c in REJECTED if c.form], ids=lambda case: case.what)
def test_a_value_that_the_api_server_rejects_is_not_parsed(case: Any) -> None:
    with pytest.raises(ValidationError):
        parsed(changed(portal(), case.changes))


@pytest.mark.parametrize("case", [c for c in REJECTED if not c.form], ids=lambda case: case.what)
def test_a_contradiction_is_left_to_the_api_server(case: Any) -> None:
    parsed(changed(portal(), case.changes))


@pytest.mark.parametrize("file", ["phiworkload.yaml", "billing.yaml"])
def test_an_example_read_from_its_file_is_parsed(file: str) -> None:
    manifest = yaml.safe_load((EXAMPLES / file).read_text(encoding="utf-8"))
    assert parsed(manifest).externals[0].agreement is not None


def test_the_example_says_what_it_says() -> None:
    spec = parsed(portal())
    edge, clinical, analytics = spec.zones
    assert (edge.exposure, edge.exposed_ports[0].port) == (Exposure.PUBLIC, 8443)
    assert (clinical.data, clinical.quota and clinical.quota.memory) == (DataClass.PHI, "16Gi")
    assert analytics.images.registries == ("registry.hospital.example/",)
    assert [zone.service_accounts[0].name for zone in spec.zones] == ["web", "api", "etl"]
    assert spec.flows[1].destination.external == "epic-fhir"
    assert spec.flows[2].deidentified_by == "deid-gateway"
    assert spec.flows[0].purpose is Purpose.TREATMENT
    (epic,) = spec.externals
    assert epic.networks() == (ip_network("203.0.113.0/24"),)
    assert epic.agreement is not None
    assert epic.agreement.expires == dt.date(2027, 6, 30)


def test_what_is_left_out_gets_the_safe_default() -> None:
    spec = parsed(
        {
            "spec": {
                "owner": {"team": "t", "contact": "c"},
                "environment": "test",
                "clinicalImpact": "administrative",
                "zones": [{"name": "a", "data": "none", "serviceAccounts": [{"name": "web"}]}],
            }
        }
    )
    (zone,) = spec.zones
    assert spec.enforcement is Enforcement.ENFORCE
    assert spec.deletion_policy is DeletionPolicy.RETAIN
    assert zone.exposure is Exposure.NONE
    assert not zone.adopt
    assert not zone.service_accounts[0].api_access
    assert zone.images.registries == ()
    assert spec.rollback == Rollback(
        keep_revisions=2, on_failed_rollout=False, progress_deadline="10m"
    )


def test_a_zone_without_a_namespace_gets_one_of_the_workloads_and_its_own_name() -> None:
    edge, clinical, _ = parsed(changed(portal(), {"zones[1].namespace": "records"})).zones
    assert edge.namespace_in("portal") == "portal-edge"
    assert clinical.namespace_in("portal") == "records"


def test_fields_of_a_newer_api_are_ignored() -> None:
    spec = parsed(changed(portal(), {"releases": [{"name": "s"}], "zones[0].later": 1}))
    assert spec == parsed(portal())


def test_a_spec_written_out_reads_back_the_same() -> None:
    spec = parsed(portal())
    assert WorkloadSpec.model_validate(spec.model_dump(mode="json", by_alias=True)) == spec
    assert WorkloadSpec.model_validate_json(spec.model_dump_json(by_alias=True)) == spec


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parsed(portal()).enforcement = Enforcement.OBSERVE
    assert len({parsed(portal()), parsed(portal())}) == 1


def test_a_refusal_uses_the_words_of_the_api_server() -> None:
    with pytest.raises(ValidationError, match="no scheme, no tag, no digest"):
        parsed(changed(portal(), {"zones[0].images.registries": ["https://a.example"]}))
