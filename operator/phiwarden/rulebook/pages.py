"""What people are told of each rule, however it is held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import yaml

from phiwarden.api.workload import ClinicalImpact
from phiwarden.rulebook import declared
from phiwarden.rulebook.declaration import KIND
from phiwarden.rulebook.model import Controls, Example, Reads, Rule, Running, Severity, rulebook
from phiwarden.rulebook.shapes import POD_SHAPES

SHOWN: Final = 2
"""Examples of each sort that a page shows; the rulebook has more, for the tests."""

FRAMEWORKS: Final[Mapping[str, str]] = {
    "hipaa": "HIPAA",
    "nist": "NIST 800-53",
    "gdpr": "GDPR",
    "hitrust": "HITRUST",
}
"""Where controls stand, in the order in which they are told."""

_READS: Final[Mapping[str, str]] = {
    Reads.POD: ", ".join(kind.kind for shape in POD_SHAPES for kind in shape.kinds),
    Reads.ROLLOUT: "Deployment, StatefulSet, DaemonSet",
    Reads.SETTINGS: "Deployment, StatefulSet, DaemonSet",
    Reads.SCALE: "their scale",
    Reads.CLAIM_TEMPLATES: "volumeClaimTemplates of a StatefulSet",
    Reads.CLAIM: "PersistentVolumeClaim",
    Reads.CLAIM_OWNERS: "the owners of a PersistentVolumeClaim",
    Reads.CLAIM_DELETION: "the deletion of a PersistentVolumeClaim",
    Reads.SECRET_WRITE: "writes to a Secret",
    Reads.SECRET_DELETION: "the deletion of a Secret",
    Reads.SECRET_SOURCE: "what asks a store for a Secret (ExternalSecret, VaultStaticSecret,"
    " VaultDynamicSecret, VaultPKISecret, SecretProviderClass, Certificate)",
    Reads.SNAPSHOT: "VolumeSnapshot",
    Reads.REFERENCE_GRANT: "ReferenceGrant",
    Reads.SERVICE: "Service",
    Reads.NETWORK_POLICY: "NetworkPolicy",
    Reads.ROUTE: "Ingress, Gateway, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute",
    Reads.ENDPOINTS: "EndpointSlice, Endpoints",
    Reads.ACCESS: "Role, RoleBinding",
    Reads.CONFIG: "ConfigMap",
    Reads.SECRET: "the type of a Secret, never its values",
    Reads.REVISION: "ControllerRevision",
    Reads.SESSION: "exec, attach, port-forward, proxy and debug containers",
    Reads.NODE_SESSION: "requests to kubelets through the API server",
    Reads.NAMESPACE: "the Namespace of a zone",
    Reads.MARK: "Namespace",
    Reads.OWNED: "objects of the boundary",
    Reads.HISTORY: "PHIHistory",
    Reads.EXCEPTION: "PHIException",
    Reads.RELEASE: "PHIRelease",
    Reads.QUARANTINED: "Pods in quarantine",
    Reads.RELIED_ON: "StorageClasses that a zone relies on",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One rule, for an application developer and for an auditor.

    Attributes:
        id: its identifier.
        title: what it asks for, in a sentence.
        rationale: why.
        fix: what to do.
        controls: what it answers to.
        severity: what it does, for each clinical impact.
        scope: data classes and environments of the zones where it holds; empty for all.
        reads: what it looks at.
        running: what becomes of something that runs already and breaks it; "" where nothing runs.
        good: parts of manifests that keep it, as YAML.
        bad: parts of manifests that break it, as YAML.
    """

    id: str
    title: str
    rationale: str
    fix: str
    controls: Controls
    severity: Mapping[ClinicalImpact, Severity]
    scope: tuple[str, ...]
    reads: str
    running: str
    good: tuple[str, ...]
    bad: tuple[str, ...]

    def answers(self) -> tuple[tuple[str, str], ...]:
        """Return (framework, control) of every control that the rule answers to."""
        return tuple(
            (title, control)
            for framework, title in FRAMEWORKS.items()
            for control in getattr(self.controls, framework)
        )


def pages(own_rules: tuple[Rule, ...] = ()) -> tuple[Page, ...]:
    """Return a page for every rule, ordered by identifier.

    Args:
        own_rules: rules of a platform team, beside phiwarden's.
    """
    found = [*_standard(), *(_page(rule) for rule in own_rules)]
    return tuple(sorted(found, key=lambda page: page.id))


@cache
def _standard() -> tuple[Page, ...]:
    return (
        *(_page(rule) for rule in rulebook()),
        *(_declared(rule) for rule in declared.rules()),
    )


def _page(rule: Rule) -> Page:
    reads = dict.fromkeys(rule.reads_of(check) for check in rule.checks)
    return Page(
        rule.id,
        rule.title,
        rule.rationale,
        rule.fix,
        rule.controls,
        rule.severity,
        (*(rule.data or ()), *(rule.environments or ())),
        "; ".join(dict.fromkeys(_READS[what] for what in reads)),
        _running(rule),
        tuple(snippet(example) for example in rule.examples.passing[:SHOWN]),
        tuple(snippet(example) for example in rule.examples.failing[:SHOWN]),
    )


def _running(rule: Rule) -> str:
    if any(rule.mends(check) for check in rule.checks):
        return "put back where the rule denies, as clinical impact allows"
    return "listed, and never touched" if rule.running is Running.REPORT else ""


def _declared(rule: declared.DeclaredRule) -> Page:
    return Page(
        rule.id,
        rule.title,
        rule.rationale,
        rule.fix,
        rule.controls,
        rule.severity,
        (),
        KIND,
        "",
        tuple(_yaml({"spec": example}) for example in rule.examples.passing[:SHOWN]),
        tuple(_yaml({"spec": example}) for example in rule.examples.failing[:SHOWN]),
    )


def snippet(example: Example) -> str:
    """Return the part of a manifest that an example is about, as YAML."""
    lines = [f"# in a zone with {_words(example.zone)}"] if example.zone else []
    if example.object is not None:
        return "\n".join([*lines, _yaml(example.object)])
    part: dict[str, Any] = {}
    if example.settings is not None:
        part["spec"] = {k: value for k, value in example.settings.items() if value is not None}
    if example.annotations is not None:
        part["metadata"] = {"annotations": dict(example.annotations)}
    spec = {key: value for key, value in (example.pod or {}).items() if value is not None}
    if example.container is not None:
        kept = {key: value for key, value in example.container.items() if value is not None}
        spec["containers"] = [{"name": "app", **kept}]
    if spec:
        part["spec"] = spec
    lines += [f"# without {path}" for path in _absent(example)]
    return "\n".join([*lines, _yaml(part)] if part else lines)


def _absent(example: Example) -> Iterator[str]:
    for base, fields in (
        ("spec", example.settings),
        ("spec", example.pod),
        ("spec.containers[0]", example.container),
    ):
        yield from (f"{base}.{key}" for key, value in (fields or {}).items() if value is None)


def _words(zone: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in zone.items())


def _value(value: Any) -> str:
    return (", ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def _yaml(part: Any) -> str:
    return yaml.safe_dump(part, sort_keys=False, allow_unicode=True, width=96).rstrip("\n")
