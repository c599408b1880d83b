"""Which exceptions an object has, to Python and to the API server.

The boundary lists them as `rule/Kind/name/moment`. What Kubernetes' own controllers make from the
template of an object stands for it, or an exception would end at the first pod. As with what is
held, an owner proves nothing by itself, and only the controllers speak as their accounts.

CEL has no clock. The API server notes when a manager wrote fields of an object. A client may write
such notes, too, but cannot keep the API server from adding its own where a field is new or has
another value: so of a change that surely writes one (an annotation, or an image) the newest note
is now, or a later time that somebody made up. Any other change may only take away, which is noted by
nobody, and what cannot tell the time has no exception. (That a request is a server-side apply, which
takes no notes from anybody, a policy is not told.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.workload import ClinicalImpact
from phiwarden.boundary.exceptions import parsed
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook import held
from phiwarden.rulebook.model import Reads, Rule
from phiwarden.rulebook.shapes import PODS, TEMPLATES, Shape
from phiwarden.rulebook.subjects import SUBJECTS

_RUN: Final = re.compile(r"(.+)-[0-9]+")
_OF_DEPLOYMENT: Final = re.compile(r"(.+)-[^-]+")

_MADE: Final = tuple(kind.kind for shape in (PODS, TEMPLATES) for kind in shape.kinds)
"""Kinds that Kubernetes' own controllers make from the template of another object."""
_MAKERS: Final = ("apps/v1", "batch/v1")


def excused(boundary: ZoneBoundary, obj: Mapping[str, Any]) -> frozenset[str]:
    """Return the rules that an object may break, by the exceptions that a boundary has."""
    if not boundary.exceptions:
        return frozenset()
    stands_for = _stands_for(obj)
    return frozenset(
        entry.rule
        for entry in map(parsed, boundary.exceptions)
        if f"{entry.kind}/{entry.name}" in stands_for
    )


def _stands_for(obj: Mapping[str, Any]) -> frozenset[str]:
    """Return `Kind/name` of all that an object stands for: itself, and whom it was made for."""
    metadata = obj.get("metadata") or {}
    found = {f"{obj.get('kind')}/{metadata.get('name', '')}"}
    if obj.get("kind") not in _MADE:
        return frozenset(found)
    for owner in metadata.get("ownerReferences") or ():
        # Of an owner of another group nobody knows whether it is there.
        if not owner.get("controller") or owner.get("apiVersion") not in _MAKERS:
            continue
        found.add(f"{owner['kind']}/{owner['name']}")
        if owner["kind"] == "ReplicaSet" and (made := _OF_DEPLOYMENT.fullmatch(owner["name"])):
            found.add(f"Deployment/{made[1]}")
        if owner["kind"] == "Job" and (made := _RUN.fullmatch(owner["name"])):
            found.add(f"CronJob/{made[1]}")
    return frozenset(found)


def exceptable(rules: Iterable[Rule]) -> frozenset[str]:
    """Return the identifiers of the rules that there are exceptions to.

    Those that keep the boundary itself have none, and those that judge requests of which nothing
    is stored, such as a shell: of these no note tells the time.
    """
    stored = {
        reads
        for subject in SUBJECTS
        if subject.name not in WITHOUT
        for part in subject.parts
        for reads in part.reads
    }
    return frozenset(
        rule.id
        for rule in rules
        if not rule.id.startswith(_GUARD)
        and all(rule.reads_of(check) in stored | {Reads.SCALE} for check in rule.checks)
    )


_GUARD: Final = "PHI-GRD-"

WITHOUT: Final = ("scale",)
"""Subjects of which no write is noted, so that nothing tells the time."""


def _newest(obj: str) -> str:
    """Return CEL of the newest note of a write; "" where there is none, or one without a time."""
    notes = f"{obj}.metadata.managedFields"
    return (
        f"(has({notes}) && {notes}.size() > 0 && {notes}.all(note, has(note.time))"
        f" ? {notes}.map(note, string(note.time)).max() : '')"
    )


# With a note of its own, whatever notes the client brings along.
_WRITES_ANNOTATION: Final = (
    "(has(object.metadata.annotations) && object.metadata.annotations.exists(key,"
    " !has(oldObject.metadata.annotations) || !(key in oldObject.metadata.annotations)"
    " || oldObject.metadata.annotations[key] != object.metadata.annotations[key]))"
)


def _writes_image(shape: Shape) -> str:
    """Return CEL that is true where a container is new, or has another image."""
    new, old = (f"{each}{shape.path}.spec.containers" for each in ("object", "oldObject"))
    return (
        f"{new}.exists(now, has(now.image) && !{old}.exists(then,"
        " then.name == now.name && has(then.image) && then.image == now.image))"
    )


def now(shape: Shape | None) -> str:
    """Return CEL of the moment of a request, to the second; "" where nothing tells it.

    Args:
        shape: where the pod template lies, if there is one.
    """
    writes = _WRITES_ANNOTATION
    if shape is not None:
        writes = f"({_writes_image(shape)} || {writes})"
    return (
        "request.operation == 'UPDATE'"
        f" ? ({writes} ? {_newest('object')} : '')"
        f" : {_newest('object')}"
    )


def made_for(makers: tuple[str, ...]) -> str:
    """Return CEL of the owners for whom a controller makes an object.

    Args:
        makers: user names of the controllers.
    """
    return (
        f"request.operation == 'CREATE' && {held.by(makers)}"
        " && has(object.metadata.ownerReferences)"
        " ? object.metadata.ownerReferences.filter(owner, has(owner.controller) && owner.controller)"
        " : []"
    )


STANDS_FOR: Final = (
    "[variables.kind + '/' + (has(object.metadata.name) ? object.metadata.name : '')]"
)
OF_OWNERS: Final = (
    f" + variables.madeFor.map(owner, {held.OWNER})"
    " + variables.madeFor.filter(owner, owner.kind == 'ReplicaSet' && owner.name.contains('-'))"
    ".map(owner, 'Deployment/' + owner.name.substring(0, owner.name.lastIndexOf('-')))"
    f" + variables.madeFor.filter(owner, {held.IS_RUN}).map(owner, {held.RUN_OF})"
)

_LISTED: Final = f"namespaceObject.metadata.annotations['{names.EXCEPTIONS}']"


def excused_rules(*, made: bool) -> str:
    """Return CEL of the rules that an object may break at the moment of the request.

    Args:
        made: whether controllers make such objects. A lost pod of direct care is replaced though
            its exception ended: what becomes of it then is for phiwarden to decide, once it looks.
    """
    counts = "(variables.now != '' && variables.now < part[3])"
    if made:
        care = f"variables.impact == '{ClinicalImpact.DIRECT_CARE}'"
        counts = f"({counts} || ({care} && variables.madeFor.size() > 0))"
    return (
        f"'{names.EXCEPTIONS}' in namespaceObject.metadata.annotations"
        f" ? {_LISTED}.split(',').map(entry, entry.split('/'))"
        ".filter(part, part.size() == 4 && (part[1] + '/' + part[2]) in variables.standsFor"
        f" && {counts}).map(part, part[0]) : []"
    )
