"""What has to be there before pods of a template can start."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.remediation.references import References, references


def needs(
    *secrets: str, claims: frozenset[str] = frozenset(), account: str = "default"
) -> References:
    return References(frozenset(secrets), claims, account)


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "app", **fields}


@pytest.mark.parametrize(
    ("pod", "found"),
    [
        ({}, needs()),
        ({"volumes": None, "containers": None}, needs()),
        ({"serviceAccountName": "app"}, needs(account="app")),
        ({"serviceAccount": "old"}, needs(account="old")),
        ({"volumes": [{"name": "a", "secret": {"secretName": "s"}}]}, needs("s")),
        (
            {"volumes": [{"name": "a", "secret": {"secretName": "s", "optional": False}}]},
            needs("s"),
        ),
        ({"volumes": [{"name": "a", "secret": {"secretName": "s", "optional": True}}]}, needs()),
        (
            {
                "volumes": [
                    {
                        "projected": {
                            "sources": [
                                {"secret": {"name": "a"}},
                                {"secret": {"name": "b", "optional": True}},
                                {"configMap": {"name": "c"}},
                                {"serviceAccountToken": {"path": "t"}},
                            ]
                        }
                    }
                ]
            },
            needs("a"),
        ),
        ({"volumes": [{"projected": {"sources": None}}, {"emptyDir": {}}]}, needs()),
        (
            {
                "volumes": [
                    {"persistentVolumeClaim": {"claimName": "data"}},
                    {"persistentVolumeClaim": {"claimName": "more", "readOnly": True}},
                ]
            },
            needs(claims=frozenset({"data", "more"})),
        ),
    ],
)
def test_what_is_mounted_has_to_be_there(pod: dict[str, Any], found: References) -> None:
    assert references({"spec": pod}) == found


@pytest.mark.parametrize("where", ["containers", "initContainers", "ephemeralContainers"])
def test_what_any_container_reads_has_to_be_there(where: str) -> None:
    read = container(
        env=[
            {"name": "A", "value": "plain"},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}},
            {
                "name": "C",
                "valueFrom": {"secretKeyRef": {"name": "c", "key": "k", "optional": True}},
            },
            {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "x"}}},
            {"name": "E", "valueFrom": None},
        ],
        envFrom=[
            {"secretRef": {"name": "f"}},
            {"secretRef": {"name": "g", "optional": True}},
            {"configMapRef": {"name": "h"}},
        ],
    )
    assert references({"spec": {where: [container(), read]}}) == needs("b", "f")


@pytest.mark.parametrize("template", [{}, {"spec": None}, {"spec": {}}, {"metadata": {}}])
def test_a_template_without_a_pod_needs_nothing(template: dict[str, Any]) -> None:
    assert references(template) == needs()


@given(st.lists(st.sampled_from("abcdef")), st.lists(st.sampled_from("abcdef")))
def test_each_need_is_told_once_and_none_is_lost(mounted: list[str], read: list[str]) -> None:
    volumes = [{"secret": {"secretName": name}} for name in mounted]
    pod = {
        "volumes": volumes,
        "containers": [container(envFrom=[{"secretRef": {"name": name}}]) for name in read],
    }
    assert references({"spec": pod}).secrets == {*mounted, *read}
