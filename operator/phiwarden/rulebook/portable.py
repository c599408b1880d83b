"""What a rule may say so that the API server and Python understand the same by it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from phiwarden.rulebook.dialect import PORTABLE
from phiwarden.rulebook.model import Each, Reads
from phiwarden.rulebook.shapes import CONTAINER_LISTS
from phiwarden.rulebook.syntax import (
    LOOPS,
    Call,
    Field,
    Literal,
    Name,
    Node,
    children,
    is_operator,
)

ZONE: Final = (
    "kind",
    "data",
    "environment",
    "impact",
    "exposure",
    "registries",
    "serviceAccounts",
    "apiAccess",
    "regions",
    "destinations",
    "clusterRoles",
    "storageClasses",
    "withheldClaims",
    "secretsKnown",
    "overdueSecrets",
    "ownedSecrets",
    "releasesAsked",
    "releases",
    "keepRevisions",
)
"""Variables that every rule may use: `variables.data` and so on."""

_POD: Final = ("pod", "serviceAccount", "readableSecrets")
VARIABLES: Final[dict[Reads, tuple[str, ...]]] = {
    Reads.POD: _POD,
    Reads.ROLLOUT: _POD,
    Reads.CONFIG: ("size",),
}
"""Further variables of what reads a pod or a ConfigMap."""

OBJECT: Final[dict[Reads, tuple[str, ...]]] = {
    Reads.SETTINGS: ("spec",),
    Reads.SCALE: ("spec",),
    **dict.fromkeys((Reads.SERVICE, Reads.ROUTE), ("metadata", "spec")),
    Reads.ENDPOINTS: ("metadata", "endpoints", "subsets", "addressType"),
    Reads.ACCESS: ("metadata", "rules", "subjects", "roleRef"),
    Reads.CONFIG: ("metadata", "immutable"),
}
"""Fields of `object` that a rule may read, by what it reads. These are what own rules can read."""

ITEMS: Final[dict[Each, tuple[str, ...]]] = {
    Each.OBJECT: (),
    Each.CONTAINER: ("container",),
    Each.LASTING_CONTAINER: ("container",),
    Each.MAIN_CONTAINER: ("container",),
    Each.VOLUME: ("volume",),
    Each.ANNOTATION: ("key", "annotation"),
    Each.ENTRY: ("key", "entry"),
}
"""Names of the item that a check is asked about."""

READABLE: Final = tuple(dict.fromkeys((*VARIABLES, *OBJECT)))
"""What own rules may read: what those who deploy applications write."""

_LISTS: Final = (*CONTAINER_LISTS, "volumes")
_TEMPLATES: Final = ("template", "jobTemplate", "selector")


def askable(reads: Reads) -> tuple[Each, ...]:
    """Return what a check that reads so may be asked about."""
    if reads in {Reads.POD, Reads.ROLLOUT}:
        return tuple(each for each in Each if each is not Each.ENTRY)
    return (Each.OBJECT, Each.ENTRY) if reads is Reads.CONFIG else (Each.OBJECT,)


@dataclass(frozen=True, slots=True)
class _Words:
    """The names that may be used somewhere.

    Attributes:
        reads: what the check looks at.
        names: the names of items.
    """

    reads: Reads
    names: frozenset[str]


def faults(node: Node, reads: Reads, each: Each) -> Iterator[str]:
    """Yield what an expression says that one of the two would not understand.

    Args:
        node: the expression's tree.
        reads: what the check looks at.
        each: what it is asked about.
    """
    yield from _faults(node, _Words(reads, frozenset(ITEMS[each])))


def _faults(node: Node, words: _Words) -> Iterator[str]:
    match node:
        case Name() | Field():
            steps = _steps(node)
            if steps is not None:
                yield from _path(steps, words)
                return
        case Call(function, target, (Name(name), *body)) if function in LOOPS and target:
            yield from _faults(target, words)
            if name in words.names or name in {"object", "variables"}:
                yield f"{function}({name}, ...) hides another {name}: choose another name"
            if len(body) not in ((1, 2) if function == "map" else (1,)):
                yield f"{function}() takes a name and a condition"
            inside = _Words(words.reads, words.names | {name})
            for part in body:
                yield from _faults(part, inside)
            return
        case Call():
            yield from _call(node)
    for child in children(node):
        yield from _faults(child, words)


def _call(node: Call) -> Iterator[str]:
    match node:
        case Call("has", None, args):
            if not (len(args) == 1 and isinstance(args[0], Field)):
                yield "has() takes one field, such as has(container.image)"
        case Call("matches", _, (Literal(str() as pattern),)):
            yield from pattern_faults(pattern)
        case Call("matches", _, _):
            yield "matches() takes a literal text"
        case Call(function, target, _) if not is_operator(node):
            if function in LOOPS:
                yield f"{function}() takes a name first"
            elif function not in PORTABLE:
                known = ", ".join(sorted(PORTABLE))
                yield f"{function}() is not a function of rules; these are: {known}"
            elif (target is not None) is not PORTABLE[function]:
                form = f"x.{function}()" if PORTABLE[function] else f"{function}(x)"
                yield f"{function}() is called as {form}"


def _steps(node: Node) -> tuple[str, ...] | None:
    """Return the names of a path such as `variables.pod.hostPID`; None where it begins otherwise."""
    names: list[str] = []
    while isinstance(node, Field):
        names.append(node.name)
        node = node.of
    return (node.name, *reversed(names)) if isinstance(node, Name) else None


def _path(steps: tuple[str, ...], words: _Words) -> Iterator[str]:
    match steps:
        case ("variables", "pod", field, *_) if field in _LISTS:
            each = "volume" if field == "volumes" else "container"
            yield f"variables.pod.{field} is asked about one by one: use each: {each}"
        case ("variables", "pod"):
            yield "variables.pod is read field by field, such as variables.pod.hostPID"
        case ("variables", name, *_):
            known = (*ZONE, *VARIABLES.get(words.reads, ()))
            if name not in known:
                yield f"variables.{name} is not known here; these are: {', '.join(known)}"
        case ("object", "spec", field, *_) if words.reads is Reads.SETTINGS and field in _TEMPLATES:
            yield f"object.spec.{field} is not what settings are; use reads: rollout or pod"
        case ("object", field, *_) if field in OBJECT.get(words.reads, ()):
            pass
        case ("object" | "variables" as name, *_):
            fields = [f"object.{field}" for field in OBJECT.get(words.reads, ())]
            told = ", ".join(fields or ["variables.pod"])
            yield f"{'.'.join(steps[:2]) or name} is not readable here; this is: {told}"
        case (name, *_) if name not in words.names:
            known = (*sorted(words.names), "object", "variables")
            yield f"{name} is not known here; these are: {', '.join(known)}"


_UNLIKE: Final = {
    r"\\[dDwWsSbB]": "write a class of characters out, such as [0-9] or [A-Za-z0-9_]",
    r"\\[zZAGpPQEkC1-9]": "use ^ and $, and name no earlier group",
    r"\(\?(?!:|i\))": "of the groups that begin with (? only (?:...), and (?i) at the beginning",
    r".+\(\?i\)": "put (?i) at the beginning",
    r"\[\[:|\[:": "write a class of characters out",
    r"[*+?}][+]|\{,": "use *, +, ? and {n,m} alone",
}
"""Where Python's regular expressions and the API server's (RE2) differ, and what to do."""


def pattern_faults(pattern: str) -> Iterator[str]:
    """Yield why a regular expression would not mean the same to Python and to the API server."""
    # What is escaped twice is no escape.
    plain = pattern.replace("\\\\", "")
    for unlike, instead in _UNLIKE.items():
        if re.search(unlike, plain, re.DOTALL):
            yield f"the regular expression {pattern!r} is not portable: {instead}"
    try:
        with warnings.catch_warnings():
            # Of a set within a set, which only a later Python will take for one.
            warnings.simplefilter("error", FutureWarning)
            re.compile(pattern)
    except (re.error, FutureWarning, RecursionError, OverflowError) as error:
        yield f"the regular expression {pattern!r} is none: {error}"
