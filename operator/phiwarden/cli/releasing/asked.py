"""What a release is held against: the zone of a declaration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from phiwarden.api.workload import WorkloadSpec, Zone
from phiwarden.cli.declared import NotAccepted, read_declarations
from phiwarden.cli.releasing.files import NotReadable
from phiwarden.releases.policy import Policy, policy_of


@dataclass(frozen=True, slots=True)
class Asker:
    """A zone that is declared.

    Attributes:
        workload: name of its PHIWorkload.
        spec: what that declares.
        zone: the zone.
    """

    workload: str
    spec: WorkloadSpec
    zone: Zone

    @property
    def namespace(self) -> str:
        """Return the namespace of the zone."""
        return self.zone.namespace_in(self.workload)

    def __str__(self) -> str:
        return f"{self.zone.name} ({self.namespace})"


def askers(files: Iterable[str], now: dt.datetime) -> tuple[Asker, ...]:
    """Return every zone that some files declare.

    Raises:
        NotReadable: naming what is wrong with them.
    """
    try:
        declared = read_declarations(files, now)
    except NotAccepted as error:
        raise NotReadable(str(error)) from error
    return tuple(Asker(each.name, each.spec, zone) for each in declared for zone in each.spec.zones)


def policy_for(namespace: str | None, zone: str | None, known: Iterable[Asker]) -> Policy:
    """Return what the zone asks in which a release stands, or will stand.

    Args:
        namespace: the namespace that the release names, if any.
        zone: name of the zone, if the user gave one.
        known: every zone that is declared.

    Raises:
        NotReadable: it is none of them, or it can be several, or it declares no keys.
    """
    known = tuple(known)
    fitting = [
        each
        for each in known
        if (zone is None or each.zone.name == zone)
        and (namespace is None or each.namespace == namespace)
    ]
    there_are = f"the zones are {', '.join(map(str, known))}"
    if not fitting:
        asked = " and ".join(
            [f"zone {zone}"] * (zone is not None)
            + [f"namespace {namespace}, which the release names"] * (namespace is not None)
        )
        raise NotReadable(f"no zone is declared for {asked}; {there_are}")
    if len(fitting) > 1:
        advice = "give --zone ZONE, or set metadata.namespace of the release"
        raise NotReadable(f"the release names no namespace: {advice}; {there_are}")
    (found,) = fitting
    if not found.zone.images.release_keys:
        raise NotReadable(
            f"zone {found} declares no key: declare one in images.releaseKeys, or give --key FILE"
        )
    return policy_of(found.workload, found.spec, found.zone)
