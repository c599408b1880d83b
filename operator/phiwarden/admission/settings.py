"""What the chart tells the feedback webhook, by environment variables."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final


class SettingsError(ValueError):
    """An environment variable is missing or wrong; the message names it."""


@dataclass(frozen=True, slots=True)
class OwnCertificates:
    """Certificates that this process makes and rotates.

    Attributes:
        namespace: of the Secret that holds them.
        secret: its name.
        configuration: the MutatingWebhookConfiguration that is told which CA to trust.
        hosts: names and addresses by which API servers call.
        lifetime: of a certificate.
    """

    namespace: str
    secret: str
    configuration: str
    hosts: tuple[str, ...]
    lifetime: dt.timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the webhook.

    Attributes:
        operator: the user name under which the API server knows the controller.
        exempt_groups: groups that may change a boundary by hand (guard.exemptGroups).
        certificates: what to make, or the folder in which tls.crt and tls.key are kept by others.
        rules: folder of the platform team's own rules; None where there are none.
    """

    operator: str
    exempt_groups: frozenset[str]
    certificates: OwnCertificates | Path
    rules: Path | None = None


_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_PREFIX: Final = "PHIWARDEN_FEEDBACK_"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    operator = _required(environment, "PHIWARDEN_USERNAME")
    groups = frozenset(_listed(environment.get("PHIWARDEN_EXEMPT_GROUPS", "")))
    rules = Path(found) if (found := environment.get("PHIWARDEN_RULES")) else None
    if folder := environment.get(f"{_PREFIX}CERTIFICATES"):
        return Settings(operator, groups, Path(folder), rules)
    namespace, _, secret = _required(environment, f"{_PREFIX}SECRET").partition("/")
    if not namespace or not secret:
        raise SettingsError(f"{_PREFIX}SECRET must be <namespace>/<name>")
    own = OwnCertificates(
        namespace=namespace,
        secret=secret,
        configuration=_required(environment, f"{_PREFIX}CONFIGURATION"),
        hosts=_listed(_required(environment, f"{_PREFIX}HOSTS")),
        lifetime=_duration(environment, f"{_PREFIX}CERTIFICATE_LIFETIME"),
    )
    return Settings(operator, groups, own, rules)


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} must be set, as the chart does")
    return value


def _duration(environment: Mapping[str, str], name: str) -> dt.timedelta:
    value = _required(environment, name)
    if not re.fullmatch(r"[1-9][0-9]{0,6}[smh]", value):
        raise SettingsError(f"{name} must be a number of hours, minutes or seconds such as 2160h")
    return dt.timedelta(seconds=int(value[:-1]) * _UNITS[value[-1]])


def _listed(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())
