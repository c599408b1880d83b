"""The CRD of PHIRelease: what an API server, a reader and a signature need of it."""

from __future__ import annotations

import pytest

from phiwarden.api import crd
from phiwarden.api.base import RULES
from phiwarden.api.release import Envelope, ReleaseSpec, Statement

from .test_crd import nodes

VERSION = crd.phirelease()["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
SPEC = dict(nodes(SCHEMA["properties"]["spec"], "spec"))
STATUS = dict(nodes(SCHEMA["properties"]["status"], "status"))
ALL = SPEC | STATUS


def test_every_field_is_described_in_a_sentence() -> None:
    silent = [
        path
        for path, node in ALL.items()
        if not path.endswith("[]") and not node.get("description", "").endswith(".")
    ]
    assert silent == []


def test_everything_that_is_signed_is_bounded() -> None:
    of = {kind: [n for n in SPEC.values() if n.get("type") == kind] for kind in ("string", "array")}
    assert all("maxLength" in node or "enum" in node for node in of["string"])
    assert all(node.get("maxItems") for node in of["array"])
    numbers = [node for node in SPEC.values() if node.get("type") == "integer"]
    assert numbers
    assert all({"minimum", "maximum"} <= node.keys() for node in numbers)


@pytest.mark.parametrize("path", SPEC)
def test_nothing_that_is_signed_has_a_default_or_is_merged(path: str) -> None:
    # Either would have the API server store other fields than those that were signed.
    assert "default" not in SPEC[path]
    assert "x-kubernetes-list-type" not in SPEC[path]


def test_what_is_not_signed_is_the_envelope_alone() -> None:
    assert set(ReleaseSpec.model_fields) - set(Statement.model_fields) == {"envelope"}
    assert set(SPEC["spec.envelope"]["properties"]) == {
        field.alias for field in Envelope.model_fields.values()
    }


def test_it_cannot_be_changed() -> None:
    assert "self == oldSelf" in [rule["rule"] for rule in SPEC["spec"][RULES]]


def test_a_column_reads_a_field_that_there_is() -> None:
    for column in VERSION["additionalPrinterColumns"]:
        path = column["jsonPath"].removeprefix(".").split("[?")[0]
        assert path in ALL or path == "metadata.creationTimestamp", column["name"]
