"""What the rules read of an object, and so which requests there is anything to say about.

The API server asks the same in CEL (`vocabulary.exempt`, and `render` for what
carries no pod): what it passes as unchanged passes here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.rulebook.shapes import NETWORK_POLICY, POD_SHAPES, SERVICE, Kind


@dataclass(frozen=True, slots=True)
class Judged:
    """A kind that the rules judge.

    Attributes:
        kind: the kind.
        part: steps from the object to what the rules read.
        subresources: further resources whose requests carry such an object.
        leaves: whether one on its way out passes whatever it becomes.
        annotations: whether the rules read the object's own annotations, too.
    """

    kind: Kind
    part: tuple[str, ...] = ("spec",)
    subresources: tuple[str, ...] = ()
    leaves: bool = False
    annotations: bool = False


JUDGED: Final = (
    *(
        Judged(kind, shape.template or ("spec",), shape.subresources, leaves=True)
        for shape in POD_SHAPES
        for kind in shape.kinds
    ),
    Judged(SERVICE, annotations=True),
    Judged(NETWORK_POLICY),
)
"""Every kind that a zone's rules judge, once."""

_BY_KIND: Final = {judged.kind.kind: judged for judged in JUDGED}


def unchanged(obj: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Return whether an update leaves what the rules read as it was, or is of what goes anyway.

    Args:
        obj: the object as it is to be, with `kind`; one that no rule reads is never unchanged.
        old: the object as it is.
    """
    judged = _BY_KIND.get(str(obj.get("kind", "")))
    if judged is None:
        return False
    leaving = _at(obj, ("metadata", "deletionTimestamp")) is not None
    if judged.leaves and leaving:
        return True
    if _at(obj, judged.part) != _at(old, judged.part):
        return False
    notes = ("metadata", "annotations")
    return not judged.annotations or leaving or (_at(obj, notes) or {}) == (_at(old, notes) or {})


def _at(node: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        node = node.get(step) if isinstance(node, Mapping) else None
    return node
