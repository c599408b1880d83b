"""What the chart tells the controller, by environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from phiwarden.boundary.secrets import SOURCES
from phiwarden.remediation.turns import Limits


class SettingsError(ValueError):
    """An environment variable is missing or wrong; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the controller.

    Attributes:
        username: the user name under which the API server knows this controller.
        exempt_groups: groups that may change a boundary by hand (guard.exemptGroups).
        gateway_namespaces: namespaces of ingress controllers and gateways.
        writers: user names of the operators that deliver secrets, by the kind of their objects.
        watch_secrets: whether metadata of Secrets may be looked at (secrets.watch).
        limits: how much is put back at a time (remediation).
        rules: folder of the platform team's own rules; None where there are none.
    """

    username: str
    exempt_groups: tuple[str, ...]
    gateway_namespaces: tuple[str, ...]
    rules: Path | None = None
    writers: Mapping[str, str] = field(default_factory=dict)
    watch_secrets: bool = True
    limits: Limits = field(default_factory=Limits)

    @property
    def namespace(self) -> str:
        """Return the namespace that the controller's service account is in."""
        return self.username.split(":")[2]


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings.

    Raises:
        SettingsError: PHIWARDEN_USERNAME is no user name of a service account,
            PHIWARDEN_SECRET_WRITERS names no kind of source, or a limit is no number.
    """
    username = environment.get("PHIWARDEN_USERNAME", "")
    if username.count(":") != 3 or not username.startswith("system:serviceaccount:"):
        raise SettingsError(
            "PHIWARDEN_USERNAME must be the controller's user name,"
            f" system:serviceaccount:<namespace>:<name>, and is {username!r}"
        )
    rules = environment.get("PHIWARDEN_RULES", "")
    return Settings(
        username=username,
        exempt_groups=_listed(environment.get("PHIWARDEN_EXEMPT_GROUPS", "")),
        gateway_namespaces=_listed(environment.get("PHIWARDEN_GATEWAY_NAMESPACES", "")),
        rules=Path(rules) if rules else None,
        watch_secrets=environment.get("PHIWARDEN_WATCH_SECRETS", "true") != "false",
        writers=_writers(environment.get("PHIWARDEN_SECRET_WRITERS", "")),
        limits=_limits(environment),
    )


def _limits(environment: Mapping[str, str]) -> Limits:
    usual = Limits()
    return Limits(
        per_minute=_positive(environment, "PHIWARDEN_PUT_BACK_PER_MINUTE", usual.per_minute),
        unready=_positive(environment, "PHIWARDEN_PUT_BACK_UNREADY", usual.unready),
        failures=_positive(environment, "PHIWARDEN_PUT_BACK_FAILURES", usual.failures),
    )


def _positive(environment: Mapping[str, str], name: str, usual: int) -> int:
    text = environment.get(name, str(usual))
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name} must be a whole number of at least 1, and is {text!r}")
    return int(text)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


def _writers(text: str) -> dict[str, str]:
    writers = {}
    for entry in _listed(text):
        kind, _, user = entry.partition("=")
        if kind not in SOURCES or not user or any(letter.isspace() for letter in user):
            raise SettingsError(
                f"PHIWARDEN_SECRET_WRITERS must be like {SOURCES[0]}=system:serviceaccount:..., of"
                f" {', '.join(SOURCES)}, and has {entry!r}"
            )
        writers[kind] = user
    return writers
