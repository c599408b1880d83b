"""What the rulebook says of the roles and bindings of zones."""

from __future__ import annotations

from typing import Final

from phiwarden.access.rbac import Binding, Role, Subject
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.shapes import ROLE_BINDING

RULE: Final = "PHI-IDN-003"
"""Rights in a zone are few, and given to somebody."""


def failures(found: Role | Binding, boundary: ZoneBoundary, judge: Judge) -> tuple[Failure, ...]:
    """Return the rules that a role or binding breaks in the zone that it is in."""
    body = {**found.body, "apiVersion": ROLE_BINDING.api_version, "kind": found.ref.kind}
    return judge.failures(body, boundary)


def is_everybody(subject: Subject, boundary: ZoneBoundary, judge: Judge) -> bool:
    """Return whether a subject is everybody, or everybody of a kind, by the rule's own word.

    The rule reads RoleBindings, and a ClusterRoleBinding has subjects as they do.
    """
    body = {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": ROLE_BINDING.kind,
        "subjects": [{"kind": str(subject.kind), "name": subject.name}],
    }
    return any(failure.rule == RULE for failure in judge.failures(body, boundary))
