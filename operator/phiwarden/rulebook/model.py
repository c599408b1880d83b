"""What a rule is. Rules are data (rules/*.yaml); this module reads and checks them.

A rule's predicates are portable CEL: the same text is judged by the API
server, inside a ValidatingAdmissionPolicy, and by Python. See `vocabulary`
for the names that predicates may use.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from phiwarden.api.workload import ClinicalImpact, DataClass, Environment
from phiwarden.rulebook.shapes import CONTAINER_LISTS


class RulebookError(ValueError):
    """A rule file is wrong; the message names the file, the rule and the fault."""


class Severity(StrEnum):
    """What becomes of an offender in a zone that enforces."""

    DENY = "deny"
    WARN = "warn"
    OFF = "off"


class Reads(StrEnum):
    """What a check looks at; it decides which policies carry the check."""

    POD = "pod"
    """Every pod and every pod template."""
    ROLLOUT = "rollout"
    """The pod template of what is rolled out: Deployment, StatefulSet, DaemonSet."""
    SETTINGS = "settings"
    """How these are rolled out: replicas, strategy, history."""
    SCALE = "scale"
    """The number of replicas, as `kubectl scale` and autoscalers set it."""
    CLAIM_TEMPLATES = "claim-templates"
    """The claims that a StatefulSet makes for its pods."""
    CLAIM = "claim"
    """PersistentVolumeClaim."""
    CLAIM_OWNERS = "claim-owners"
    """Requests that give a PersistentVolumeClaim owners."""
    CLAIM_DELETION = "claim-deletion"
    """Requests to delete a PersistentVolumeClaim."""
    SNAPSHOT = "snapshot"
    """VolumeSnapshot."""
    REFERENCE_GRANT = "reference-grant"
    """What lets other namespaces refer to objects of this one."""
    SERVICE = "service"
    NETWORK_POLICY = "networkpolicy"
    ROUTE = "route"
    """What publishes Services over HTTP or TLS: Ingress and the Gateway API."""
    ENDPOINTS = "endpoints"
    ACCESS = "access"
    """Role and RoleBinding."""
    CONFIG = "config"
    """ConfigMap."""
    SECRET = "secret"  # noqa: S105 - the name of a kind
    """Type and annotations of a Secret; its values are read by no rule and by no process."""
    SECRET_WRITE = "secret-write"  # noqa: S105
    """Requests that write a Secret; its values are compared by the API server alone."""
    SECRET_DELETION = "secret-deletion"  # noqa: S105
    """Requests to delete a Secret."""
    SECRET_SOURCE = "secret-source"  # noqa: S105
    """What asks a store for a Secret, or has a certificate put into one."""
    REVISION = "revision"
    """ControllerRevision: the history of a StatefulSet or DaemonSet."""
    SESSION = "session"
    """Requests that reach into a running pod: exec, attach, port-forward, proxy, debugging."""
    NODE_SESSION = "node-session"
    """Requests to a kubelet through the API server."""
    NAMESPACE = "namespace"
    MARK = "mark"
    OWNED = "owned"
    HISTORY = "history"
    """PHIHistory: what phiwarden remembers of a workload."""
    EXCEPTION = "exception"
    """PHIException: who asks for it, and who decides."""
    RELEASE = "release"
    """PHIRelease: who brings it, and who decides."""
    QUARANTINED = "quarantined"
    RELIED_ON = "relied-on"
    """StorageClasses that zones rely on."""


class Each(StrEnum):
    """What a check is asked about: the object once, or every item of a list."""

    OBJECT = "object"
    CONTAINER = "container"
    LASTING_CONTAINER = "lasting-container"
    """Not those for debugging (ephemeral), which may have no resources, ports or probes."""
    MAIN_CONTAINER = "main-container"
    VOLUME = "volume"
    ANNOTATION = "annotation"
    """Of the pod or template: `key` is its name, `annotation` its value."""
    ENTRY = "entry"
    """Of a ConfigMap's data: `key` is its name, `entry` its value."""


LISTS: Final[dict[Each, tuple[str, ...]]] = {
    Each.CONTAINER: CONTAINER_LISTS,
    Each.LASTING_CONTAINER: CONTAINER_LISTS[:2],
    Each.MAIN_CONTAINER: CONTAINER_LISTS[:1],
}
"""The lists of a pod spec that a check about containers looks at."""


class Running(StrEnum):
    """What becomes of something that runs already and breaks a rule that denies."""

    PUT_BACK = "put-back"
    REPORT = "report"
    """It is listed, and refused when it is changed: the fault costs reliability, no boundary."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Check(_Data):
    """One question of a rule.

    Attributes:
        each: what the question is asked about.
        offends: CEL that is true for an offender. It judges an absent field as
            the API server's default for it.
        path: JSON path of the field to mend, below the item asked about.
        problem: what is wrong, in the words of the team that must mend it.
        found: CEL that yields what was found as a string; never a secret's value.
        reads: what the check looks at, where it differs from its rule.
    """

    each: Each
    offends: Annotated[str, Field(min_length=1)]
    path: Annotated[str, Field(pattern=r"^(\.[A-Za-z.]+)?$")]
    problem: Annotated[str, Field(min_length=1, max_length=120)]
    found: Annotated[str, Field(min_length=1)]
    reads: Reads | None = None


class Example(_Data):
    """A change to a good object that a rule must pass or refuse.

    Attributes:
        container: fields of a container; tried in each list that the rule looks at.
        pod: fields of the pod spec; a null removes the field.
        annotations: annotations of the pod or pod template.
        settings: fields of the spec of a Deployment beside its template; a null removes one.
        object: a whole object, for rules that read neither.
        zone: fields of the boundary (`boundary.labels.ZoneBoundary`).
    """

    container: dict[str, Any] | None = None
    pod: dict[str, Any] | None = None
    annotations: dict[str, str] | None = None
    settings: dict[str, Any] | None = None
    object: dict[str, Any] | None = None
    zone: dict[str, Any] = {}


class Examples(_Data):
    """What a rule must pass, and what it must refuse."""

    passing: Annotated[tuple[Example, ...], Field(alias="pass")]
    failing: Annotated[tuple[Example, ...], Field(alias="fail")]


class Controls(_Data):
    """Identifiers of the controls that a rule answers to.

    hipaa: 45 CFR; nist: SP 800-53 rev. 5; gdpr: articles; hitrust: CSF 11 references.
    """

    hipaa: tuple[str, ...] = ()
    nist: tuple[str, ...] = ()
    gdpr: tuple[str, ...] = ()
    hitrust: tuple[str, ...] = ()


class Rule(_Data):
    """One rule of the rulebook."""

    id: Annotated[str, Field(pattern=r"^[A-Z]{2,8}-[A-Z]{2,4}-[0-9]{3}$")]
    title: Annotated[str, Field(max_length=90)]
    rationale: str
    fix: str
    controls: Controls
    severity: dict[ClinicalImpact, Severity]
    reads: Reads | None = None
    data: tuple[DataClass, ...] | None = None
    environments: tuple[Environment, ...] | None = None
    running: Running = Running.PUT_BACK
    gate: bool = False
    """Whether the API server asks nothing further about what breaks it."""
    checks: Annotated[tuple[Check, ...], Field(min_length=1)]
    examples: Examples

    @model_validator(mode="before")
    @classmethod
    def _expand_terms(cls, raw: Any) -> Any:
        """Write a rule's own `terms` out wherever `${name}` refers to them."""
        if not isinstance(raw, dict) or "terms" not in raw:
            return raw
        raw = dict(raw)
        terms: dict[str, str] = raw.pop("terms")
        raw["checks"] = [
            {
                **check,
                "offends": _expand(check["offends"], terms),
                "found": _expand(check["found"], terms),
            }
            for check in raw["checks"]
        ]
        return raw

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := [impact for impact in ClinicalImpact if impact not in self.severity]:
            raise ValueError(f"severity lacks {', '.join(missing)}")
        if self.reads is None and any(check.reads is None for check in self.checks):
            raise ValueError("neither the rule nor the check says what it reads")
        return self

    def reads_of(self, check: Check) -> Reads:
        """Return what a check of this rule looks at."""
        reads = check.reads or self.reads
        assert reads is not None  # _complete saw to it
        return reads

    def mends(self, check: Check) -> bool:
        """Return whether what runs is put back for a check: only a pod template can be."""
        return self.running is Running.PUT_BACK and self.reads_of(check) in _IN_TEMPLATES

    def severity_in(
        self, impact: ClinicalImpact, data: DataClass, environment: Environment
    ) -> Severity:
        """Return what the rule does in a zone of that kind."""
        if self.data is not None and data not in self.data:
            return Severity.OFF
        if self.environments is not None and environment not in self.environments:
            return Severity.OFF
        return self.severity[impact]


_IN_TEMPLATES: Final = (Reads.POD, Reads.ROLLOUT)

_TERM: Final = re.compile(r"\$\{([a-z]+)\}")


def _expand(text: str, terms: dict[str, str]) -> str:
    for _ in range(8):
        expanded = _TERM.sub(lambda match: terms[match.group(1)], text)
        if expanded == text:
            return text
        text = expanded
    raise ValueError("terms refer to each other in a circle")


class _Family(_Data):
    family: str
    about: str
    rules: tuple[Rule, ...]


def parse_family(text: str, source: str) -> tuple[Rule, ...]:
    """Return the rules of one file.

    Args:
        text: YAML of one rule family.
        source: name of the file, for messages.

    Raises:
        RulebookError: the file is no rule family; says where and why.
    """
    try:
        return _Family.model_validate(yaml.load(text, Loader=_Loader)).rules  # noqa: S506 - safe, in C
    except (yaml.YAMLError, ValueError, KeyError) as error:
        raise RulebookError(f"{source}: {error}") from error


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def rulebook() -> tuple[Rule, ...]:
    """Return phiwarden's own rules, ordered by identifier.

    Raises:
        RulebookError: two rules share an identifier, or a file is wrong.
    """
    folder = files("phiwarden.rulebook") / "rules"
    rules = [
        rule
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
        for rule in parse_family(entry.read_text(encoding="utf-8"), entry.name)
    ]
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise RulebookError(f"{rule.id} is defined twice")
        seen.add(rule.id)
    return tuple(sorted(rules, key=lambda rule: rule.id))
