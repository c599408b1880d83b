"""An object judged as the API server judges it by its CRD, from its file alone.

Three things can be wrong with it: a field that does not exist, a value that
cannot be, and parts that contradict each other. The API server knows all three
from the CRD; the same models and the same CEL are asked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_interface, ip_network
from typing import Any, Final

import cel
from pydantic import BaseModel, ValidationError

from phiwarden.api.amounts import parse_quantity
from phiwarden.api.base import RULES
from phiwarden.api.structural import Schema
from phiwarden.rulebook.dialect import FUNCTIONS, program

_Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class FieldError:
    """Why the API server would refuse an object.

    Attributes:
        path: JSON path of the field to blame.
        message: what is wrong, in the API server's words where a rule says it.
        rule: identifier of the rule of the rulebook that it breaks, None for a mere mistake.
    """

    path: str
    message: str
    rule: str | None = None


def schema_of(definition: Schema) -> Schema:
    """Return the schema of a CRD's only version."""
    (version,) = definition["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def value_errors(model: type[BaseModel], spec: Mapping[str, Any]) -> Iterator[FieldError]:
    """Yield the values of a spec that its model refuses."""
    try:
        model.model_validate(spec)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        places = [detail["loc"] for detail in details]
        for detail in details:
            if detail["type"] == "too_short" and _has_faulty_items(detail["loc"], places):
                continue  # pydantic does not count an item that it refuses
            message = detail["msg"].removeprefix("Value error, ")
            yield FieldError(_path(("spec", *detail["loc"])), message)


def _has_faulty_items(place: _Place, places: Iterable[_Place]) -> bool:
    return any(len(other) > len(place) and other[: len(place)] == place for other in places)


def _path(steps: _Place) -> str:
    joined = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return joined.removeprefix(".")


def unknown_fields(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    """Yield the fields that no schema knows: kubectl refuses them, and most are misspelt."""
    for step, child, below in _children(schema, value):
        if below is None:
            yield FieldError(f"{path}{step}", "unknown field")
        else:
            yield from unknown_fields(below, child, f"{path}{step}")


def _children(schema: Schema, value: Any) -> Iterator[tuple[str, Any, Schema | None]]:
    """Yield (step, value, schema) of everything in an object or list; None for an unknown field."""
    if isinstance(value, Mapping) and "properties" in schema:
        known = schema["properties"]
        for key, child in value.items():
            yield f".{key}", child, known.get(key)
    elif isinstance(value, list) and "items" in schema:
        for index, child in enumerate(value):
            yield f"[{index}]", child, schema["items"]


def defaulted(schema: Schema, value: Any) -> Any:
    """Return a value with the defaults that the API server fills in before it judges."""
    if isinstance(value, Mapping) and "properties" in schema:
        defaults = {
            key: known["default"]
            for key, known in schema["properties"].items()
            if "default" in known and key not in value
        }
        known = schema["properties"]
        filled = {k: defaulted(known[k], v) if k in known else v for k, v in value.items()}
        return filled | defaults
    if isinstance(value, list) and "items" in schema:
        return [defaulted(schema["items"], item) for item in value]
    return value


def contradictions(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    """Yield what the CRD's rules refuse; those over single values were judged with their form."""
    if isinstance(value, Mapping):
        rules = (rule for rule in schema.get(RULES, ()) if not _judges_change(rule))
        yield from _refused(rules, {"self": value}, path)
    for step, child, below in _children(schema, value):
        if below is not None:
            yield from contradictions(below, child, f"{path}{step}")


def refused_change(schema: Schema, old: Any, value: Any, path: str) -> Iterator[FieldError]:
    """Yield what the CRD's rules refuse of a change."""
    rules = (rule for rule in schema.get(RULES, ()) if _judges_change(rule))
    yield from _refused(rules, {"self": value, "oldSelf": old}, path)
    for step, child, below in _children(schema, value):
        before = _counterpart(schema, old, step, child)
        if below is not None and before is not None:
            yield from refused_change(below, before, child, f"{path}{step}")


def _judges_change(rule: Mapping[str, str]) -> bool:
    return "oldSelf" in rule["rule"]


def _counterpart(schema: Schema, old: Any, step: str, child: Any) -> Any:
    """Return what a part of a value was before, as the API server matches them; None if new."""
    if isinstance(old, Mapping):
        return old.get(step.removeprefix("."))
    keys = schema.get("x-kubernetes-list-map-keys", ())
    same = (item for item in old if keys and all(item.get(key) == child.get(key) for key in keys))
    return next(same, None)


def _refused(
    rules: Iterable[Mapping[str, str]], variables: Mapping[str, Any], path: str
) -> Iterator[FieldError]:
    """Yield what rules refuse of a value."""
    context: cel.Context | None = None
    for rule in rules:
        context = context or cel.Context(_escaped(variables), _FUNCTIONS)
        if _program(rule["rule"]).execute(context) is not True:
            told = rule.get("messageExpression")
            message = _program(told).execute(context) if told else rule["message"]
            where = f"{path}{rule.get('fieldPath', '')}".removeprefix(".")
            yield FieldError(where, message, _broken_rule(message))


def _broken_rule(message: str) -> str | None:
    named = re.search(r"\((PHI-[A-Z]+-[0-9]{3})\)", message)
    return named[1] if named else None


@cache
def _program(expression: str) -> cel.Program:
    return program(expression, "the rules of a CRD")


def _escaped(value: Any) -> Any:
    """Return a value with its fields named as CEL names them: `namespace` is a reserved word."""
    if isinstance(value, Mapping):
        return {
            "__namespace__" if key == "namespace" else key: _escaped(item)
            for key, item in value.items()
        }
    return [_escaped(item) for item in value] if isinstance(value, list) else value


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


# Of the API server's library for addresses, what the rules use; a range stands for itself.
def _compared(one: str, other: str) -> int:
    left, right = parse_quantity(one), parse_quantity(other)
    return (left > right) - (left < right)


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **FUNCTIONS,
    # Of the quantity library; there is nothing that this compares but quantities.
    "quantity": str,
    "compareTo": _compared,
    "isCIDR": _is_network,
    "cidr": lambda text: text,
    "prefixLength": lambda text: ip_network(text, strict=False).prefixlen,
    "ip": lambda text: str(ip_interface(text).ip),
    "family": lambda text: ip_interface(text).version,
}
