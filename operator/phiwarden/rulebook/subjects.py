"""What rules judge, subject by subject: one policy each, and what a change must touch to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.rulebook.model import Reads
from phiwarden.rulebook.shapes import (
    CERTIFICATE,
    CLAIM,
    CONTROLLER_REVISION,
    CRONJOBS,
    EXTERNAL_SECRET,
    NETWORK_POLICY,
    PODS,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SECRET_PROVIDER_CLASS,
    SERVICE,
    TEMPLATES,
    VAULT_DYNAMIC_SECRET,
    VAULT_STATIC_SECRET,
    VOLUME_SNAPSHOT,
    WORKLOADS,
    Kind,
    Shape,
)


@dataclass(frozen=True, slots=True)
class Part:
    """What some checks look at. An update that leaves it as it was is not judged by them.

    Attributes:
        reads: the checks' own name for it.
        fields: steps to the fields that make it up, such as "spec.template".
        living: further fields, which count only while the object is not being deleted.
        base: path of what the checks' paths start from; "" for the object.
    """

    reads: tuple[Reads, ...]
    fields: tuple[str, ...]
    living: tuple[str, ...] = ()
    base: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """Kinds that are judged alike, by one policy.

    Attributes:
        name: last part of the policy's name.
        about: what the policy does, for its description.
        kinds: the kinds.
        parts: what rules read of them.
        shape: where their pod template lies, if they carry one.
        subresources: further resources of the core group whose requests carry such an object.
        operations: which requests are judged.
    """

    name: str
    about: str
    kinds: tuple[Kind, ...]
    parts: tuple[Part, ...]
    shape: Shape | None = None
    subresources: tuple[str, ...] = ()
    operations: tuple[str, ...] = ("CREATE", "UPDATE")

    def reads(self, reads: Reads) -> bool:
        """Return whether checks of that name look at this subject."""
        return any(reads in part.reads for part in self.parts)


def _carrier(shape: Shape, *more: Part, reads: tuple[Reads, ...] = (Reads.POD,)) -> Subject:
    """Return the subject of kinds that carry a pod template."""
    # What a pod reads is its spec: network plug-ins and others annotate running pods.
    template = ".".join(shape.template) or "spec"
    base = f"{shape.path}.spec".removeprefix(".")
    return Subject(
        name=shape.name,
        about=f"Holds {', '.join(kind.kind for kind in shape.kinds)} to the boundary of their zone.",
        kinds=shape.kinds,
        parts=(Part(reads, (template,), base=base), *more),
        shape=shape,
        subresources=shape.subresources,
    )


_SETTINGS: Final = Part(
    (Reads.SETTINGS,),
    ("spec.replicas", "spec.revisionHistoryLimit", "spec.strategy", "spec.updateStrategy"),
)

_CLAIM_TEMPLATES: Final = Part(
    (Reads.CLAIM_TEMPLATES,),
    ("spec.volumeClaimTemplates", "spec.persistentVolumeClaimRetentionPolicy"),
)

CARRIERS: Final = (
    _carrier(PODS),
    _carrier(WORKLOADS, _SETTINGS, _CLAIM_TEMPLATES, reads=(Reads.POD, Reads.ROLLOUT)),
    _carrier(TEMPLATES),
    _carrier(CRONJOBS),
)

_GATEWAY: Final = "gateway.networking.k8s.io"

OTHERS: Final = (
    Subject(
        "scale",
        "Holds the number of replicas to what the clinical impact asks for.",
        (
            Kind("apps", "v1", "Scale", "deployments/scale"),
            Kind("apps", "v1", "Scale", "statefulsets/scale"),
        ),
        (Part((Reads.SCALE,), ("spec.replicas",)),),
    ),
    Subject(
        "claims",
        "Lets claims ask for storage that is declared and proven alone.",
        (CLAIM,),
        (
            Part(
                (Reads.CLAIM,),
                (
                    "spec.storageClassName",
                    "spec.volumeName",
                    "spec.dataSource",
                    "spec.dataSourceRef",
                ),
            ),
        ),
    ),
    Subject(
        "snapshots",
        "Keeps snapshots that others made out of a zone.",
        (VOLUME_SNAPSHOT,),
        (Part((Reads.SNAPSHOT,), ("spec",)),),
    ),
    Subject(
        "references",
        "Lets no other namespace fill its volumes from those of a zone.",
        (
            Kind(_GATEWAY, "v1", "ReferenceGrant", "referencegrants"),
            Kind(_GATEWAY, "v1beta1", "ReferenceGrant", "referencegrants"),
        ),
        (Part((Reads.REFERENCE_GRANT,), ("spec",)),),
    ),
    Subject(
        "services",
        "Publishes Services of a zone only as far as its exposure allows.",
        (SERVICE,),
        (Part((Reads.SERVICE,), ("spec",), living=("metadata.annotations",)),),
        subresources=("services/status",),
    ),
    Subject(
        "networkpolicies",
        "Keeps NetworkPolicies of others out of zones.",
        (NETWORK_POLICY,),
        (Part((Reads.NETWORK_POLICY,), ("spec",)),),
    ),
    Subject(
        "routes",
        "Publishes routes into a zone only as far as its exposure allows, and over TLS.",
        (
            Kind("networking.k8s.io", "v1", "Ingress", "ingresses"),
            Kind(_GATEWAY, "v1", "Gateway", "gateways"),
            Kind(_GATEWAY, "v1", "HTTPRoute", "httproutes"),
            Kind(_GATEWAY, "v1", "GRPCRoute", "grpcroutes"),
            Kind(_GATEWAY, "v1", "TLSRoute", "tlsroutes"),
            Kind(_GATEWAY, "v1alpha2", "TLSRoute", "tlsroutes"),
            Kind(_GATEWAY, "v1alpha2", "TCPRoute", "tcproutes"),
            Kind(_GATEWAY, "v1alpha2", "UDPRoute", "udproutes"),
        ),
        (Part((Reads.ROUTE,), ("spec",), living=("metadata.annotations",)),),
    ),
    Subject(
        "endpoints",
        "Keeps endpoints made by hand to the destinations that the zone declares.",
        (
            Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
            Kind("", "v1", "Endpoints", "endpoints"),
        ),
        (Part((Reads.ENDPOINTS,), ("endpoints", "subsets", "addressType")),),
    ),
    Subject(
        "access",
        "Keeps Roles and RoleBindings of a zone to what is declared.",
        (ROLE, ROLE_BINDING),
        (Part((Reads.ACCESS,), ("rules", "subjects", "roleRef")),),
    ),
    Subject(
        "configmaps",
        "Keeps credentials out of ConfigMaps, and AI configuration as it was reviewed.",
        (Kind("", "v1", "ConfigMap", "configmaps"),),
        (
            Part(
                (Reads.CONFIG,),
                ("data", "binaryData", "immutable"),
                living=("metadata.labels",),
            ),
        ),
    ),
    Subject(
        "secrets",
        "Keeps API tokens out of zones whose accounts may not use them.",
        (SECRET,),
        (Part((Reads.SECRET,), ("type", "metadata.annotations")),),
    ),
    Subject(
        "revisions",
        "Keeps the history of StatefulSets and DaemonSets as their controllers wrote it.",
        (CONTROLLER_REVISION,),
        (
            Part(
                (Reads.REVISION,),
                ("data", "revision", "metadata.labels", "metadata.ownerReferences"),
            ),
        ),
    ),
)
SUBJECTS: Final = (*CARRIERS, *OTHERS)
"""What objects are judged as."""

SESSIONS: Final = Subject(
    "sessions",
    "Keeps shells, tunnels and debug containers out of pods of a zone.",
    (
        Kind("", "v1", "PodExecOptions", "pods/exec"),
        Kind("", "v1", "PodAttachOptions", "pods/attach"),
        Kind("", "v1", "PodPortForwardOptions", "pods/portforward"),
        Kind("", "v1", "PodProxyOptions", "pods/proxy"),
        Kind("", "v1", "ServiceProxyOptions", "services/proxy"),
    ),
    (Part((Reads.SESSION,), ("spec.ephemeralContainers",), base="request"),),
    subresources=("pods/ephemeralcontainers",),
    operations=("CONNECT", "UPDATE"),
)
"""What people do to pods that run. These are requests and no objects: nothing of them is stored."""

CLAIM_OWNERS: Final = Subject(
    "claim-owners",
    "Keeps claims from being deleted along with what is said to own them.",
    (CLAIM,),
    (Part((Reads.CLAIM_OWNERS,), ("metadata.ownerReferences",)),),
)

CLAIM_DELETIONS: Final = Subject(
    "claim-deletions",
    "Keeps claims, and the data on their volumes, from being deleted.",
    (CLAIM,),
    (Part((Reads.CLAIM_DELETION,), ("spec",)),),
    operations=("DELETE",),
)

SECRET_WRITES: Final = Subject(
    "secret-writes",
    "Lets the store that owns a Secret write it, and nobody else.",
    (SECRET,),
    (
        # Who wrote which entry when is what the age of a secret is known by.
        Part(
            (Reads.SECRET_WRITE,),
            (
                "data",
                "type",
                "immutable",
                "metadata.annotations",
                "metadata.labels",
                "metadata.managedFields",
                "metadata.ownerReferences",
            ),
        ),
    ),
)

SECRET_DELETIONS: Final = Subject(
    "secret-deletions",
    "Lets the store that owns a Secret delete it, and nobody else.",
    (SECRET,),
    (Part((Reads.SECRET_DELETION,), ("data",)),),
    operations=("DELETE",),
)

SECRET_SOURCES: Final = Subject(
    "secret-sources",
    "Keeps what asks a store for a declared Secret as it was declared.",
    (
        EXTERNAL_SECRET,
        VAULT_STATIC_SECRET,
        VAULT_DYNAMIC_SECRET,
        Kind("secrets.hashicorp.com", "v1beta1", "VaultPKISecret", "vaultpkisecrets"),
        Kind("secrets.hashicorp.com", "v1beta1", "HCPVaultSecretsApp", "hcpvaultsecretsapps"),
        SECRET_PROVIDER_CLASS,
        CERTIFICATE,
    ),
    (Part((Reads.SECRET_SOURCE,), ("spec",), base="spec"),),
)

REQUESTS: Final = (
    SESSIONS,
    CLAIM_OWNERS,
    CLAIM_DELETIONS,
    SECRET_WRITES,
    SECRET_DELETIONS,
    SECRET_SOURCES,
)
"""What is judged by what is asked for, and by no object that is to be stored."""

_BY_KIND: Final = {kind.kind: subject for subject in SUBJECTS for kind in subject.kinds}
_GROUPS: Final = {kind.kind: kind.group for subject in SUBJECTS for kind in subject.kinds} | {
    "Scale": "autoscaling"
}


def subject_of(obj: Mapping[str, Any]) -> Subject | None:
    """Return what an object is judged as, or None for a kind that no rule reads.

    An object without an apiVersion, such as an item of a list that the API
    server answers, is known by its kind alone.
    """
    kind = str(obj.get("kind", ""))
    version = obj.get("apiVersion")
    if isinstance(version, str):
        group = version.rpartition("/")[0]
        if _GROUPS.get(kind) != group:
            return None
    return _BY_KIND.get(kind)
