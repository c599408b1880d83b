"""What makes a pod, in whatever order its owners are seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.remediation.owners import Owners, controller_of

NAMESPACE = "clinic"
GROUPS = {"ReplicaSet": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1", "Pod": "v1"}

Metadata = dict[str, Any]
Seen = tuple[str, str, Metadata]


def metadata(name: str, owner: str | None = None, **fields: Any) -> Metadata:
    """Return metadata whose uid is `uid-NAME`; the owner is written `Kind/name`."""
    found: Metadata = {"name": name, "uid": f"uid-{name}", **fields}
    if owner is not None:
        kind, _, named = owner.partition("/")
        found["ownerReferences"] = [
            {
                "apiVersion": GROUPS.get(kind, "apps/v1"),
                "kind": kind,
                "name": named,
                "uid": f"uid-{named}",
                "controller": True,
            }
        ]
    return found


STANDING: tuple[Seen, ...] = (
    ("Deployment", "web", metadata("web")),
    ("ReplicaSet", "web-1", metadata("web-1", "Deployment/web")),
    ("ReplicaSet", "own", metadata("own")),
    ("ReplicaSet", "rollout-1", metadata("rollout-1", "Rollout/rollout")),
    ("ReplicaSet", "stray", metadata("stray", "Deployment/gone")),
    ("StatefulSet", "db", metadata("db")),
    ("DaemonSet", "agent", metadata("agent")),
    ("CronJob", "nightly", metadata("nightly")),
    ("Job", "nightly-1", metadata("nightly-1", "CronJob/nightly")),
    ("Job", "once", metadata("once")),
    ("Job", "orphan", metadata("orphan", "CronJob/gone")),
)


def owners(*seen: Seen) -> Owners:
    known = Owners()
    for kind, name, found in seen:
        known.take(kind, NAMESPACE, name, found)
    return known


def makers(known: Owners, pod: Metadata) -> tuple[tuple[str, str], ...] | None:
    return known.makers(NAMESPACE, controller_of(pod))


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (None, ()),
        ("ReplicaSet/web-1", (("Deployment", "web"),)),
        ("ReplicaSet/own", ()),
        ("ReplicaSet/rollout-1", ()),
        ("ReplicaSet/stray", None),
        ("ReplicaSet/unseen", None),
        ("StatefulSet/db", (("StatefulSet", "db"),)),
        ("DaemonSet/agent", (("DaemonSet", "agent"),)),
        ("Job/once", (("Job", "once"),)),
        ("Job/nightly-1", (("Job", "nightly-1"), ("CronJob", "nightly"))),
        ("Job/orphan", (("Job", "orphan"),)),
        # Kinds that are followed and make no pods: nobody but a forger names them.
        ("Deployment/web", ()),
        ("CronJob/nightly", ()),
        ("ReplicationController/old", ()),
        ("Node/worker-1", ()),
    ],
)
@given(order=st.permutations(STANDING))
def test_what_makes_a_pod_does_not_depend_on_the_order_of_sight(
    order: list[Seen], owner: str | None, expected: tuple[tuple[str, str], ...] | None
) -> None:
    assert makers(owners(*order), metadata("pod", owner)) == expected


@pytest.mark.parametrize("api_version", ["training.example/v1", "v1", "apps.example/v1"])
def test_a_kind_of_somebody_else_that_has_the_same_name_makes_nothing(api_version: str) -> None:
    pod = metadata("pod", "Job/once")
    pod["ownerReferences"][0]["apiVersion"] = api_version
    assert makers(owners(*STANDING), pod) == ()


def test_a_later_version_of_a_group_is_the_same_group() -> None:
    pod = metadata("pod", "Job/once")
    pod["ownerReferences"][0]["apiVersion"] = "batch/v2"
    assert makers(owners(*STANDING), pod) == (("Job", "once"),)


@pytest.mark.parametrize("owner", ["ReplicaSet/web-1", "StatefulSet/db", "Job/once"])
def test_a_name_without_the_uid_that_goes_with_it_is_not_believed(owner: str) -> None:
    pod = metadata("pod", owner)
    pod["ownerReferences"][0]["uid"] = "forged"
    assert makers(owners(*STANDING), pod) is None


def test_a_replica_set_that_names_a_deployment_with_another_uid_is_not_believed() -> None:
    forged = metadata("web-1", "Deployment/web")
    forged["ownerReferences"][0]["uid"] = "forged"
    known = owners(*STANDING, ("ReplicaSet", "web-1", forged))
    assert makers(known, metadata("pod", "ReplicaSet/web-1")) is None


def test_an_owner_that_does_not_control_makes_nothing() -> None:
    pod = metadata("pod", "Job/once")
    pod["ownerReferences"][0]["controller"] = False
    assert makers(owners(*STANDING), pod) == ()


def test_an_owner_in_another_namespace_makes_nothing() -> None:
    known = owners(*STANDING)
    assert known.makers("other", controller_of(metadata("pod", "StatefulSet/db"))) is None


def test_what_is_gone_makes_nothing_any_more() -> None:
    known = owners(*STANDING)
    for kind, name, _ in STANDING:
        known.take(kind, NAMESPACE, name, None)
    for kind, name, _ in STANDING:
        assert not makers(known, metadata("pod", f"{kind}/{name}"))
    assert known == Owners()


def test_news_of_an_owner_are_its_uid_and_its_controller_alone() -> None:
    known = Owners()
    first, second = metadata("web-1", "Deployment/web"), metadata("web-1")
    before, now = known.take("ReplicaSet", NAMESPACE, "web-1", first)
    assert before is None
    assert now is not None
    same = known.take("ReplicaSet", NAMESPACE, "web-1", {**first, "labels": {"a": "b"}})
    assert same == (now, now)
    before, now = known.take("ReplicaSet", NAMESPACE, "web-1", second)
    assert before is not None
    assert now is not None
    assert (before.uid, now.controller) == (now.uid, None)
