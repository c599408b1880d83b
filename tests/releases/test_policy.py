"""What a zone asks of a release."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from phiwarden.api.images import SCAN_LIMITS, ScanLimits
from phiwarden.api.vocabulary import ClinicalImpact
from phiwarden.api.workload import WorkloadSpec
from phiwarden.releases.policy import Limits, limits_of, policy_of
from tests.api.declarations import changed, portal

from .made import key, private, public_pem

DAY = dt.timedelta(days=1)


def asked(images: dict[str, Any], **more: Any) -> Any:
    changes = {"zones[1].images": images, **more}
    spec = WorkloadSpec.model_validate(changed(portal(), changes)["spec"])
    return policy_of("portal", spec, spec.zones[1])


@pytest.mark.parametrize(
    ("impact", "limits"),
    [
        (ClinicalImpact.DIRECT_CARE, Limits(0, 0, 7 * DAY)),
        (ClinicalImpact.CARE_SUPPORT, Limits(0, 5, 14 * DAY)),
        (ClinicalImpact.ADMINISTRATIVE, Limits(0, 20, 30 * DAY)),
    ],
)
def test_each_tier_has_its_limits(impact: ClinicalImpact, limits: Limits) -> None:
    assert limits_of(impact, None) == limits_of(impact, ScanLimits()) == limits


@pytest.mark.parametrize("impact", ClinicalImpact)
def test_every_tier_has_them_all(impact: ClinicalImpact) -> None:
    assert None not in SCAN_LIMITS[impact].model_dump().values()


@pytest.mark.parametrize(
    ("declared", "limits"),
    [
        ({"critical": 1}, Limits(1, 0, 7 * DAY)),
        ({"high": 3}, Limits(0, 3, 7 * DAY)),
        ({"maxDatabaseAge": "36h"}, Limits(0, 0, 1.5 * DAY)),
        ({"critical": 2, "high": 3, "maxDatabaseAge": "90d"}, Limits(2, 3, 90 * DAY)),
    ],
)
def test_what_is_declared_goes_before_the_tier(declared: dict[str, Any], limits: Limits) -> None:
    assert asked({"scanLimits": declared}).limits == limits


def test_a_limit_of_none_is_declared_too() -> None:
    found = asked({"scanLimits": {"high": 0}}, clinicalImpact="administrative")
    assert found.limits == Limits(0, 0, 30 * DAY)


def test_keys_are_read_with_their_ends() -> None:
    old = {"name": "old", "publicKey": public_pem(private("ci")), "notAfter": "2026-05-31"}
    new = {"name": "new", "publicKey": public_pem(private("ci-p256"))}
    found = asked({"releaseKeys": [old, new], "promotedFrom": "staging"})
    assert [(k.name, k.id, k.not_after) for k in found.keys] == [
        ("old", key("ci").id, dt.date(2026, 5, 31)),
        ("new", key("ci-p256").id, None),
    ]
    assert (found.unreadable, found.workload, found.promoted_from) == ((), "portal", "staging")
