"""Who may decide on what others ask for: a verb of RBAC that stands for the right to approve."""

from __future__ import annotations

from typing import Final

from phiwarden.rulebook.policies import Validation
from phiwarden.rulebook.shapes import Kind

VERB: Final = "approve"

_AFTER: Final = "has(object.status) && has(object.status.decision)"
_SAME: Final = (
    "has(oldObject.status) && has(oldObject.status.decision)"
    " && object.status.decision == oldObject.status.decision"
)


def may_decide(kind: Kind, rule: str) -> Validation:
    """Return the validation that only who has the verb writes a decision.

    It stands beside the others, with a text that is fixed: the API server lets no
    messageExpression ask its authorizer, nor any variable that asks it.

    Args:
        kind: what is decided on.
        rule: identifier of the rule that says so.
    """
    asked = (
        f"authorizer.group('{kind.group}').resource('{kind.plural}')"
        f".namespace(object.metadata.namespace).name(object.metadata.name).check('{VERB}').allowed()"
    )
    return Validation(
        f"request.operation != 'UPDATE' || !({_AFTER}) || ({_SAME}) || {asked}",
        f"{rule} status.decision: only who has the verb {VERB} on {kind.plural} in this namespace"
        f" decides | fix {rule}: have somebody decide who is bound to ClusterRole phiwarden-approver",
    )
