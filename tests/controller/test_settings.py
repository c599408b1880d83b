"""The environment that the chart sets for the controller."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.controller.settings import Settings, SettingsError, from_environment
from phiwarden.remediation.turns import Limits

ENVIRONMENT = {
    "PHIWARDEN_USERNAME": "system:serviceaccount:phiwarden-system:phiwarden",
    "PHIWARDEN_EXEMPT_GROUPS": "system:masters, platform",
    "PHIWARDEN_GATEWAY_NAMESPACES": "ingress",
}
LIMITS = ("PHIWARDEN_PUT_BACK_PER_MINUTE", "PHIWARDEN_PUT_BACK_UNREADY", "PHIWARDEN_PUT_BACK_FAILURES")  # fmt: skip


def test_what_the_chart_says_is_read() -> None:
    settings = from_environment({**ENVIRONMENT, **dict(zip(LIMITS, ("7", "8", "9"), strict=True))})
    assert settings == Settings(
        username=ENVIRONMENT["PHIWARDEN_USERNAME"],
        exempt_groups=("system:masters", "platform"),
        gateway_namespaces=("ingress",),
        limits=Limits(per_minute=7, unready=8, failures=9),
    )
    assert settings.namespace == "phiwarden-system"


def test_without_limits_the_usual_ones_hold() -> None:
    assert from_environment(ENVIRONMENT).limits == Limits()


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", ["", "0", "-1", "1.5", "many", " 5", "５", "1e3"])
def test_a_limit_that_is_none_is_named(name: str, value: str) -> None:
    """A limit of zero would put nothing back, for ever, and say so nowhere."""
    with pytest.raises(SettingsError, match=name):
        from_environment({**ENVIRONMENT, name: value})


@pytest.mark.parametrize(
    "username", ["", "phiwarden", "system:serviceaccount:phiwarden", "system:node:a:b"]
)
def test_a_user_that_is_no_service_account_is_named(username: str) -> None:
    with pytest.raises(SettingsError, match="PHIWARDEN_USERNAME"):
        from_environment({**ENVIRONMENT, "PHIWARDEN_USERNAME": username})


@given(st.sampled_from(LIMITS), st.text())
def test_a_limit_is_a_positive_number_or_refused(name: str, value: str) -> None:
    try:
        limits = from_environment({**ENVIRONMENT, name: value}).limits
    except SettingsError:
        return
    assert min(limits.per_minute, limits.unready, limits.failures) >= 1
