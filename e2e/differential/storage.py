"""Claims of volumes, snapshots of them, and who may refer to either."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from e2e.differential.kinds import kind_of, manifest
from e2e.differential.near import LABELLED, Form, Values, options, subset
from e2e.workloads import claim_spec

CLASSES: Final = options(
    "", "fast-encrypted", "fast", "fast-encrypted2", "lab.disks", "lab-disks", "fast-encrypted.lab.disks"
)  # fmt: skip

_CLAIM_KIND: Final = {"kind": "PersistentVolumeClaim", "name": "c"}
_SNAPSHOT_KIND: Final = {
    "apiGroup": "snapshot.storage.k8s.io",
    "kind": "VolumeSnapshot",
    "name": "s",
}
_KNOWN_SOURCES: Final = (
    _CLAIM_KIND,
    {"apiGroup": "", **_CLAIM_KIND},
    _SNAPSHOT_KIND,
)
_STRANGE_SOURCES: Final = (
    {"apiGroup": "other.example", **_CLAIM_KIND},
    {**_SNAPSHOT_KIND, "apiGroup": "snapshot.storage.k8s.io.example"},
    {"kind": "VolumeSnapshot", "name": "s"},
    {"apiGroup": "importer.example", "kind": "VolumeImportSource", "name": "x"},
)
# A claim that is filled from another namespace is seen in e2e/guard: a cluster without the feature
# gate for it drops the field of a claim, and keeps it in a template.
_SOURCES: Final = options(None, *_KNOWN_SOURCES, *_STRANGE_SOURCES)
_NAMESPACED: Final = options(
    None,
    *_KNOWN_SOURCES,
    *_STRANGE_SOURCES,
    *({**source, "namespace": "other"} for source in _KNOWN_SOURCES),
    {**_CLAIM_KIND, "namespace": ""},
)
_VOLUMES: Final = options(None, "", "pv-1")


TEMPLATE_SPECS: Final[Values] = subset(
    ("storageClassName", st.sampled_from(["fast-encrypted", "fast", "", None])),
    ("dataSource", st.sampled_from([*_KNOWN_SOURCES, *_STRANGE_SOURCES, None])),
    ("dataSourceRef", _NAMESPACED.filter(lambda source: isinstance(source, dict))),
    ("volumeName", st.sampled_from(["", "pv-1", None])),
).map(lambda fields: {**claim_spec("fast-encrypted"), **fields})
"""Specs of claims that are made for pods."""

_CLAIM: Final = kind_of("PersistentVolumeClaim")
_CLAIMS: Final = Form(
    _CLAIM,
    manifest(_CLAIM, {"spec": claim_spec("fast-encrypted")}),
    manifest(_CLAIM, {"spec": claim_spec("fast")}),
    [
        LABELLED,
        ("spec", {"storageClassName": CLASSES, "volumeName": _VOLUMES}),
        ("spec", {"dataSource": _SOURCES, "dataSourceRef": _SOURCES}),
        ("metadata", {"name": st.sampled_from(["app", "withheld", "withheld2", "with"])}),
    ],
)

_SNAPSHOT: Final = kind_of("VolumeSnapshot")
_SNAPSHOTS: Final = Form(
    _SNAPSHOT,
    manifest(_SNAPSHOT, {"spec": {"source": {"persistentVolumeClaimName": "records"}}}),
    manifest(_SNAPSHOT, {"spec": {"source": {"volumeSnapshotContentName": "content"}}}),
    [
        LABELLED,
        ("spec", {"volumeSnapshotClassName": options("x"), "source": options({}, None)}),
        (
            "spec.source",
            {
                "persistentVolumeClaimName": options("records", "other"),
                "volumeSnapshotContentName": options(None, "", "content", "other"),
            },
        ),
    ],
)

_GRANT: Final = kind_of("ReferenceGrant")


def _of_kinds(*kinds: str) -> Values:
    """Return a list of what a grant is about, of these kinds or of none."""
    of_kind = st.fixed_dictionaries(
        {"kind": st.sampled_from(kinds)}, optional={"name": st.just("x")}
    )
    return st.one_of(options(None, [], [{}]), st.lists(of_kind, min_size=1, max_size=2))


_PEERS: Final = _of_kinds("HTTPRoute", "PersistentVolumeClaim", "persistentvolumeclaim")
_TARGETS: Final = _of_kinds("Service", "Secret", "PersistentVolumeClaim", "VolumeSnapshot", "")
_GRANTS: Final = Form(
    _GRANT,
    manifest(_GRANT, {"spec": {"from": [{"kind": "HTTPRoute"}], "to": [{"kind": "Service"}]}}),
    manifest(
        _GRANT,
        {"spec": {"from": [{"kind": "PersistentVolumeClaim"}], "to": [{"kind": "VolumeSnapshot"}]}},
    ),
    [
        LABELLED,
        ("", {"spec": options(None, {})}),
        ("spec", {"from": _PEERS, "to": _TARGETS}),
    ],
)

NEW: Final = {"claims": (_CLAIMS,), "snapshots": (_SNAPSHOTS,), "references": (_GRANTS,)}
"""What is created, by the name of its subject."""

CHANGED: Final = NEW
"""What is changed, by the name of its subject."""
