"""Service accounts, quota and container defaults of a zone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from phiwarden.api.amounts import lower_quantity
from phiwarden.api.workload import Quota, ZoneServiceAccount
from phiwarden.boundary.manifest import Place, namespaced
from phiwarden.boundary.model import Desired

_CPU_REQUEST: Final = "100m"
_MEMORY_REQUEST: Final = "128Mi"
_MEMORY_LIMIT: Final = "512Mi"


def service_accounts(
    place: Place, accounts: Iterable[ZoneServiceAccount], *, tokens: bool = True
) -> list[Desired]:
    """Return one ServiceAccount each; a token is mounted only where the API may be used.

    Args:
        place: the zone.
        accounts: those that it declares.
        tokens: whether to say if a token is mounted; without it, that is left as it is.
    """
    return [
        namespaced(
            place,
            "v1",
            "ServiceAccount",
            account.name,
            **({"automountServiceAccountToken": account.api_access} if tokens else {}),
        )
        for account in sorted(accounts, key=lambda account: account.name)
    ]


def quota_objects(place: Place, quota: Quota | None) -> list[Desired]:
    """Return the ResourceQuota and, where one is needed, the LimitRange."""
    if quota is None:
        return []
    hard = {"requests.cpu": quota.cpu, "limits.memory": quota.memory}
    bounds = {resource: bound for resource, bound in hard.items() if bound is not None}
    if quota.pods is not None:
        bounds["pods"] = str(quota.pods)
    if not bounds:
        return []
    # An empty scopeSelector is stated so that a foreign one, which would exempt pods, is undone.
    spec = {"hard": bounds, "scopeSelector": {}}
    objects = [namespaced(place, "v1", "ResourceQuota", "phiwarden-quota", spec=spec)]
    if container := _container_defaults(quota):
        limit_range = {"limits": [{"type": "Container", **container}]}
        objects.append(namespaced(place, "v1", "LimitRange", "phiwarden-limits", spec=limit_range))
    return objects


def _container_defaults(quota: Quota) -> dict[str, Any]:
    """Return defaults for what the quota counts, since it refuses containers without a value."""
    request: dict[str, str] = {}
    limit: dict[str, str] = {}
    if quota.cpu is not None:
        request["cpu"] = lower_quantity(_CPU_REQUEST, quota.cpu)
    if quota.memory is not None:
        request["memory"] = lower_quantity(_MEMORY_REQUEST, quota.memory)
        limit["memory"] = lower_quantity(_MEMORY_LIMIT, quota.memory)
    defaults = {"defaultRequest": request, "default": limit}
    return {field: values for field, values in defaults.items() if values}
