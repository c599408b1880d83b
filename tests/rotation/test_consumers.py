"""What of a pod template keeps the value of a secret that it started with."""

from __future__ import annotations

from typing import Any

import pytest

from phiwarden.rotation.consumers import env_secrets


def variable(name: str | None, **more: Any) -> dict[str, Any]:
    named = {} if name is None else {"name": name}
    return {"name": "X", "valueFrom": {"secretKeyRef": {**named, "key": "k", **more}}}


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({}, set()),
        ({"containers": [{"env": [variable("db")]}]}, {"db"}),
        ({"containers": [{"env": [variable("db", optional=True)]}]}, {"db"}),
        ({"containers": [{"envFrom": [{"secretRef": {"name": "db"}}]}]}, {"db"}),
        ({"initContainers": [{"env": [variable("db")]}]}, {"db"}),
        ({"ephemeralContainers": [{"env": [variable("db")]}]}, {"db"}),
        (
            {
                "initContainers": [{"env": [variable("a"), variable("b")]}],
                "containers": [
                    {"env": [variable("b")], "envFrom": [{"prefix": "X"}]},
                    {"envFrom": [{"secretRef": {"name": "c"}}, {"configMapRef": {"name": "d"}}]},
                ],
            },
            {"a", "b", "c"},
        ),
        # What is mounted follows a new value by itself.
        (
            {
                "containers": [{"env": [{"name": "X", "value": "db"}], "envFrom": None}],
                "volumes": [{"name": "v", "secret": {"secretName": "db"}}],
                "imagePullSecrets": [{"name": "registry"}],
            },
            set(),
        ),
        (
            {"containers": [{"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "db"}}}]}]},
            set(),
        ),
        ({"containers": [{"env": [variable(None), variable("")]}]}, set()),
        ({"containers": [{"env": None}], "initContainers": None}, set()),
    ],
)  # fmt: skip
def test_secrets_that_are_read_as_variables(pod: dict[str, Any], expected: set[str]) -> None:
    assert env_secrets({"spec": pod}) == expected


def test_a_template_without_a_spec_reads_nothing() -> None:
    assert env_secrets({}) == frozenset()
