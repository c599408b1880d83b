"""Which namespaces a question is about."""

from __future__ import annotations

from collections.abc import Iterable

from phiwarden.cli.reaching.seen import NotReadable
from phiwarden.reach.declared import Intent
from phiwarden.reach.model import Surroundings


def scope_of(
    declared: Intent,
    cluster: Surroundings,
    workloads: Iterable[str],
    namespaces: Iterable[str],
) -> frozenset[str]:
    """Return the namespaces of some workloads, and others; those of every workload by default.

    Raises:
        NotReadable: there is none of that name.
    """
    workloads, found = tuple(workloads), frozenset(namespaces)
    for name in workloads:
        if name not in declared.specs:
            known = ", ".join(sorted(declared.specs)) or "none at all"
            raise NotReadable(f"there is no PHIWorkload {name}; there are {known}")
    for name in sorted(found):
        if name not in cluster.namespaces and name not in declared.zones:
            raise NotReadable(f"there is no namespace {name}")
    if not workloads and not found:
        if not declared.specs:
            raise NotReadable("no PHIWorkload declares anything here: give -n NAMESPACE")
        workloads = tuple(declared.specs)
    return found | {name for name, zone in declared.zones.items() if zone.workload in workloads}
