"""Structural schemas from pydantic models.

pydantic speaks JSON Schema with references and unions; an API server takes
structural schemas only
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

Schema = dict[str, Any]

_DROPPED: Final = frozenset({"title", "$defs", "const", "default", "anyOf"})
_INT32_MAX: Final = 2**31 - 1


def structural(model: type[BaseModel]) -> Schema:
    """Return the schema of a model: inlined, typed, without titles.

    Raises:
        TypeError: the model says something that no structural schema can.
    """
    whole = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(whole, whole.get("$defs", {}))


def report(schema: Schema) -> Schema:
    """Return a schema for what a controller reports, in place of what a user declares.

    A report has no defaults, since an absent field means that nothing was said
    yet, and requires only what tells the items of a list apart: no report shall
    fail for a field that an older or newer operator leaves out.
    """
    lenient = {k: v for k, v in schema.items() if k not in ("default", "required")}
    if "properties" in schema:
        lenient["properties"] = {k: report(v) for k, v in schema["properties"].items()}
    if "items" in schema:
        lenient["items"] = report(schema["items"])
        if keys := schema.get("x-kubernetes-list-map-keys"):
            lenient["items"]["required"] = list(keys)
    return lenient


def _convert(node: Mapping[str, Any], defs: Mapping[str, Any]) -> Schema:
    if "$ref" in node:
        target = defs[str(node["$ref"]).rsplit("/", 1)[-1]]
        return _convert({**target, **{k: v for k, v in node.items() if k != "$ref"}}, defs)
    int_or_string = node.get("x-kubernetes-int-or-string", False)
    if "anyOf" in node and not int_or_string:
        options = [option for option in node["anyOf"] if option.get("type") != "null"]
        if len(options) != 1:
            raise TypeError(f"not structural: a union of {options}")
        rest = {k: v for k, v in node.items() if k not in ("anyOf", "default")}
        return _convert({**options[0], **rest}, defs)
    if "exclusiveMinimum" in node or "exclusiveMaximum" in node:
        raise TypeError("not structural: use ge and le, exclusive bounds are for no integer")
    schema: Schema = {k: v for k, v in node.items() if k not in _DROPPED}
    if int_or_string:
        schema["anyOf"] = node["anyOf"]
    if "const" in node:
        schema["enum"] = [node["const"]]
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if schema.get("type") == "integer":
        schema["format"] = (
            "int32" if schema.get("maximum", _INT32_MAX + 1) <= _INT32_MAX else "int64"
        )
    if "properties" in node:
        schema["properties"] = {k: _convert(v, defs) for k, v in node["properties"].items()}
    if "items" in node:
        schema["items"] = _convert(node["items"], defs)
        # `kubectl explain` prints both, the list's and its items', one after the other.
        schema["items"].pop("description", None)
    # Scalars only: a default for a list or an object would be written into
    # every stored object and take the difference from the declaration.
    default = node.get("default")
    if isinstance(default, str | int | bool):
        schema["default"] = default
    return schema
