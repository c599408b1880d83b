"""The boundary as it stands on a zone's Namespace, and the way back.

Admission rules read it there with `annotation.split(',')`, which trims
nothing: whatever would read differently with it is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from phiwarden.api import names
from phiwarden.api.rollback import FEWEST_KEPT
from phiwarden.api.values import DIGEST
from phiwarden.api.workload import ClinicalImpact, DataClass, Enforcement, Environment, Exposure


class BoundaryUnreadable(ValueError):
    """A Namespace does not carry a boundary that can be relied on."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        """The label or annotation to blame."""


@dataclass(frozen=True, slots=True)
class ZoneBoundary:
    """What rules know of the zone in which they judge an object.

    The order of a list means nothing; `encode` sorts, so `decode` yields sorted lists.
    """

    workload: str
    zone: str
    data: str
    environment: str
    impact: str
    enforcement: str
    exposure: str
    registries: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    api_access: tuple[str, ...] = ()
    """Those of the service accounts whose pods may reach the Kubernetes API."""
    regions: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    """Address ranges of the externals that flows lead to from here, in force or not."""
    cluster_roles: tuple[str, ...] = ()
    """ClusterRoles that may be bound here, beside those that anybody may be given."""
    held: tuple[str, ...] = ()
    storage_classes: tuple[str, ...] = ()
    """Declared for the zone, and proven or attested to encrypt."""
    withheld_claims: tuple[str, ...] = ()
    """Declared volumes whose class does not prove what is asked of it: nobody may make them."""
    secrets: tuple[str, ...] | None = None
    """`secret/account` of each declared Secret that pods of the account may read; None where an
    older version wrote the boundary, and nothing is known."""
    overdue_secrets: tuple[str, ...] = ()
    """Secrets past their age, and certificates near their end."""
    owned_secrets: tuple[str, ...] = ()
    """`secret=user` of each that a store delivers, and the one user name that may write it."""
    keep_revisions: int = FEWEST_KEPT
    """Earlier revisions that must be kept of everything that is rolled out."""
    exceptions: tuple[str, ...] = ()
    """`rule/kind/name/moment` of each rule that an object may break until then; see
    `boundary.exceptions`."""
    releases: tuple[str, ...] | None = None
    """Digests of the images that may run, by releases that are in force; None where the zone asks
    for no releases."""


NUMBER: Final = "[1-9][0-9]{0,2}"
"""What a number of the boundary looks like, to Python and to the API server."""


_KNOWN: Final[Mapping[str, type[StrEnum]]] = {
    names.DATA: DataClass,
    names.ENVIRONMENT: Environment,
    names.IMPACT: ClinicalImpact,
    names.ENFORCEMENT: Enforcement,
    names.EXPOSURE: Exposure,
}


def encode(boundary: ZoneBoundary) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels and annotations that carry a boundary.

    Raises:
        ValueError: if the boundary is one that `decode` would refuse.
    """
    labels = {
        names.WORKLOAD: boundary.workload,
        names.ZONE: boundary.zone,
        names.DATA: str(boundary.data),
        names.ENVIRONMENT: str(boundary.environment),
        names.IMPACT: str(boundary.impact),
        names.ENFORCEMENT: str(boundary.enforcement),
        names.EXPOSURE: str(boundary.exposure),
    }
    lists = {
        names.REGISTRIES: boundary.registries,
        names.SERVICE_ACCOUNTS: boundary.service_accounts,
        names.API_ACCESS: boundary.api_access,
        names.REGIONS: boundary.regions,
        names.DESTINATIONS: boundary.destinations,
        names.CLUSTER_ROLES: boundary.cluster_roles,
        names.HELD: boundary.held,
        names.STORAGE_CLASSES: boundary.storage_classes,
        names.WITHHELD_CLAIMS: boundary.withheld_claims,
        names.OVERDUE_SECRETS: boundary.overdue_secrets,
        names.OWNED_SECRETS: boundary.owned_secrets,
        names.EXCEPTIONS: boundary.exceptions,
    }
    if boundary.secrets is not None:
        lists[names.SECRETS] = boundary.secrets
    if boundary.releases is not None:
        lists[names.RELEASES] = boundary.releases
    annotations = {
        names.FORMAT: names.FORMAT_VERSION,
        names.KEEP_REVISIONS: str(boundary.keep_revisions),
    }
    for key, items in lists.items():
        for item in items:
            _check_item(key, item)
        annotations[key] = ",".join(sorted(set(items)))
    decode(labels, annotations)
    return labels, annotations


def decode(labels: Mapping[str, str], annotations: Mapping[str, str]) -> ZoneBoundary:
    """Return the boundary that a Namespace carries.

    Raises:
        BoundaryUnreadable: naming the key that is missing or wrong.
    """
    found = annotations.get(names.FORMAT)
    if found != names.FORMAT_VERSION:
        problem = "missing" if found is None else f"unknown format {found!r}"
        raise BoundaryUnreadable(names.FORMAT, problem)
    service_accounts = _list(annotations, names.SERVICE_ACCOUNTS)
    api_access = _list(annotations, names.API_ACCESS)
    if undeclared := sorted(set(api_access) - set(service_accounts)):
        raise BoundaryUnreadable(
            names.API_ACCESS, f"not among {names.SERVICE_ACCOUNTS}: {', '.join(undeclared)}"
        )
    return ZoneBoundary(
        workload=_label(labels, names.WORKLOAD),
        zone=_label(labels, names.ZONE),
        data=_label(labels, names.DATA),
        environment=_label(labels, names.ENVIRONMENT),
        impact=_label(labels, names.IMPACT),
        enforcement=_label(labels, names.ENFORCEMENT),
        exposure=_label(labels, names.EXPOSURE),
        registries=_list(annotations, names.REGISTRIES),
        service_accounts=service_accounts,
        api_access=api_access,
        regions=_list(annotations, names.REGIONS),
        destinations=_list(annotations, names.DESTINATIONS),
        cluster_roles=_list(annotations, names.CLUSTER_ROLES),
        held=_list(annotations, names.HELD),
        storage_classes=_list(annotations, names.STORAGE_CLASSES),
        withheld_claims=_list(annotations, names.WITHHELD_CLAIMS),
        secrets=_list(annotations, names.SECRETS) if names.SECRETS in annotations else None,
        overdue_secrets=_list(annotations, names.OVERDUE_SECRETS),
        owned_secrets=_list(annotations, names.OWNED_SECRETS),
        keep_revisions=_number(annotations, names.KEEP_REVISIONS, FEWEST_KEPT),
        exceptions=_exceptions(annotations),
        releases=_releases(annotations),
    )


def _label(labels: Mapping[str, str], key: str) -> str:
    value = labels.get(key)
    if not value:
        raise BoundaryUnreadable(key, "missing")
    known = _KNOWN.get(key)
    if known is not None and value not in tuple(known):
        raise BoundaryUnreadable(key, f"unknown value {value!r}, expected {', '.join(known)}")
    return value


def _list(annotations: Mapping[str, str], key: str) -> tuple[str, ...]:
    value = annotations.get(key, "" if key in names.OPTIONAL_ANNOTATIONS else None)
    if value is None:
        raise BoundaryUnreadable(key, "missing")
    if not value:
        return ()
    items = tuple(value.split(","))
    for item in items:
        _check_item(key, item)
    return items


def _number(annotations: Mapping[str, str], key: str, absent: int) -> int:
    value = annotations.get(key, str(absent))
    if re.fullmatch(NUMBER, value, re.ASCII) is None:
        raise BoundaryUnreadable(key, f"no number: {value!r}")
    return int(value)


def _exceptions(annotations: Mapping[str, str]) -> tuple[str, ...]:
    found = _list(annotations, names.EXCEPTIONS)
    for entry in found:
        if re.fullmatch(_EXCEPTION, entry, re.ASCII) is None:
            raise BoundaryUnreadable(names.EXCEPTIONS, f"not rule/kind/name/moment: {entry!r}")
    return found


def _releases(annotations: Mapping[str, str]) -> tuple[str, ...] | None:
    if names.RELEASES not in annotations:
        return None
    found = _list(annotations, names.RELEASES)
    for entry in found:
        if re.fullmatch(DIGEST, entry, re.ASCII) is None:
            raise BoundaryUnreadable(names.RELEASES, f"no digest of an image: {entry!r}")
    return found


_EXCEPTION: Final = r"[^/]+/[^/]+/[^/]+/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"


def _check_item(key: str, item: str) -> None:
    if not item:
        raise BoundaryUnreadable(key, "an empty item in the list")
    if "," in item or any(character.isspace() for character in item):
        raise BoundaryUnreadable(key, f"an item with a comma or white space: {item!r}")
