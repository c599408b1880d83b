"""The same objects in another form: as a list, in an old version, in another encoding."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from e2e.bypass.pods import (
    DEPLOYMENT,
    GOOD,
    KINDS,
    POD,
    TAGGED,
    Body,
    bad,
    fresh,
    good,
    refused,
)
from e2e.controlplane import ControlPlane, Options, start
from e2e.rest import JSON, Rest, connect
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.shapes import Kind

UNJUDGED = {("", "v1", "PodTemplate"): "nothing makes pods of it"}
JUDGED = {(kind.group, kind.version, kind.kind) for kind in KINDS}


@pytest.fixture(scope="module")
def everything_served(binaries: None) -> Iterator[ControlPlane]:
    """An API server that serves every version it knows, alpha and beta ones as well."""
    options = Options(
        controller_manager=False,
        scheduler=False,
        kwok=False,
        flags={"kube-apiserver": ("--runtime-config=api/all=true",)},
    )
    with start(options) as running:
        yield running


def test_every_kind_that_carries_a_pod_is_judged_in_every_version(
    engineer: Rest, everything_served: ControlPlane
) -> None:
    """A new kind or version of Kubernetes is a new way in, and fails here first."""
    assert kinds_with_a_pod(engineer) == JUDGED | UNJUDGED.keys()
    assert kinds_with_a_pod(connect(everything_served.kubeconfig)) == JUDGED | UNJUDGED.keys()


def kinds_with_a_pod(rest: Rest) -> set[tuple[str, str, str]]:
    """Return (group, version, kind) of whatever holds a pod's spec, lists of such objects apart."""
    definitions = rest.get("/openapi/v2").body["definitions"]
    direct = {name: set(_references(schema)) for name, schema in definitions.items()}
    return {
        (each["group"], each["version"], each["kind"])
        for name, schema in definitions.items()
        for each in schema.get("x-kubernetes-group-version-kind", ())
        if not each["kind"].endswith("List")
        and "io.k8s.api.core.v1.PodSpec" in _reachable(name, direct)
    }


def _references(schema: Any) -> Iterator[str]:
    match schema:
        case {"$ref": str(reference)}:
            yield reference.removeprefix("#/definitions/")
        case dict():
            for each in schema.values():
                yield from _references(each)
        case list():
            for each in schema:
                yield from _references(each)


def _reachable(name: str, direct: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = {name}
    while ahead:
        seen |= ahead
        ahead = {found for each in ahead for found in direct[each]} - seen
    return seen


RETIRED = ("extensions/v1beta1", "apps/v1beta1", "apps/v1beta2", "batch/v1beta1", "batch/v2alpha1")


@pytest.mark.parametrize("version", [*RETIRED, "v0", "apps/v2"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_no_other_version_of_a_kind_is_taken(
    zone: str, engineer: Rest, root: Rest, kind: Kind, version: str
) -> None:
    name = fresh("old")
    body = {**bad(kind, name), "apiVersion": version}
    assert engineer.create(collection(kind, zone), body).code == 400
    prefix = "apis" if "/" in version else "api"
    elsewhere = f"/{prefix}/{version}/namespaces/{zone}/{kind.plural}"
    assert engineer.create(elsewhere, body).code == 404
    assert root.get(f"{collection(kind, zone)}/{name}").code == 404


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_no_list_is_taken_for_an_object(zone: str, engineer: Rest, root: Rest, kind: Kind) -> None:
    """It is kubectl that takes a List apart; the API server takes one object."""
    name = fresh("listed")
    for listed in ("List", f"{kind.kind}List"):
        version = "v1" if listed == "List" else kind.api_version
        body = {"apiVersion": version, "kind": listed, "items": [bad(kind, name)]}
        assert engineer.create(collection(kind, zone), body).code == 400
    assert root.get(f"{collection(kind, zone)}/{name}").code == 404


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_no_path_but_its_own_takes_an_object(
    zone: str, engineer: Rest, root: Rest, kind: Kind
) -> None:
    name = fresh("misled")
    body = bad(kind, name)
    body["metadata"]["namespace"] = zone
    elsewhere = collection(kind, "default")
    assert engineer.create(elsewhere, body).code == 400
    everywhere = elsewhere.replace("/namespaces/default", "")
    assert engineer.create(everywhere, body).code == 405
    assert engineer.request("PUT", f"{collection(kind, zone)}/{name}", body).code == 404
    assert root.get(f"{collection(kind, zone)}/{name}").code == 404


def _json(body: Body, old: str, new: str) -> bytes:
    text = json.dumps(body)
    assert old in text
    return text.replace(old, new).encode()


def _image(body: Body, instead: str) -> bytes:
    return _json(body, f'"image": "{GOOD}"', instead)


def _security(body: Body, more: str) -> bytes:
    return _json(body, '"runAsNonRoot": true', f'"runAsNonRoot": true, {more}')


def _container(body: Body, more: str) -> bytes:
    usual = '"allowPrivilegeEscalation": false'
    return _json(body, usual, f"{usual}, {more}")


YAML = "application/yaml"


def _bodies(name: str) -> dict[str, tuple[int, bytes, str]]:
    """Return (code, body, content type) of each attempt on a pod."""
    right = good(POD, name)
    twice = yaml.safe_dump(right).replace(f"image: {GOOD}", f"image: {GOOD}\n    image: {TAGGED}")
    return {
        "yaml": (403, yaml.safe_dump(bad(POD, name)).encode(), YAML),
        "yaml, the image twice, the bad one last": (403, twice.encode(), YAML),
        "the image twice, the bad one last": (
            403,
            _image(right, f'"image": "{GOOD}", "image": "{TAGGED}"'),
            JSON,
        ),
        "the image twice, the bad one first": (
            201,
            _image(right, f'"image": "{TAGGED}", "image": "{GOOD}"'),
            JSON,
        ),
        "the image in other letters": (
            201,
            _image(right, f'"image": "{GOOD}", "Image": "{TAGGED}", "IMAGE": "{TAGGED}"'),
            JSON,
        ),
        "the spec twice, part of it in the first": (
            403,
            _json(right, '"spec": ', '"spec": {"hostPID": true}, "spec": '),
            JSON,
        ),
        "user minus nought": (403, _security(right, '"runAsUser": -0'), JSON),
        "user nought, with a fraction": (400, _security(right, '"runAsUser": 0.0'), JSON),
        "user nought, with an exponent": (400, _security(right, '"runAsUser": 0e0'), JSON),
        "user nought, as text": (400, _security(right, '"runAsUser": "0"'), JSON),
        "user below nought": (422, _security(right, '"runAsUser": -1'), JSON),
        "user that wraps round": (422, _security(right, '"runAsUser": 4294967296'), JSON),
        "user beyond any number": (400, _security(right, f'"runAsUser": {10**30}'), JSON),
        "privileged as text": (400, _container(right, '"privileged": "true"'), JSON),
        "privileged as a number": (400, _container(right, '"privileged": 1'), JSON),
        "nested beyond all depth": (
            400,
            _json(right, '"spec": ', f'"deep": {"[" * 20_000}{"]" * 20_000}, "spec": '),
            JSON,
        ),
        "no encoding at all": (400, bytes(range(256)), JSON),
        "protobuf in name only": (
            400,
            json.dumps(bad(POD, name)).encode(),
            "application/vnd.kubernetes.protobuf",
        ),
        "beyond what a request may hold": (
            413,
            _json(right, '"app": "app"', f'"app": "{"x" * 4_000_000}"'),
            JSON,
        ),
    }


@pytest.mark.parametrize("attempt", _bodies("any"))
def test_no_encoding_says_one_thing_and_stores_another(
    zone: str, engineer: Rest, root: Rest, attempt: str
) -> None:
    name = fresh("encoded")
    code, body, content = _bodies(name)[attempt]
    answer = engineer.request("POST", collection(POD, zone), body, content=content)
    assert answer.code == code, answer.body
    if code == 403:
        assert "PHI-" in answer.message
    stored = root.get(f"{collection(POD, zone)}/{name}")
    assert stored.ok == answer.ok
    if stored.ok:
        assert [container["image"] for container in stored.body["spec"]["containers"]] == [GOOD]
        assert engineer.delete(f"{collection(POD, zone)}/{name}").ok


HEADERS = {
    "User-Agent": "kube-controller-manager/v1.36.3",
    "X-Remote-User": "system:kube-controller-manager",
    "X-Remote-Group": "system:masters",
}


def test_nobody_becomes_somebody_else_by_a_header_or_a_name(
    zone: str, engineer: Rest, root: Rest
) -> None:
    disguised = Rest(engineer.host, engineer.context, {**engineer.headers, **HEADERS})
    for kind in (POD, DEPLOYMENT):
        name = fresh("disguised")
        path = collection(kind, zone)
        refused(disguised.create(path, bad(kind, name)))
        for query in ({"fieldManager": "phiwarden"}, {"fieldValidation": "Ignore"}):
            refused(engineer.request("POST", path, bad(kind, name), **query))
        assert root.get(f"{path}/{name}").code == 404
