"""What the API server rejects in a PHIWorkload, as CRD validation rules (CEL).

Only what can be judged from the object alone stands here; what needs the
cluster or a clock becomes a condition in status. The API server estimates the
cost of every rule at its worst from the bounds in the schema and refuses a
CRD that could be too dear, which shapes the rules: what a loop needs is bound
once outside it, and messages are built from lists whose items have known
sizes. `namespace` is a reserved word of CEL and is escaped as `__namespace__`.
"""

from __future__ import annotations

from typing import Final

from phiwarden.api.base import validation
from phiwarden.api.values import DNS_LABEL

RESERVED_NAMESPACES: Final = ("default", "phiwarden-system")
"""Namespaces that cannot be a zone, beside those that begin with `kube-`."""

RESERVED: Final = "a namespace that Kubernetes or phiwarden itself uses cannot be a zone"

WIDEST_IPV4: Final = 8
WIDEST_IPV6: Final = 16
"""Prefix lengths of the widest ranges that may be one party's."""


def reserved(namespace: str) -> bool:
    """Return whether a namespace can never be a zone."""
    return namespace in RESERVED_NAMESPACES or namespace.startswith("kube-")


def _reserved(namespace: str) -> str:
    listed = ", ".join(f"'{name}'" for name in RESERVED_NAMESPACES)
    return f"({namespace} in [{listed}] || {namespace}.startsWith('kube-'))"


def _let(name: str, value: str, body: str) -> str:
    """Bind a list to a name within a condition."""
    return f"[{value}].all({name}, {body})"


def _few(offenders: str) -> str:
    """Return CEL that names the first two of a list of strings that is not empty.

    Not `join`, whose cost over a computed list the API server holds to be
    without bound; and not bound once, since a bound list forgets the size of
    its items.
    """
    second = f"(size({offenders}) > 1 ? ', ' + {offenders}[1] : '')"
    others = f"(size({offenders}) > 2 ? ' and others' : '')"
    return f"{offenders}[0] + {second} + {others}"


SERVICE_ACCOUNT: Final = (
    validation(
        "self.name != 'default'",
        "the service account 'default' cannot be declared, since every pod that names none uses"
        " it: give the application one of its own",
        field_path=".name",
        reason="FieldValueForbidden",
    ),
)

ENVIRONMENT: Final = (
    validation(
        "self == oldSelf",
        "cannot be changed: declare the other environment as a workload of its own",
        expression="'cannot be changed from ' + oldSelf + ' to ' + self"
        " + ': declare the other environment as a workload of its own'",
        reason="FieldValueForbidden",
    ),
)

ZONE: Final = (
    validation(
        "oldSelf.data != 'phi' || self.data == 'phi'",
        "data of a zone that may hold PHI cannot be lowered: declare a new zone",
        expression="'data of zone ' + self.name + ' cannot be lowered from phi to ' + self.data"
        " + ': what it holds stays PHI; declare a new zone'",
        field_path=".data",
        reason="FieldValueForbidden",
    ),
    validation(
        f"!has(self.__namespace__) || !{_reserved('self.__namespace__')}",
        RESERVED,
        expression=f"self.__namespace__ + ': {RESERVED}'",
        field_path=".namespace",
        reason="FieldValueForbidden",
    ),
    validation(
        "self.exposure != 'none' || !has(self.exposedPorts) || size(self.exposedPorts) == 0",
        "exposedPorts contradicts exposure none: say public or internal, or drop exposedPorts",
        field_path=".exposedPorts",
    ),
)

_PHI_ZONES: Final = "self.zones.map(z, z.data == 'phi', z.name)"


def _flow_ends(kind: str, unknown: str) -> str:
    """Return CEL for the ends, of all flows, of a kind that meet a condition over `n`."""
    ends = (
        f"self.flows.map(f, has(f.{end}.{kind})"
        f" && {unknown.replace('{n}', f'f.{end}.{kind}')}, f.{end}.{kind})"
        for end in ("from", "to")
    )
    return f"({' + '.join(ends)})"


_UNKNOWN_ZONES = _flow_ends("zone", "!self.zones.exists(z, z.name == {n})")
_UNKNOWN_EXTERNALS = _flow_ends(
    "external",
    "(!has(self.externals) || !self.externals.exists(e, e.name == {n}))",
)

_TO_LOWER = (
    "has(f.from.zone) && has(f.to.zone) && !has(f.deidentifiedBy)"
    " && f.from.zone in p && !(f.to.zone in p)"
    " && self.zones.exists(z, z.name == f.to.zone)"
)
_LOWERED = f"self.flows.map(f, {_TO_LOWER}, f.from.zone + ' to ' + f.to.zone)"

_JOINED = (
    "self.flows.map(f, has(f.to.external) && has(f.from.zone) && f.from.zone in p, f.to.external)"
    " + self.flows.map(f, has(f.from.external) && has(f.to.zone) && f.to.zone in p,"
    " f.from.external)"
)
"""Externals that flows join to a PHI zone, given the names of those zones as `p`."""

_WIDE = (
    "isCIDR(c) && cidr(c).prefixLength()"
    f" < (cidr(c).ip().family() == 4 ? {WIDEST_IPV4} : {WIDEST_IPV6})"
)


def _among_joined(fault: str, shown: str) -> tuple[str, str]:
    """Return a rule, and its offenders, over the externals joined to PHI that have a fault."""
    offenders = f"self.externals.map(e, e.name in j && ({fault}), {shown})"
    rule = _let("p", _PHI_ZONES, _let("j", _JOINED, f"size({offenders}) == 0"))
    named = f"[{_PHI_ZONES}].map(p, [{_JOINED}].map(j, {_few(offenders)})[0])[0]"
    return f"!has(self.externals) || !has(self.flows) || {rule}", named


_UNKNOWN_VOLUME_ZONES: Final = (
    "self.volumes.map(v, !self.zones.exists(z, z.name == v.zone), v.name + ' in ' + v.zone)"
)

_LOST_SECRETS: Final = (
    "self.secrets.map(s, !self.zones.exists(z, z.name == s.zone), s.name + ' in ' + s.zone)"
)
# Which it is cannot be told: to look for it once more would cost more than the API server allows.
_UNKNOWN_CONSUMERS: Final = (
    "self.secrets.filter(s, has(s.consumers) && self.zones.exists(z, z.name == s.zone"
    " && !s.consumers.all(c, has(z.serviceAccounts)"
    " && z.serviceAccounts.exists(a, a.name == c))))"
)

# What comes before production, nearest first; each stage is promoted from one that comes before it.
_EARLIER: Final = ("staging", "test", "development")


def _earlier(environment: str, promoted_from: str) -> str:
    stages = ("production", *_EARLIER)
    allowed = " || ".join(
        f"({environment} == '{stage}' && {promoted_from} in {list(stages[index + 1 :])})"
        for index, stage in enumerate(stages[:-1])
    )
    return f"({allowed})"


_NOT_EARLIER: Final = (
    "self.zones.map(z, has(z.images) && has(z.images.promotedFrom) &&"
    f" !{_earlier('self.environment', 'z.images.promotedFrom')},"
    " z.name + ' (' + z.images.promotedFrom + ')')"
)

_NO_AGREEMENT = _among_joined("!has(e.agreement)", "e.name")
_TOO_WIDE = _among_joined(f"e.cidrs.exists(c, {_WIDE})", "e.name")
_ABROAD = _among_joined(
    "has(e.region) && !(e.region in self.residency.regions)",
    "e.name + ' in ' + e.region",
)

SPEC: Final = (
    validation(
        "self.environment == 'production' || self.zones.all(z, z.data != 'phi')",
        "real PHI may be declared in production alone (PHI-DAT-001)",
        expression="'real PHI may be declared in production alone (PHI-DAT-001); environment is '"
        f" + self.environment + ', and data is phi in zone ' + {_few(_PHI_ZONES)}"
        " + ': declare deidentified, synthetic or none'",
        field_path=".zones",
        reason="FieldValueForbidden",
    ),
    validation(
        f"!has(self.flows) || size({_UNKNOWN_ZONES}) == 0",
        "a flow names a zone that spec.zones does not declare",
        expression="'a flow names a zone that spec.zones does not declare: '"
        f" + {_few(_UNKNOWN_ZONES)}",
        field_path=".flows",
    ),
    validation(
        f"!has(self.flows) || size({_UNKNOWN_EXTERNALS}) == 0",
        "a flow names an external that spec.externals does not declare",
        expression="'a flow names an external that spec.externals does not declare: '"
        f" + {_few(_UNKNOWN_EXTERNALS)}",
        field_path=".flows",
    ),
    validation(
        f"!has(self.flows) || {_let('p', _PHI_ZONES, f'size({_LOWERED}) == 0')}",
        "a flow from PHI to a lower data class must name its de-identifier in deidentifiedBy"
        " (PHI-DAT-002)",
        expression="'a flow from PHI to a lower data class must name its de-identifier in"
        " deidentifiedBy (PHI-DAT-002); missing in the flow from '"
        f" + [{_PHI_ZONES}].map(p, {_few(_LOWERED)})[0]",
        field_path=".flows",
        reason="FieldValueRequired",
    ),
    validation(
        f"size({_NOT_EARLIER}) == 0",
        "images.promotedFrom of a zone must be an environment before that of the workload",
        expression="'images.promotedFrom of a zone must be an environment before ' + self.environment"
        f" + ' (production, staging, test, development); it is not in ' + {_few(_NOT_EARLIER)}",
        field_path=".zones",
    ),
    validation(
        f"!has(self.volumes) || size({_UNKNOWN_VOLUME_ZONES}) == 0",
        "a volume names a zone that spec.zones does not declare",
        expression="'a volume names a zone that spec.zones does not declare: '"
        f" + {_few(_UNKNOWN_VOLUME_ZONES)}",
        field_path=".volumes",
    ),
    validation(
        f"!has(self.secrets) || size({_LOST_SECRETS}) == 0",
        "a secret names a zone that spec.zones does not declare",
        expression="'a secret names a zone that spec.zones does not declare: '"
        f" + {_few(_LOST_SECRETS)}",
        field_path=".secrets",
    ),
    validation(
        f"!has(self.secrets) || size({_UNKNOWN_CONSUMERS}) == 0",
        "consumers of a secret must be service accounts that its zone declares: see"
        " zones[].serviceAccounts",
        field_path=".secrets",
    ),
    validation(
        _NO_AGREEMENT[0],
        "an external that a flow joins to a PHI zone needs an agreement (PHI-DAT-003)",
        expression="'an external that a flow joins to a PHI zone needs an agreement"
        f" (PHI-DAT-003); missing in ' + {_NO_AGREEMENT[1]}",
        field_path=".externals",
        reason="FieldValueRequired",
    ),
    validation(
        _TOO_WIDE[0],
        "an external that a flow joins to a PHI zone is one party's: its cidrs must be /8 or"
        " narrower (IPv6: /16)",
        expression="'an external that a flow joins to a PHI zone is one party under an agreement,"
        " so its cidrs must be /8 or narrower (IPv6: /16), never all of the internet; too wide in '"
        f" + {_TOO_WIDE[1]}",
        field_path=".externals",
        reason="FieldValueForbidden",
    ),
    validation(
        f"!has(self.residency) || {_ABROAD[0]}",
        "an external that a flow joins to a PHI zone must hold data within residency.regions",
        expression="'an external that a flow joins to a PHI zone must hold data within"
        f" spec.residency.regions; outside is ' + {_ABROAD[1]}",
        field_path=".externals",
        reason="FieldValueForbidden",
    ),
)


def _namespace(zone: str) -> str:
    return (
        f"(has({zone}.__namespace__) ? {zone}.__namespace__"
        f" : self.metadata.name + '-' + {zone}.name)"
    )


_SHARED = (
    f"self.spec.zones.map(z, self.spec.zones.exists(o, o.name != z.name"
    f" && {_namespace('o')} == {_namespace('z')}),"
    f" z.name + ' (' + {_namespace('z')} + ')')"
)
_LONG = f"self.spec.zones.map(z, size({_namespace('z')}) > 63, {_namespace('z')})"
_TAKEN = (
    f"self.spec.zones.map(z, !has(z.__namespace__) && {_reserved(_namespace('z'))},"
    f" {_namespace('z')})"
)
_MOVED = (
    "self.spec.zones.map(z, oldSelf.spec.zones.exists(o, o.name == z.name"
    f" && {_namespace('o')} != {_namespace('z')}), z.name)"
)
_RENAMED = (
    "self.spec.zones.map(z, z.data != 'phi' && oldSelf.spec.zones.exists(o, o.name != z.name"
    f" && o.data == 'phi' && {_namespace('o')} == {_namespace('z')}), z.name)"
)

ROOT: Final = (
    validation(
        DNS_LABEL.cel("self.metadata.name"),
        f"the name of a PHIWorkload is part of namespace names and {DNS_LABEL.message}",
        field_path=".metadata.name",
    ),
    validation(
        f"size({_SHARED}) == 0",
        "every zone needs a namespace of its own",
        expression=f"'every zone needs a namespace of its own; one is shared by ' + {_few(_SHARED)}",
        field_path=".spec.zones",
        reason="FieldValueInvalid",
    ),
    validation(
        f"size({_LONG}) == 0",
        "the name of a zone's namespace, <workload>-<zone>, is longer than 63 characters",
        expression="'a namespace has at most 63 characters; set namespace in the zone that would"
        f" get ' + {_few(_LONG)}",
        field_path=".spec.zones",
    ),
    validation(
        f"size({_TAKEN}) == 0",
        RESERVED,
        expression=f"'{RESERVED}: ' + {_few(_TAKEN)}",
        field_path=".spec.zones",
        reason="FieldValueForbidden",
    ),
    validation(
        f"size({_MOVED}) == 0",
        "namespace of a zone cannot be changed: declare a new zone and move the workloads",
        expression="'namespace of a zone cannot be changed: declare a new zone and move the"
        f" workloads; changed in ' + {_few(_MOVED)}",
        field_path=".spec.zones",
        reason="FieldValueForbidden",
    ),
    validation(
        f"size({_RENAMED}) == 0",
        "a namespace that may hold PHI cannot become a zone of a lower data class",
        expression="'a namespace that may hold PHI cannot become a zone of a lower data class;"
        f" data must stay phi in ' + {_few(_RENAMED)}",
        field_path=".spec.zones",
        reason="FieldValueForbidden",
    ),
)
