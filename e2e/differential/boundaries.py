"""Zones of every clinical impact, exposure, class of data and environment."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, Final

from hypothesis import strategies as st

from e2e.differential import secrets
from phiwarden.api.workload import ClinicalImpact, DataClass, Environment, Exposure
from phiwarden.boundary.exceptions import Entry
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook import examples
from phiwarden.rulebook.subjects import SUBJECTS

_STORAGE: Final[dict[str, Any]] = {
    "storage_classes": ("fast-encrypted", "lab.disks"),
    "withheld_claims": ("withheld",),
}
_NARROW: Final[dict[str, Any]] = {
    **_STORAGE,
    "keep_revisions": 12,
    **secrets.DECLARED,
    "service_accounts": ("app", "other"),
    "registries": ("registry.hospital.example",),
    "releases": (examples.DIGEST, f"sha256:{'a' * 64}"),
}
_WIDE: Final[dict[str, Any]] = {
    **_STORAGE,
    **secrets.ALL_OVERDUE,
    "keep_revisions": 5,
    "service_accounts": ("app", "other"),
    "api_access": ("app",),
    "registries": ("registry.hospital.example/portal", "registry:5000", "ghcr.example/a/b"),
    "regions": (),
    "destinations": ("203.0.113.0/24", "198.51.100.9/32", "2001:db8::/32"),
    "cluster_roles": ("deployer", "edit"),
}
_KINDS: Final = (
    *(kind.kind for subject in SUBJECTS if subject.shape is not None for kind in subject.kinds),
    *("Service", "Ingress", "Role", "ConfigMap", "PersistentVolumeClaim"),
)
_EXCUSED: Final = ("PHI-IMG-001", "PHI-POD-001", "PHI-SEC-001", "PHI-NET-002", "PHI-REL-001")
_EXCEPTIONS: Final = tuple(
    str(Entry(rule, kind, "app", "2199-01-01T00:00:00Z")) for rule in _EXCUSED for kind in _KINDS
)
"""For objects that are created. One that only takes away from an object notes no time, and has no
exception: of this Python knows nothing."""

_OPEN: Final[dict[str, Any]] = {
    "exceptions": _EXCEPTIONS,
    **_WIDE,
    **secrets.NONE,
    "regions": ("us-east-1",),
    "destinations": ("0.0.0.0/0", "::/0"),
}
_LISTS: Final = ({**_STORAGE, **secrets.OLDER}, _WIDE, _NARROW, _OPEN)


def _boundaries() -> dict[str, ZoneBoundary]:
    # Every impact with every exposure, holding patient data in production: there all rules act.
    kinds = [
        (impact, exposure, DataClass.PHI, Environment.PRODUCTION)
        for exposure, impact in product(Exposure, ClinicalImpact)
    ]
    # Every class of data with every environment: there some of the rules rest.
    kinds += [
        (impact, exposure, data, environment)
        for impact, exposure, (data, environment) in zip(
            [*ClinicalImpact] * 6,
            [*Exposure] * 6,
            product(DataClass, Environment),
            strict=False,
        )
    ]
    return {
        f"{impact}, {exposure}, {data}, {environment}": replace(
            examples.ZONE,
            impact=impact.value,
            exposure=exposure.value,
            data=data.value,
            environment=environment.value,
            **_LISTS[number % len(_LISTS)],
        )
        for number, (impact, exposure, data, environment) in enumerate(kinds)
    }


BOUNDARIES: Final = _boundaries()
"""By what they are called in reports."""

STRICT: Final = tuple(
    title
    for title, boundary in BOUNDARIES.items()
    if (boundary.data, boundary.environment) == ("phi", "production")
)
"""Those in which every rule acts."""

CHANGING: Final = STRICT[::2]
"""Those in which objects are changed."""

DEBUGGING: Final = tuple(
    title
    for title, boundary in BOUNDARIES.items()
    if boundary.data in ("synthetic", "none") and boundary.environment != "production"
)[::2]
"""Those in which debug containers are added to pods: elsewhere nobody may, whatever they are."""

ANY: Final = st.one_of(st.sampled_from(STRICT), st.sampled_from(list(BOUNDARIES)))
"""Titles of the zones in which objects are created, most of them strict ones."""
