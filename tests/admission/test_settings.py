"""The environment that the chart sets."""

import datetime as dt
from pathlib import Path

import pytest

from phiwarden.admission.settings import OwnCertificates, SettingsError, from_environment

ENVIRONMENT = {
    "PHIWARDEN_USERNAME": "system:serviceaccount:phiwarden-system:phiwarden",
    "PHIWARDEN_EXEMPT_GROUPS": "system:masters, platform",
    "PHIWARDEN_FEEDBACK_HOSTS": "a.svc,10.0.0.5",
    "PHIWARDEN_FEEDBACK_SECRET": "phiwarden-system/tls",
    "PHIWARDEN_FEEDBACK_CONFIGURATION": "zz-phiwarden-feedback",
    "PHIWARDEN_FEEDBACK_CERTIFICATE_LIFETIME": "2160h",
}


def test_own_certificates() -> None:
    settings = from_environment(ENVIRONMENT)
    assert settings.operator == ENVIRONMENT["PHIWARDEN_USERNAME"]
    assert settings.exempt_groups == {"system:masters", "platform"}
    assert settings.certificates == OwnCertificates(
        "phiwarden-system",
        "tls",
        "zz-phiwarden-feedback",
        ("a.svc", "10.0.0.5"),
        dt.timedelta(days=90),
    )


def test_certificates_of_others() -> None:
    environment = {"PHIWARDEN_USERNAME": "operator", "PHIWARDEN_FEEDBACK_CERTIFICATES": "/tls"}
    assert from_environment(environment).certificates == Path("/tls")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PHIWARDEN_USERNAME", ""),
        ("PHIWARDEN_FEEDBACK_SECRET", "tls"),
        ("PHIWARDEN_FEEDBACK_SECRET", "/tls"),
        ("PHIWARDEN_FEEDBACK_HOSTS", ""),
        ("PHIWARDEN_FEEDBACK_CONFIGURATION", ""),
        ("PHIWARDEN_FEEDBACK_CERTIFICATE_LIFETIME", "90d"),
        ("PHIWARDEN_FEEDBACK_CERTIFICATE_LIFETIME", "0h"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        from_environment({**ENVIRONMENT, name: value})
