"""What every API model has in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

RULES = "x-kubernetes-validations"


class ApiModel(BaseModel):
    """A frozen value with the camelCase names of the Kubernetes API.

    Unknown fields are ignored: the API server prunes them, and an operator
    that is older than its CRD must go on working.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        # An error must not carry what was put in: it may be logged.
        hide_input_in_errors=True,
    )


@dataclass(frozen=True)
class Matches:
    """Annotation of a string that a pattern describes as a whole, explained in words.

    The words take the place of the schema's own `pattern`, whose failure would
    show its author nothing but a regular expression. The pattern is kept to
    what Python and RE2 read alike, ASCII and without anchors: `$` would let
    Python accept a trailing line break.
    """

    pattern: str
    message: str

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), RULES: [validation(self.cel("self"), self.message)]}

    def check(self, value: str) -> str:
        """Return the value; raises ValueError in the words of the API server."""
        if re.fullmatch(self.pattern, value, re.ASCII) is None:
            raise ValueError(self.message)
        return value

    def cel(self, operand: str) -> str:
        """Return the same check as a CEL expression over `operand`."""
        return f"{operand}.matches(r'^(?:{self.pattern})$')"


def distinct(what: str, names: Iterable[str]) -> None:
    """Check that names are told apart; raises ValueError with those that are not."""
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ValueError(f"{what} declared twice: {', '.join(twice)}")


def bounded(items: int, **marks: Any) -> dict[str, Any]:
    """Return the schema marks of a list with room for some more items than are ever written.

    Bounds of the schema alone: a status that is too long for it is a defect to
    be seen in the API server's answer, and no reason to fail in its making.
    """
    return {"maxItems": items, **marks}


def list_map(*keys: str) -> dict[str, Any]:
    """Return the schema marks of a list whose items are told apart by `keys`."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def list_set() -> dict[str, Any]:
    """Return the schema mark of a list of distinct scalars."""
    return {"x-kubernetes-list-type": "set"}


def validation(
    rule: str,
    message: str,
    *,
    expression: str | None = None,
    field_path: str | None = None,
    reason: Literal[
        "FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"
    ] = "FieldValueInvalid",
) -> Mapping[str, str]:
    """Return one CRD validation rule.

    Args:
        rule: CEL that must be true for a valid value (`self`, `oldSelf`).
        message: what the user reads when `expression` cannot be evaluated.
        expression: CEL that yields the message, so that it can name the offender.
        field_path: JSON path of the field to blame, below the value judged.
        reason: machine-readable cause, one of the API server's field error reasons.
    """
    entry = {"rule": rule, "message": message, "reason": reason}
    if expression is not None:
        entry["messageExpression"] = expression
    if field_path is not None:
        entry["fieldPath"] = field_path
    return entry


def marked(*rules: Mapping[str, str]) -> dict[str, Any]:
    """Return the schema mark of a value that CRD validation rules judge."""
    return {RULES: [dict(rule) for rule in rules]}


def checked(*rules: Mapping[str, str]) -> ConfigDict:
    """Return the configuration of a model that CRD validation rules judge."""
    return ConfigDict(json_schema_extra=marked(*rules))
