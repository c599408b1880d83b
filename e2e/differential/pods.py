"""What rules read of a pod and its template, at values near its edge."""

from __future__ import annotations

import json
from typing import Final

from hypothesis import strategies as st

from e2e.differential import containers, secrets, texts
from e2e.differential.near import ABSENT, Body, Edges, Values, fields, near, options, subset
from e2e.differential.storage import TEMPLATE_SPECS
from e2e.workloads import claim_spec
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example

_REGION: Final = "topology.kubernetes.io/region"
_TERMS: Final = st.lists(
    st.sampled_from(
        [
            {"key": _REGION, "operator": "In", "values": ["us-east-1"]},
            {"key": _REGION, "operator": "In", "values": ["us-east-1", "x"]},
            {"key": _REGION, "operator": "In", "values": ["us-east-1", "us-west-2"]},
            {"key": _REGION, "operator": "NotIn", "values": ["x"]},
            {"key": _REGION, "operator": "Exists"},
            {"key": "zone", "operator": "In", "values": ["us-east-1"]},
        ]
    ),
    max_size=2,
).map(lambda found: {"matchExpressions": found} if found else {})
_AFFINITY: Final = st.one_of(
    options(None, {}, {"nodeAffinity": {}}, {"nodeAffinity": None}),
    st.lists(_TERMS, min_size=1, max_size=2).map(
        lambda terms: {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
            }
        }
    ),
)
_TOKENS: Final = options(
    None, "", "vault", "https://kubernetes.default.svc", "kubernetes.default"
).map(
    lambda audience: {
        "serviceAccountToken": {
            "path": "token",
            **({} if audience is ABSENT else {"audience": audience}),
        }
    }
)
_SOURCES: Final = st.one_of(
    _TOKENS, st.sampled_from([{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}])
)
_KINDS: Final = st.sampled_from(
    [
        {},
        {"emptyDir": None},
        {"secret": {"secretName": "s"}},
        {"configMap": {"name": "c"}},
        {"downwardAPI": {"items": []}},
        {"persistentVolumeClaim": {"claimName": "c"}},
        {"ephemeral": {"volumeClaimTemplate": {"spec": claim_spec(None)}}},
        {"hostPath": {"path": "/x"}},
        {"hostPath": {"path": "/\u00e9\n"}},
        {"nfs": {"server": "10.0.0.9", "path": "/x"}},
        {"iscsi": {"targetPortal": "10.0.0.9:3260", "iqn": "iqn.2001-04.example:x", "lun": 0}},
        {"csi": {"driver": "s3.csi.example"}},
        {"flexVolume": {"driver": "example/driver"}},
        {"gcePersistentDisk": {"pdName": "x"}},
        {"projected": {}},
    ]
)
_SCRATCH: Final = subset(
    ("medium", st.sampled_from(["", "Memory", "HugePages", None])),
    ("sizeLimit", st.sampled_from(["1Gi", 0, None])),
).map(lambda scratch: {"emptyDir": scratch})
_EPHEMERAL: Final = TEMPLATE_SPECS.map(
    lambda spec: {"ephemeral": {"volumeClaimTemplate": {"spec": spec}}}
)
_IMAGES: Final = st.one_of(texts.NEAR_IMAGES, texts.IMAGES).map(
    lambda image: {"image": {"reference": image}}
)
_PROJECTED: Final = st.lists(_SOURCES, min_size=1, max_size=2).map(
    lambda found: {"projected": {"sources": found}}
)


def _volumes(values: Values) -> dict[str, Values]:
    """Return what stands in a pod's volumes: some of a sort, each with a name."""
    return {
        "volumes": st.lists(values, min_size=1, max_size=2).map(
            lambda found: [{"name": f"v{i}", **volume} for i, volume in enumerate(found)]
        )
    }


_IDENTITY: Final = (
    {
        "serviceAccountName": options("app", "other", "default", "", None),
        "serviceAccount": options("app", "other", None),
        "automountServiceAccountToken": containers.SWITCH,
    },
    {"automountServiceAccountToken": st.just(True)},
)
_SHARED: Final = {
    "hostNetwork": containers.SWITCH,
    "hostPID": containers.SWITCH,
    "hostIPC": containers.SWITCH,
    "hostUsers": options(True, None),
    "shareProcessNamespace": containers.SWITCH,
    "securityContext": options({}, None),
    "initContainers": options(None, []),
    "imagePullSecrets": secrets.PULLED,
}
_PLACED: Final = (
    {"nodeSelector": options({_REGION: "x"}, {}, None, {"a": "b"})},
    {
        "nodeSelector": st.sampled_from(
            [
                {_REGION: "us-west-2"},
                {_REGION: "us-east-1", "phiwarden.dev/scratch": "encrypted"},
                {_REGION: "us-east-1", "phiwarden.dev/scratch": "Encrypted"},
            ]
        )
    },
    {"affinity": _AFFINITY},
)
_STORED: Final = (
    {"volumes": options(None, [])},
    *map(_volumes, (_KINDS, _KINDS, _SCRATCH, _IMAGES, _PROJECTED, _EPHEMERAL, secrets.VOLUMES)),
)
_SYSCTLS: Final = st.lists(
    st.sampled_from(["net.ipv4.tcp_syncookies", "net.ipv4.tcp_rmem", "kernel.msgmax", "kernel/msgmax"]),
    max_size=2,
    unique=True,
).map(lambda found: [{"name": name, "value": "1"} for name in found])  # fmt: skip
_POD_SECURITY: Final = {
    "runAsNonRoot": containers.SWITCH,
    "runAsUser": options(0, 1000, None),
    "seccompProfile": containers.SECCOMP,
    "appArmorProfile": containers.APPARMOR,
    "seLinuxOptions": containers.SELINUX,
    "sysctls": _SYSCTLS,
    "windowsOptions": containers.WINDOWS,
}
_ANNOTATIONS: Final = st.dictionaries(
    st.sampled_from(
        ["example.com/a", "b", "kubectl.kubernetes.io/last-applied-configuration",
         "container.apparmor.security.beta.kubernetes.io/app",
         "container.apparmor.security.beta.kubernetes.io/gone", f"{'long.' * 30}example/a"]
    ),
    st.one_of(texts.TEXT, st.sampled_from(["unconfined", "runtime/default", "localhost/x", "localhost/", "Unconfined"])),
    max_size=2,
)  # fmt: skip


def good() -> Body:
    """Return a template with two containers, one that runs before them and one beside them."""
    template = examples.pod_template(Example())
    spec = template["spec"]
    (app,) = spec["containers"]
    setup = {key: value for key, value in app.items() if key != "readinessProbe"}
    spec["containers"] = [app, {**app, "name": "other"}]
    spec["initContainers"] = [
        {**setup, "name": "setup"},
        {**app, "name": "beside", "restartPolicy": "Always"},
    ]
    spec["volumes"] = [{"name": "tmp", "emptyDir": {"medium": "Memory"}}]
    # As a file: no two containers share a part, so that one is changed without the other.
    return json.loads(json.dumps(template))  # type: ignore[no-any-return]


def bad() -> Body:
    """Return the same, breaking rules that hold in every zone."""
    template = good()
    template["spec"]["hostPID"] = True
    template["spec"]["containers"][0]["image"] = "nginx"
    return template


def edges(template: str) -> Edges:
    """Return what is changed of `good`, which stands at a path ("" for a pod)."""
    spec = f"{template}.spec".removeprefix(".")
    return [
        *((spec, group) for group in (*_IDENTITY, _SHARED, *_PLACED, *_STORED)),
        (f"{spec}.securityContext", _POD_SECURITY),
        (f"{template}.metadata".removeprefix("."), {"annotations": _ANNOTATIONS}),
        *containers.edges(spec),
    ]


def late_edges(template: str) -> Edges:
    """Return what can be changed of a pod that waits, or of the template of a Job that does."""
    spec = f"{template}.spec".removeprefix(".")
    return [
        *((spec, group) for group in _PLACED),
        (f"{template}.metadata".removeprefix("."), {"annotations": _ANNOTATIONS}),
        *(containers.image_edges(spec) if template == "" else ()),
    ]


def debug_edges() -> Edges:
    """Return how a container is added to debug a running pod, as `kubectl debug` does it."""
    template = examples.pod_template(Example(), "ephemeralContainers")
    (usual,) = template["spec"]["ephemeralContainers"]
    changed = fields(containers.debug_edges())
    return [
        (
            "spec",
            {"ephemeralContainers": st.lists(near(usual, first, changed), min_size=1, max_size=1)},
        )
        for first in changed
    ]
