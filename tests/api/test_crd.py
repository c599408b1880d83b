"""The CRD: what an API server and a reader of `kubectl explain` need of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import Field

from phiwarden.api import crd
from phiwarden.api.base import RULES, ApiModel
from phiwarden.api.structural import structural
from phiwarden.api.workload import WorkloadSpec

VERSION = crd.phiworkload()["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


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


def test_every_description_is_one_paragraph() -> None:
    assert [path for path, node in ALL.items() if "\n" in node.get("description", "")] == []


def test_every_list_is_bounded() -> None:
    lists = {path: node for path, node in ALL.items() if node.get("type") == "array"}
    assert lists
    assert [path for path, node in lists.items() if not node.get("maxItems")] == []


def test_every_string_of_a_declaration_is_bounded() -> None:
    strings = {path: node for path, node in SPEC.items() if node.get("type") == "string"}
    assert strings
    unbounded = [p for p, n in strings.items() if "maxLength" not in n and "enum" not in n]
    assert unbounded == []


def test_every_number_of_a_declaration_is_bounded() -> None:
    numbers = {path: node for path, node in SPEC.items() if node.get("type") == "integer"}
    assert numbers
    assert [p for p, n in numbers.items() if not {"minimum", "maximum"} <= n.keys()] == []


def test_only_scalars_have_defaults() -> None:
    defaults = {path: node["default"] for path, node in ALL.items() if "default" in node}
    assert defaults == {
        "spec.enforcement": "enforce",
        "spec.deletionPolicy": "Retain",
        "spec.rollback.keepRevisions": 2,
        "spec.rollback.onFailedRollout": False,
        "spec.rollback.progressDeadline": "10m",
        "spec.zones[].adopt": False,
        "spec.zones[].exposure": "none",
        "spec.zones[].images.requireRelease": False,
        "spec.zones[].exposedPorts[].protocol": "TCP",
        "spec.zones[].serviceAccounts[].apiAccess": False,
        "spec.flows[].ports[].protocol": "TCP",
        "spec.secrets[].source.externalSecret.storeKind": "ClusterSecretStore",
        "spec.secrets[].source.externalSecret.refreshInterval": "1h",
        "spec.secrets[].source.vaultStaticSecret.engine": "kv-v2",
        "spec.secrets[].source.vaultStaticSecret.refreshAfter": "1h",
        "spec.secrets[].onRotation": "Restart",
        "spec.volumes[].customerManagedKey": False,
    }


def test_a_report_requires_no_more_than_the_keys_of_its_lists() -> None:
    required = {path: node["required"] for path, node in STATUS.items() if "required" in node}
    assert required == {
        "status.conditions[]": ["type"],
        "status.secrets[]": ["zone", "name"],
        "status.storageClasses[]": ["name"],
        "status.zones[]": ["name"],
    }


def test_what_names_the_items_of_a_list_is_required() -> None:
    keyed = {p: n for p, n in ALL.items() if n.get("x-kubernetes-list-type") == "map"}
    assert set(keyed) >= {"spec.zones", "spec.externals", "spec.zones[].serviceAccounts"}
    for path, node in keyed.items():
        assert set(node["x-kubernetes-list-map-keys"]) <= set(ALL[f"{path}[]"]["required"])


def test_a_field_of_the_models_is_a_field_of_the_schema() -> None:
    assert set(SPEC["spec"]["properties"]) == {
        field.alias for field in WorkloadSpec.model_fields.values()
    }


def test_every_rule_has_a_message_that_names_no_regular_expression() -> None:
    rules = [rule for node in [SCHEMA, *ALL.values()] for rule in node.get(RULES, [])]
    assert len(rules) > 30
    assert all(rule["message"] and "^" not in rule["message"] for rule in rules)
    assert all("pattern" not in node for node in ALL.values())


def test_a_column_reads_a_field_that_there_is() -> None:
    for column in VERSION["additionalPrinterColumns"]:
        path = column["jsonPath"].removeprefix(".").split("[?")[0]
        assert path in ALL or path == "metadata.creationTimestamp", column["name"]


def test_a_union_of_two_types_is_no_structural_schema() -> None:
    class Either(ApiModel):
        value: int | str

    with pytest.raises(TypeError, match="union"):
        structural(Either)


def test_an_exclusive_bound_is_no_structural_schema() -> None:
    class Positive(ApiModel):
        value: Annotated[int, Field(gt=0)]

    with pytest.raises(TypeError, match="exclusive"):
        structural(Positive)


def test_an_integer_gets_the_format_that_holds_its_bounds() -> None:
    class Sizes(ApiModel):
        small: Annotated[int, Field(ge=1, le=65535)]
        large: int

    sizes = structural(Sizes)["properties"]
    assert (sizes["small"]["format"], sizes["large"]["format"]) == ("int32", "int64")
