"""Kinds of objects that rules judge, and where their pod template lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.api import names


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of the Kubernetes API."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        """Return `group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class Shape:
    """Kinds whose pod template lies at the same place.

    Attributes:
        name: part of the policy's name.
        kinds: the kinds, in the order of the documentation.
        template: steps from the object to what holds `metadata` and `spec` of a pod.
        subresources: further resources whose requests carry such an object.
    """

    name: str
    kinds: tuple[Kind, ...]
    template: tuple[str, ...]
    subresources: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Return the template's steps as a path: "" or such as ".spec.template"."""
        return "".join(f".{step}" for step in self.template)


PODS: Final = Shape(
    "pods", (Kind("", "v1", "Pod", "pods"),), (), subresources=("pods/ephemeralcontainers",)
)
WORKLOADS: Final = Shape(
    "workloads",
    (
        Kind("apps", "v1", "Deployment", "deployments"),
        Kind("apps", "v1", "StatefulSet", "statefulsets"),
        Kind("apps", "v1", "DaemonSet", "daemonsets"),
    ),
    ("spec", "template"),
)
TEMPLATES: Final = Shape(
    "templates",
    (
        Kind("apps", "v1", "ReplicaSet", "replicasets"),
        Kind("", "v1", "ReplicationController", "replicationcontrollers"),
        Kind("batch", "v1", "Job", "jobs"),
    ),
    ("spec", "template"),
)
CRONJOBS: Final = Shape(
    "cronjobs",
    (Kind("batch", "v1", "CronJob", "cronjobs"),),
    ("spec", "jobTemplate", "spec", "template"),
)
POD_SHAPES: Final = (PODS, WORKLOADS, TEMPLATES, CRONJOBS)

CONTAINER_LISTS: Final = ("containers", "initContainers", "ephemeralContainers")
"""Lists of containers in a pod spec; a rule about containers looks at all of them."""

SERVICE: Final = Kind("", "v1", "Service", "services")
ROLE: Final = Kind("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDING: Final = Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")
NETWORK_POLICY: Final = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
CLAIM: Final = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
STORAGE_CLASS: Final = Kind("storage.k8s.io", "v1", "StorageClass", "storageclasses")
VOLUME_SNAPSHOT: Final = Kind("snapshot.storage.k8s.io", "v1", "VolumeSnapshot", "volumesnapshots")
SECRET: Final = Kind("", "v1", "Secret", "secrets")
EXTERNAL_SECRET: Final = Kind("external-secrets.io", "v1", "ExternalSecret", "externalsecrets")
VAULT_STATIC_SECRET: Final = Kind(
    "secrets.hashicorp.com", "v1beta1", "VaultStaticSecret", "vaultstaticsecrets"
)
VAULT_DYNAMIC_SECRET: Final = Kind(
    "secrets.hashicorp.com", "v1beta1", "VaultDynamicSecret", "vaultdynamicsecrets"
)
SECRET_PROVIDER_CLASS: Final = Kind(
    "secrets-store.csi.x-k8s.io", "v1", "SecretProviderClass", "secretproviderclasses"
)
CERTIFICATE: Final = Kind("cert-manager.io", "v1", "Certificate", "certificates")
CONTROLLER_REVISION: Final = Kind("apps", "v1", "ControllerRevision", "controllerrevisions")
NODE_PROXY: Final = Kind("", "v1", "NodeProxyOptions", "nodes/proxy")
NAMESPACE: Final = Kind("", "v1", "Namespace", "namespaces")
SERVICE_ACCOUNT: Final = Kind("", "v1", "ServiceAccount", "serviceaccounts")
PHI_HISTORY: Final = Kind(names.GROUP, names.VERSION, "PHIHistory", "phihistories")
PHI_EXCEPTION: Final = Kind(names.GROUP, names.VERSION, "PHIException", "phiexceptions")
PHI_RELEASE: Final = Kind(names.GROUP, names.VERSION, "PHIRelease", "phireleases")
RESOURCE_QUOTA: Final = Kind("", "v1", "ResourceQuota", "resourcequotas")
LIMIT_RANGE: Final = Kind("", "v1", "LimitRange", "limitranges")
BUDGET: Final = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
OWNED: Final = (NETWORK_POLICY, SERVICE_ACCOUNT, RESOURCE_QUOTA, LIMIT_RANGE)
"""Kinds of the boundary's own objects inside a zone."""

_BY_KIND: Final = {kind.kind: shape for shape in POD_SHAPES for kind in shape.kinds}


def shape_of(kind: str) -> Shape | None:
    """Return the shape of a kind that carries a pod template, else None."""
    return _BY_KIND.get(kind)


def container_count(obj: Mapping[str, Any]) -> int:
    """Return how many containers an object's pod has, in all lists."""
    shape = shape_of(str(obj.get("kind", "")))
    template = template_of(shape, obj) if shape is not None else None
    spec = (template or {}).get("spec") or {}
    return sum(len(spec.get(name) or ()) for name in CONTAINER_LISTS)


def template_of(shape: Shape, obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what holds metadata and spec of the pod, or None where it is missing."""
    node: Any = obj
    for step in shape.template:
        node = node.get(step) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else None
