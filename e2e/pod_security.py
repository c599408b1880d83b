"""The pods that the Pod Security Standards are tested with, by Kubernetes itself."""

from __future__ import annotations

import copy
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from e2e.controlplane import sources
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import CONTAINER_LISTS

Body = dict[str, Any]
MODULE = "k8s.io/pod-security-admission"
_MEMBER = re.compile(
    r"/test/testdata/(?P<level>baseline|restricted)/v1\.(?P<minor>\d+)"
    r"/(?P<verdict>pass|fail)/(?P<name>(?P<check>[a-z_]+?)\d*)\.yaml$"
)


@dataclass(frozen=True)
class Fixture:
    """A pod, and what the standards say of it.

    Attributes:
        level: baseline or restricted.
        minor: the newest Kubernetes 1.x whose standards ship it.
        passes: whether those standards, at that level, let it in.
        check: the check that it is made for, such as `hostports`; `base` for none.
        name: the check with a number.
        pod: the pod, as it was shipped.
    """

    level: str
    minor: int
    passes: bool
    check: str
    name: str
    pod: Body

    def __str__(self) -> str:
        return f"{self.level}/v1.{self.minor}/{'pass' if self.passes else 'fail'}/{self.name}"


def fixtures(minor: int) -> tuple[Fixture, ...]:
    """Return every distinct pod of the standards up to Kubernetes 1.<minor>, the newest first.

    Most pods are shipped again, unaltered, for each version of Kubernetes: they are told once.
    """
    seen: dict[bytes, Fixture] = {}
    with zipfile.ZipFile(sources.archive(MODULE)) as archive:
        for found in sorted(_members(archive), key=_newest_first):
            if int(found["minor"]) <= minor:
                text = archive.read(found.string)
                if text not in seen:
                    seen[text] = _fixture(found, text)
    return tuple(seen.values())


def _members(archive: zipfile.ZipFile) -> Iterator[re.Match[str]]:
    return (found for name in archive.namelist() if (found := _MEMBER.search(name)))


def _newest_first(found: re.Match[str]) -> tuple[int, bool, str, str]:
    return -int(found["minor"]), found["level"] != "restricted", found["verdict"], found["name"]


def _fixture(found: re.Match[str], text: bytes) -> Fixture:
    return Fixture(
        found["level"],
        int(found["minor"]),
        found["verdict"] == "pass",
        found["check"],
        found["name"],
        yaml.load(text, yaml.CSafeLoader),
    )


def bare(fixture: Fixture) -> Body:
    """Return the pod with what it takes to be judged as it stands.

    Its name is made one that the API server takes; left to itself, the API server would add the
    token of the default account to it.
    """
    pod = copy.deepcopy(fixture.pod)
    pod["metadata"]["name"] = fixture.name.replace("_", "-")
    pod["spec"].setdefault("automountServiceAccountToken", False)
    return pod


def dressed(fixture: Fixture) -> Body:
    """Return the pod with what the zone of the examples asks for beyond the standards.

    That is whatever a compliant pod there has, except its security contexts; what the fixture
    says itself goes first, except for the images.
    """
    pod = bare(fixture)
    base = examples.pod_template(Example())["spec"]
    (usual,) = base["containers"]
    for fields in (base, usual):
        fields.pop("securityContext")
    for containers in CONTAINER_LISTS:
        for container in pod["spec"].get(containers, ()):
            left_out = examples.NOT_IN.get(containers, ())
            wanted = {key: value for key, value in usual.items() if key not in left_out}
            container |= {**wanted, **container, "image": usual["image"]}
    pod["spec"] = {**base, **pod["spec"]}
    return pod
