"""Names that the API server, the chart and every other component agree on.

One definition for one fact: a label or annotation key is spelled here and
nowhere else. The chart's static text is rendered from these names.
"""

from __future__ import annotations

from typing import Final

GROUP: Final = "phiwarden.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

FIELD_MANAGER: Final = "phiwarden"
"""Field manager of every server-side apply, and value of `managed-by`."""

CLI_MANAGER: Final = "kubectl-phi"
"""Field manager of what somebody writes with `kubectl phi`: it is their word, not phiwarden's."""

FINALIZER: Final = f"{GROUP}/boundary"
"""Held only by a PHIWorkload whose deletionPolicy is Delete."""

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
"""Label of what the operator applies."""

PART_OF: Final = "app.kubernetes.io/part-of"
"""Label of the admission policies; helm takes `managed-by` for itself."""

# Labels of a zone's Namespace: what selectors need.
WORKLOAD: Final = f"{GROUP}/workload"
ZONE: Final = f"{GROUP}/zone"
DATA: Final = f"{GROUP}/data"
ENVIRONMENT: Final = f"{GROUP}/environment"
IMPACT: Final = f"{GROUP}/impact"
ENFORCEMENT: Final = f"{GROUP}/enforcement"
EXPOSURE: Final = f"{GROUP}/exposure"
BOUNDARY_LABELS: Final = (WORKLOAD, ZONE, DATA, ENVIRONMENT, IMPACT, ENFORCEMENT, EXPOSURE)

QUARANTINE: Final = f"{GROUP}/quarantine"
"""Label of a pod that is cut off from flows; value: see `boundary.model.Quarantine`."""

# Labels of what backups are made of, beside workload and zone.
VOLUME: Final = f"{GROUP}/volume"
"""Name of the declared volume that a VolumeSnapshot is of."""
CLAIM_UID: Final = f"{GROUP}/claim-uid"
"""Uid of the claim that a VolumeSnapshot is of: another one of the same name is not it."""
RESTORE_TEST: Final = f"{GROUP}/restore-test"
"""Label of a claim that a snapshot is restored into for a test; names the volume."""

RELIED_ON: Final = f"{GROUP}/relied-on"
"""Label ("true") of a StorageClass that the API server takes for encrypted on a zone's word."""

# Annotations of a zone's Namespace: lists that the rules read, comma separated.
BOUNDARY_PREFIX: Final = f"boundary.{GROUP}/"
FORMAT: Final = f"{BOUNDARY_PREFIX}format"
REGISTRIES: Final = f"{BOUNDARY_PREFIX}registries"
SERVICE_ACCOUNTS: Final = f"{BOUNDARY_PREFIX}service-accounts"
API_ACCESS: Final = f"{BOUNDARY_PREFIX}api-access"
REGIONS: Final = f"{BOUNDARY_PREFIX}regions"
DESTINATIONS: Final = f"{BOUNDARY_PREFIX}destinations"
CLUSTER_ROLES: Final = f"{BOUNDARY_PREFIX}cluster-roles"
HELD: Final = f"{BOUNDARY_PREFIX}held"
BOUNDARY_ANNOTATIONS: Final = (
    FORMAT,
    REGISTRIES,
    SERVICE_ACCOUNTS,
    API_ACCESS,
    REGIONS,
    DESTINATIONS,
    CLUSTER_ROLES,
    HELD,
)
STORAGE_CLASSES: Final = f"{BOUNDARY_PREFIX}storage-classes"
WITHHELD_CLAIMS: Final = f"{BOUNDARY_PREFIX}withheld-claims"
SECRETS: Final = f"{BOUNDARY_PREFIX}secrets"
OVERDUE_SECRETS: Final = f"{BOUNDARY_PREFIX}overdue-secrets"
OWNED_SECRETS: Final = f"{BOUNDARY_PREFIX}owned-secrets"
EXCEPTIONS: Final = f"{BOUNDARY_PREFIX}exceptions"
RELEASES: Final = f"{BOUNDARY_PREFIX}releases"
"""Unlike the others it says something by being there: that the zone asks for releases."""
KEEP_REVISIONS: Final = f"{BOUNDARY_PREFIX}keep-revisions"
"""A number, not a list."""
OPTIONAL_ANNOTATIONS: Final = (
    STORAGE_CLASSES,
    WITHHELD_CLAIMS,
    SECRETS,
    OVERDUE_SECRETS,
    OWNED_SECRETS,
    EXCEPTIONS,
    RELEASES,
    KEEP_REVISIONS,
)
"""Those that an older version did not write: a zone that lacks them has none of the kind, and of a
number the least that can be declared."""

FORMAT_VERSION: Final = "1"
"""Value of the format annotation; rules refuse a boundary that they cannot read."""

ROTATED_AT: Final = f"{GROUP}/rotated-at"
"""Annotation of a Secret: when its value was changed last, on the word of whoever delivers it."""

NOT_AFTER: Final = f"{GROUP}/not-after"
"""Annotation of a Secret: when its certificate ends, on the word of whoever delivers it."""

RESTARTED_AT: Final = f"{GROUP}/restarted-at"
"""Annotation of a pod template: why it was rolled over, which is the rotation of a secret."""

PAUSE_UNTIL: Final = f"{GROUP}/pause-until"
"""Annotation of a workload: until when (RFC 3339) nothing is put back in it, by people on call."""

PAUSE_REASON: Final = f"{GROUP}/pause-reason"
"""Annotation beside it: why, for those who read the record."""

SUBMITTED_BY: Final = f"{GROUP}/submitted-by"
"""Annotation of a PHIRelease: user name of who brought it, which the API server holds them to."""

SUBMITTED_BY_UID: Final = f"{GROUP}/submitted-by-uid"
"""Annotation beside it: their uid, where the API server knows one."""

# Pod Security admission, https://kubernetes.io/docs/concepts/security/pod-security-admission/
POD_SECURITY: Final = "pod-security.kubernetes.io/"

REGION: Final = "topology.kubernetes.io/region"
"""Label of a node that tells where it is."""

NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
"""Label that the API server sets on every Namespace and nobody can change."""
