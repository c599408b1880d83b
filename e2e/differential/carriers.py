"""Everything that carries a pod template: pods, workloads, templates and cron jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hypothesis import strategies as st

from e2e.differential import pods
from e2e.differential.near import LABELLED, Body, Edges, Form, Values, options, subset
from e2e.differential.storage import TEMPLATE_SPECS
from phiwarden.rulebook import examples
from phiwarden.rulebook.shapes import CRONJOBS, PODS, TEMPLATES, WORKLOADS, Kind, Shape

_AMOUNTS: Final = st.sampled_from(
    [None, 0, 1, 2, 3, "0%", "1%", "50%", "99%", "100%", "0100%", "1", "2"]
)
_ROLLING: Final = st.one_of(
    options(None, {}),
    subset(("maxUnavailable", _AMOUNTS), ("maxSurge", st.sampled_from([0, 1, "25%"]))),
)
# Of a StatefulSet the API server drops maxUnavailable, unless a feature gate is open:
# https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
_PARTITION: Final = options(None, {}, {"partition": 1})
_REPLICAS: Final[dict[str, Values]] = {"replicas": options(None, 0, 1, 2, 3)}
_HISTORY: Final[dict[str, Values]] = {"revisionHistoryLimit": options(1, 2, 0, 5, 10, 12, None)}


def _strategy(other: str, rolling: Values = _ROLLING) -> dict[str, Values]:
    return {"type": options(None, "", "RollingUpdate", other), "rollingUpdate": rolling}


_CLAIMS: Final = st.lists(TEMPLATE_SPECS, max_size=2).map(
    lambda specs: [{"metadata": {"name": f"c{i}"}, "spec": spec} for i, spec in enumerate(specs)]
)
_RETENTION: Final = options(
    {"whenDeleted": "Delete"},
    {"whenScaled": "Delete"},
    {"whenDeleted": "Delete", "whenScaled": "Delete"},
    {"whenDeleted": "Delete", "whenScaled": "Retain"},
    {"whenDeleted": "Retain"},
)
_WHOLE: Final = options(None, {})
_SETTINGS: Final[dict[str, Edges]] = {
    "Deployment": [
        ("spec", {**_REPLICAS, **_HISTORY, "strategy": _WHOLE}),
        ("spec.strategy", _strategy("Recreate")),
    ],
    "StatefulSet": [
        (
            "spec",
            {
                **_REPLICAS,
                **_HISTORY,
                "updateStrategy": _WHOLE,
                "persistentVolumeClaimRetentionPolicy": _RETENTION,
            },
        ),
        ("spec.updateStrategy", _strategy("OnDelete", _PARTITION)),
        ("spec", {"volumeClaimTemplates": st.one_of(options(None), _CLAIMS)}),
    ],
    "DaemonSet": [
        ("spec", {**_HISTORY, "updateStrategy": _WHOLE}),
        ("spec.updateStrategy", _strategy("OnDelete")),
    ],
}
_POOR_SETTINGS: Final[dict[str, Body]] = {
    "Deployment": {"replicas": 1, "strategy": {"type": "Recreate"}},
    "StatefulSet": {
        "replicas": 1,
        "revisionHistoryLimit": 1,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
    },
    "DaemonSet": {"updateStrategy": {"type": "OnDelete"}},
}
# What is stored, while its zone does not enforce yet, rests where its kind can.
_IDLE: Final[dict[str, Body]] = {
    "Pod": {"schedulingGates": [{"name": "example.com/later"}]},
    "Deployment": {"paused": True},
    "ReplicaSet": {"replicas": 0},
    "ReplicationController": {"replicas": 0},
    "Job": {"suspend": True},
    "CronJob": {"suspend": True},
}


def _form(shape: Shape, kind: Kind) -> Form:
    good = examples.manifest(kind, pods.good())
    bad = examples.manifest(kind, pods.bad())
    for body in (good, bad):
        # Whatever selects the pods of a template must not take a stored pod for one of them.
        body["metadata"].pop("labels", None)
        body["spec"] |= _IDLE.get(kind.kind, {})
    bad["spec"] |= _POOR_SETTINGS.get(kind.kind, {})
    edges = [*pods.edges(shape.path.removeprefix(".")), *_SETTINGS.get(kind.kind, ()), LABELLED]
    return Form(kind, good, bad, edges)


def _scale(kind: Kind) -> Form:
    """Return the number of replicas of a kind, as `kubectl scale` sets it."""
    head = {"apiVersion": "autoscaling/v1", "kind": "Scale"}
    return Form(
        kind,
        {**head, "spec": {"replicas": 2}},
        {**head, "spec": {"replicas": 1}},
        [("spec", {"replicas": st.sampled_from([1, 0, 2, 3, None])})],
        through="scale",
    )


NEW: Final = {
    shape.name: tuple(_form(shape, kind) for kind in shape.kinds)
    for shape in (PODS, WORKLOADS, TEMPLATES, CRONJOBS)
}
"""What is created, by the name of its subject."""


def _late(shape: Shape, form: Form) -> Form:
    """Return the form with those changes alone that the API server takes."""
    return replace(form, edges=[*pods.late_edges(shape.path.removeprefix(".")), LABELLED])


_POD: Final = NEW[PODS.name][0]
_DEBUGGED: Final = replace(_POD, edges=pods.debug_edges(), through="ephemeralcontainers")
_REPLICA_SET, _REPLICATION_CONTROLLER, _JOB = NEW[TEMPLATES.name]
_DEPLOYMENT, _STATEFUL_SET, _ = WORKLOADS.kinds

CHANGED: Final = {
    **NEW,
    PODS.name: (_late(PODS, _POD), _DEBUGGED),
    TEMPLATES.name: (_REPLICA_SET, _REPLICATION_CONTROLLER, _late(TEMPLATES, _JOB)),
    "scale": (_scale(_DEPLOYMENT), _scale(_STATEFUL_SET)),
}
"""What is changed, by the name of its subject."""
