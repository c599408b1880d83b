"""Where objects live: paths of the Kubernetes API."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from phiwarden.api import names
from phiwarden.rulebook import shapes
from phiwarden.rulebook.shapes import Kind

PHIWORKLOAD: Final = Kind(names.GROUP, names.VERSION, "PHIWorkload", "phiworkloads")
EVENT: Final = Kind("", "v1", "Event", "events")
STORAGE_CLASS: Final = shapes.STORAGE_CLASS
PERSISTENT_VOLUME: Final = Kind("", "v1", "PersistentVolume", "persistentvolumes")
ENDPOINT_SLICE: Final = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
ADMISSION_POLICY: Final = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
)
ADMISSION_BINDING: Final = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
)

MUTATING_WEBHOOKS: Final = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
)
CLUSTER_ROLE: Final = Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles")
CLUSTER_ROLE_BINDING: Final = Kind(
    "rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings"
)
SECRET: Final = shapes.SECRET
CRD: Final = Kind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions"
)

EXTERNAL_SECRET: Final = shapes.EXTERNAL_SECRET
VAULT_STATIC_SECRET: Final = shapes.VAULT_STATIC_SECRET
VAULT_DYNAMIC_SECRET: Final = shapes.VAULT_DYNAMIC_SECRET
SECRET_PROVIDER_CLASS: Final = shapes.SECRET_PROVIDER_CLASS
SECRET_PROVIDER_STATUS: Final = Kind(
    "secrets-store.csi.x-k8s.io",
    "v1",
    "SecretProviderClassPodStatus",
    "secretproviderclasspodstatuses",
)
CERTIFICATE: Final = shapes.CERTIFICATE
PHI_EXCEPTION: Final = shapes.PHI_EXCEPTION
PHI_RELEASE: Final = shapes.PHI_RELEASE
PHI_HISTORY: Final = shapes.PHI_HISTORY
CONTROLLER_REVISION: Final = shapes.CONTROLLER_REVISION
VOLUME_SNAPSHOT: Final = shapes.VOLUME_SNAPSHOT
TRIDENT_VOLUME: Final = Kind("trident.netapp.io", "v1", "TridentVolume", "tridentvolumes")
STORAGE_POLICY_INFO: Final = Kind(
    "cns.vmware.com", "v1alpha1", "ClusterStoragePolicyInfo", "clusterstoragepolicyinfos"
)

_PODS, *_ = shapes.PODS.kinds
POD: Final = _PODS
WORKLOADS: Final = {kind.kind: kind for shape in shapes.POD_SHAPES for kind in shape.kinds}
"""Kinds that carry a pod template, by name."""

_KINDS: Final = {
    kind.kind: kind
    for kind in (
        *WORKLOADS.values(),
        *shapes.OWNED,
        shapes.CLAIM,
        shapes.NAMESPACE,
        shapes.SERVICE,
        PHIWORKLOAD,
        EXTERNAL_SECRET,
        VAULT_STATIC_SECRET,
        SECRET_PROVIDER_CLASS,
        VOLUME_SNAPSHOT,
    )
}


def kind_of(name: str) -> Kind:
    """Return the kind of that name; raises KeyError for one that is not used here."""
    return _KINDS[name]


def crd_of(kind: Kind) -> str:
    """Return the name of the CRD that defines a kind."""
    return f"{kind.plural}.{kind.group}"


def collection(kind: Kind, namespace: str | None = None) -> str:
    """Return the path of all objects of a kind, in a namespace or everywhere."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    where = f"/namespaces/{quote(namespace, safe='')}" if namespace is not None else ""
    return f"{root}{where}/{kind.plural}"


def item(kind: Kind, namespace: str | None, name: str) -> str:
    """Return the path of one object."""
    return f"{collection(kind, namespace)}/{quote(name, safe='')}"
