"""Amounts of CPU and memory, as Kubernetes writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from phiwarden.api.amounts import parse_quantity
from phiwarden.api.base import Matches, marked, validation


@dataclass(frozen=True)
class QuantityBounds:
    """Annotation of a Kubernetes quantity, written as a string or as a whole number."""

    pattern: Matches
    minimum: str
    too_small: str

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        quantity = "quantity(string(self))"
        matches = self.pattern.cel("string(self)")
        return {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "maxLength": handler(schema)["maxLength"],
            **marked(
                validation(matches, self.pattern.message),
                validation(
                    f"!{matches} || {quantity}.compareTo(quantity('{self.minimum}')) >= 0",
                    self.too_small,
                ),
            ),
        }

    def _check(self, value: str) -> str:
        if parse_quantity(self.pattern.check(value)) < parse_quantity(self.minimum):
            raise ValueError(self.too_small)
        return value


def _whole_number(value: object) -> object:
    # JSON's 8 and 8.0 are one integer to the API server.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Quantity = Annotated[str, Field(max_length=20), BeforeValidator(_whole_number)]

Cpu = Annotated[
    _Quantity,
    QuantityBounds(
        Matches(
            r"[0-9]{1,6}(\.[0-9]{1,3})?|[0-9]{1,9}m",
            'must be a number of cores such as "8", "0.5" or 500m',
        ),
        "1m",
        "must be more than 0: leave it out for no bound",
    ),
]

Memory = Annotated[
    _Quantity,
    QuantityBounds(
        Matches(
            r"[0-9]{1,13}(\.[0-9]{1,3})?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?",
            "must be a number of bytes such as 16Gi or 512Mi (m means thousandths, not mega)",
        ),
        "1Mi",
        "must be 1Mi or more: leave it out for no bound",
    ),
]
