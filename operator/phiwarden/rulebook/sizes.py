"""How large the largest object is that must still be judged, and so what rules may cost.

The API server gives an expression a budget and refuses the request of whoever exceeds it. A rule
is therefore held to that budget for an object of these sizes before it is installed. An object
beyond them is no secret way past a rule: it is refused, at worst for its cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from phiwarden.api import names
from phiwarden.api.release import MAX_RELEASED

KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Bound:
    """Sizes: of one, and of all of them in an object together."""

    each: float
    total: float


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression may yield. What is unknown of it is bounded like anything else.

    Attributes:
        text: characters, if it is a text.
        many: entries, if it is a list or map.
        item: an entry of the list, or a value of the map; None for anything.
        key: a key of the map; None for a list.
        fields: fields that are known.
        walks: how often the object is walked through while the expression is evaluated as often
            as it is; `total` of a bound is for one walk.
    """

    text: Bound
    many: Bound
    item: Value | None = None
    key: Value | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)
    walks: float = 1

    def again(self, times: float) -> Value:
        """Return the value as it is where it is met that many times as often."""
        return replace(self, walks=self.walks * times)

    def entry(self) -> Value:
        """Return an item of the list or a value of the map."""
        return (self.item or ANYTHING).again(self.walks)

    def at(self, name: str) -> Value:
        """Return a field, or the value of a map under a key that is known."""
        return self.fields.get(name, self.item or ANYTHING).again(self.walks)


def texts(each: float, total: float) -> Value:
    """Return a text."""
    return Value(Bound(each, total), _ONE)


def lists(each: float, total: float, item: Value, key: Value | None = None) -> Value:
    """Return a list, or a map if there is a key."""
    return Value(_ONE, Bound(each, total), item, key)


def record(**fields: Value) -> Value:
    """Return an object with some known fields."""
    return replace(ANYTHING, fields=fields)


_ONE: Final = Bound(1, 1)

# Image references and paths are among the longest; names of objects end at 253.
_ANY_TEXT: Final = Bound(KIB, 64 * KIB)
_ANY_LIST: Final = Bound(64, 1000)

ANYTHING: Final = Value(_ANY_TEXT, _ANY_LIST)
"""A field of which nothing more is known, be it a text, a list or an object."""

SCALAR: Final = Value(Bound(20, float("inf")), _ONE)
"""A number or truth value; its text has at most 20 characters."""

NOTHING: Final = Value(Bound(0, 0), Bound(0, 0))
"""An empty list or map."""


def _containers(count: int, variables: int, characters: int) -> Value:
    """Return a list of containers.

    Args:
        count: how many there are.
        variables: environment variables of all of them together; one has 200 at most.
        characters: of the values of all variables, and of all arguments.
    """
    words = texts(characters, characters)
    entry = record(name=texts(256, 48 * variables), value=words)
    container = record(
        name=texts(63, 63 * count),
        image=texts(512, 128 * count),
        env=lists(200, variables, entry),
        args=lists(200, variables, words),
        command=lists(200, variables, words),
    )
    return lists(count, count, container)


# The API server's own limit for all annotations of an object together.
_ANNOTATIONS: Final = lists(500, 500, texts(256 * KIB, 256 * KIB), key=texts(317, 500 * 80))
_METADATA: Final = record(
    name=texts(253, 253),
    ownerReferences=lists(8, 8, ANYTHING),
    annotations=_ANNOTATIONS,
    labels=lists(64, 64, texts(63, 64 * 63), texts(317, 64 * 80)),
)
_POD: Final = record(
    # Together 64 containers, 1,000 variables and 32 KiB: pods of more than a dozen containers and
    # a few hundred variables are hardly ever seen, and what is long belongs in a ConfigMap.
    containers=_containers(32, 700, 24 * KIB),
    initContainers=_containers(16, 200, 4 * KIB),
    ephemeralContainers=_containers(16, 100, 4 * KIB),
    volumes=lists(64, 64, record(image=record(reference=texts(512, 64 * 128)))),
)
_TEMPLATE: Final = record(metadata=_METADATA, spec=_POD)

# An EndpointSlice holds at most 1,000 endpoints; Kubernetes itself stops at 100 in one.
_ADDRESSES: Final = lists(100, 100, texts(253, 100 * 45))
_ENDPOINT: Final = record(addresses=_ADDRESSES)
# Several hundred rules are an aggregated Role; a rule names a few groups, resources and verbs.
_GRANT: Final = record(
    **dict.fromkeys(("verbs", "resources", "apiGroups"), lists(50, 2000, texts(64, 2000 * 20)))
)
_HOSTS: Final = lists(64, 64, texts(253, 64 * 64))

OBJECT: Final = record(
    metadata=_METADATA,
    spec=replace(
        _POD,
        fields={
            **_POD.fields,
            "template": _TEMPLATE,
            "jobTemplate": record(spec=record(template=_TEMPLATE)),
            "tls": lists(64, 64, record(hosts=_HOSTS)),
            "rules": lists(64, 64, record(host=texts(253, 64 * 64))),
        },
    ),
    rules=lists(500, 500, _GRANT),
    subjects=lists(500, 500, record(name=texts(253, 500 * 64))),
    endpoints=lists(100, 100, _ENDPOINT),
    subsets=lists(
        100,
        100,
        record(
            **dict.fromkeys(
                ("addresses", "notReadyAddresses"),
                lists(100, 100, record(ip=texts(45, 100 * 45))),
            )
        ),
    ),
    # A ConfigMap ends at 1 MiB in all.
    data=lists(1000, 1000, texts(KIB * KIB, KIB * KIB), key=texts(253, 1000 * 64)),
)
"""Any object that rules judge."""

NAMESPACE: Final = record(
    metadata=record(
        name=texts(63, 63),
        labels=lists(64, 64, texts(63, 64 * 63), texts(317, 64 * 80)),
        annotations=replace(
            lists(64, 64, texts(4 * KIB, 64 * KIB), texts(317, 64 * 80)),
            fields={names.RELEASES: texts(MAX_RELEASED * 72, MAX_RELEASED * 72)},
        ),
    )
)
"""The Namespace of a zone."""

# Lists of the boundary; all annotations of a Namespace together end at 256 KiB.
_FACTS: Final = lists(64, 64, texts(253, 64 * 64))
_RELEASED: Final = lists(MAX_RELEASED, MAX_RELEASED, texts(71, MAX_RELEASED * 71))

VARIABLES: Final[Mapping[str, Value]] = {
    **dict.fromkeys(("kind", "data", "environment", "impact", "exposure"), texts(63, 63)),
    **dict.fromkeys(
        (
            "registries",
            "serviceAccounts",
            "apiAccess",
            "regions",
            "clusterRoles",
            "storageClasses",
            "withheldClaims",
            "readableSecrets",
            "overdueSecrets",
            "secretsOfOthers",
            "ownedSecrets",
        ),
        _FACTS,
    ),
    "destinations": lists(64, 64, texts(43, 64 * 43)),
    "releases": _RELEASED,
}
"""Variables whose size does not follow from how they are computed."""
