"""From the rulebook to ValidatingAdmissionPolicies: a constant number of them.

The path of a request that passes must be cheap: each policy asks one boolean
(`variables.clean`). The API server evaluates a messageExpression whether or
not the validation failed (k8s.io/apiserver v0.36.3,
pkg/admission/plugin/policy/validating/validator.go), so the message asks
`clean` first and lists the failures only where there are some. A policy's
validations are told one by one, and only the first is shown, so one
validation joins every failure. A message with a line break, or of more than
5 KiB, would be dropped for the fixed text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from phiwarden.api import names
from phiwarden.rulebook import vocabulary as words
from phiwarden.rulebook.approval import may_decide
from phiwarden.rulebook.model import Reads, Rule, Severity
from phiwarden.rulebook.policies import Manifest, Validation, binding, bindings, policy
from phiwarden.rulebook.questions import clean, failures, questions
from phiwarden.rulebook.shapes import (
    NAMESPACE,
    NODE_PROXY,
    OWNED,
    PHI_EXCEPTION,
    PHI_HISTORY,
    PHI_RELEASE,
    PODS,
    STORAGE_CLASS,
    VOLUME_SNAPSHOT,
    Kind,
)
from phiwarden.rulebook.subjects import REQUESTS, SUBJECTS, Part
from phiwarden.rulebook.verdicts import ANSWER, in_parts, subject_policies, told


def _guard_policy(
    rules: Sequence[Rule],
    reads: Reads,
    *,
    name: str,
    about: str,
    kinds: Sequence[Kind],
    object_selector: Manifest,
    selector: str | None,
    operations: Sequence[str],
    subresources: Sequence[str] = (),
    exempt: bool = True,
    trusted: words.Variable = words.TRUSTED,
    base: str = "",
    beside: Sequence[Validation] = (),
) -> list[Manifest]:
    """Return a policy that phiwarden itself is exempt from.

    Args:
        rules: the rulebook.
        reads: which checks it carries.
        name: of the policy.
        about: what it is for.
        kinds: what it looks at.
        object_selector: which of these.
        selector: what tells the enforcement level; None denies at every level.
        operations: which requests.
        subresources: further resources that let labels or annotations be written.
        exempt: whether phiwarden itself, and whom the chart exempts, may all the same.
        trusted: who that is.
        base: path of what is looked at; "" for the object.
        beside: what is asked further.
    """
    asked = questions(rules, Part((reads,), ()), [Severity.DENY])
    passes = f"variables.trusted || ({clean(asked)})" if exempt else clean(asked)
    made = policy(
        name,
        about=about,
        kinds=kinds,
        operations=operations,
        subresources=subresources,
        object_selector=object_selector,
        variables=(
            trusted,
            words.Variable("clean", passes),
            *in_parts(failures(asked, base)),
            *told(question.rule for question in asked),
            words.Variable("text", ANSWER),
        ),
        message="the boundary is changed by phiwarden alone (PHI-GRD-001)",
        beside=beside,
    )
    found = [binding(name, name, ["Deny"], {})] if selector is None else bindings(name, selector)
    return [made, *found]


_NAMESPACE_SUBRESOURCES: Final = ("namespaces/status", "namespaces/finalize")
"""Writes to these change labels and annotations, too."""


def render(rules: Sequence[Rule]) -> list[Manifest]:
    """Return every policy and binding of the rulebook, ready for the chart.

    The texts `vocabulary.OPERATOR` and `vocabulary.EXEMPT_GROUPS` stand for
    values that the chart knows.
    """
    manifests: list[Manifest] = []
    for subject in (*SUBJECTS, *REQUESTS):
        manifests += subject_policies(rules, subject, f"phiwarden-{subject.name}")
    manifests += _guard_policy(
        rules,
        Reads.OWNED,
        name="phiwarden-owned",
        about="Keeps the objects that phiwarden owns in a zone as they are.",
        # Of backups too: who would do harm deletes these first.
        kinds=(*OWNED, VOLUME_SNAPSHOT),
        object_selector={"matchLabels": {names.MANAGED_BY: names.FIELD_MANAGER}},
        selector="namespaceSelector",
        operations=["CREATE", "UPDATE", "DELETE"],
        subresources=["resourcequotas/status"],
    )
    # At every level and in every namespace: what is remembered before a zone enforces is gone by then.
    manifests += _guard_policy(
        rules,
        Reads.HISTORY,
        name="phiwarden-histories",
        about="Keeps what phiwarden remembers of workloads as phiwarden wrote it.",
        kinds=(PHI_HISTORY, replace(PHI_HISTORY, plural=f"{PHI_HISTORY.plural}/status")),
        object_selector={},
        selector=None,
        operations=["CREATE", "UPDATE", "DELETE"],
    )
    # At every level: what is granted while a zone only observes counts once it enforces.
    manifests += _guard_policy(
        rules,
        Reads.EXCEPTION,
        name="phiwarden-exceptions",
        about="Has exceptions asked for by one person and approved by another.",
        kinds=(PHI_EXCEPTION, replace(PHI_EXCEPTION, plural=f"{PHI_EXCEPTION.plural}/status")),
        object_selector={},
        selector=None,
        operations=["CREATE", "UPDATE"],
        exempt=False,
        beside=[may_decide(PHI_EXCEPTION, "PHI-GRD-007")],
    )
    # In every namespace: what was forged before one is a zone would count once it is.
    manifests += _guard_policy(
        rules,
        Reads.RELEASE,
        name="phiwarden-releases",
        about="Has releases brought by one and approved by another, and keeps revoked ones.",
        kinds=(PHI_RELEASE, replace(PHI_RELEASE, plural=f"{PHI_RELEASE.plural}/status")),
        object_selector={},
        selector=None,
        operations=["CREATE", "UPDATE", "DELETE"],
        exempt=False,
        beside=[may_decide(PHI_RELEASE, "PHI-GRD-008")],
    )
    manifests += _guard_policy(
        rules,
        Reads.QUARANTINED,
        name="phiwarden-quarantine",
        about="Keeps pods in the quarantine that phiwarden put them in.",
        kinds=PODS.kinds,
        object_selector={"matchExpressions": [{"key": names.QUARANTINE, "operator": "Exists"}]},
        selector="namespaceSelector",
        operations=["CREATE", "UPDATE"],
        subresources=["pods/status", "pods/binding", "bindings"],
    )
    # The binding asks for labels of the Namespace object itself, old or new: a
    # namespaceSelector would look at the new ones alone and be taken off with them.
    manifests += _guard_policy(
        rules,
        Reads.NAMESPACE,
        name="phiwarden-namespaces",
        about="Keeps the marks of a zone on its Namespace as they are.",
        kinds=[NAMESPACE],
        object_selector={"matchExpressions": [{"key": names.WORKLOAD, "operator": "Exists"}]},
        selector="objectSelector",
        operations=["UPDATE", "DELETE"],
        subresources=_NAMESPACE_SUBRESOURCES,
    )
    # Before it is a zone a namespace has no level, and a forger would choose the lowest.
    manifests += _guard_policy(
        rules,
        Reads.MARK,
        name="phiwarden-zones",
        about="Keeps the marks of a zone off every other Namespace.",
        kinds=[NAMESPACE],
        object_selector={},
        selector=None,
        operations=["CREATE", "UPDATE"],
        subresources=_NAMESPACE_SUBRESOURCES,
    )
    manifests += _guard_policy(
        rules,
        Reads.NODE_SESSION,
        name="phiwarden-nodes",
        about="Keeps kubelets from being asked, through the API server, to run commands in pods.",
        kinds=[NODE_PROXY],
        object_selector={},
        selector=None,
        operations=["CONNECT"],
        exempt=False,
        base="request",
    )
    manifests += _guard_policy(
        rules,
        Reads.RELIED_ON,
        name="phiwarden-storage-classes",
        about="Keeps StorageClasses that zones rely on from being exchanged behind their name.",
        kinds=[STORAGE_CLASS],
        object_selector={"matchLabels": {names.RELIED_ON: "true"}},
        selector=None,
        operations=["UPDATE", "DELETE"],
        trusted=words.CHOSEN,
    )
    return _labelled(manifests)


def render_own(rules: Sequence[Rule]) -> list[Manifest]:
    """Return the policies and bindings of rules that a platform team adds, beside phiwarden's."""
    manifests: list[Manifest] = []
    for subject in SUBJECTS:
        manifests += subject_policies(rules, subject, f"phiwarden-own-{subject.name}")
    return _labelled(manifests)


def _labelled(manifests: list[Manifest]) -> list[Manifest]:
    for manifest in manifests:
        manifest["metadata"]["labels"] = {names.PART_OF: names.FIELD_MANAGER}
    return manifests


def digest(manifest: Mapping[str, Any]) -> str:
    """Return a short digest of what a policy or binding does, for telling whether it was altered."""
    text = json.dumps(manifest["spec"], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
