"""Lengths of time, as declarations write them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from phiwarden.api.base import RULES, Matches, validation

_FORM: Final = Matches(
    r"[1-9][0-9]{0,4}[hd]",
    "must be a whole number of hours or days, such as 24h or 90d",
)

Duration = Annotated[str, Field(min_length=2, max_length=6), _FORM]
"""A number of hours or days."""

_UNITS: Final = {"h": "hours", "d": "days"}


def to_timedelta(text: str) -> dt.timedelta:
    """Return a duration as a value.

    Raises:
        ValueError: it is no whole number of hours or days.
    """
    _FORM.check(text)
    return dt.timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


@dataclass(frozen=True)
class DurationBounds:
    """Annotation of a Duration that lies between two others, or is one of them."""

    minimum: str
    maximum: str

    @property
    def _words(self) -> str:
        return f"must be between {self.minimum} and {self.maximum}"

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        inner = handler(schema)
        hours = "int(self.substring(0, size(self) - 1)) * (self.endsWith('d') ? 24 : 1)"
        least, most = (_hours(bound) for bound in (self.minimum, self.maximum))
        # What has not the form is told so by the other rule, and by that alone.
        within = f"!{_FORM.cel('self')} || ({hours} >= {least} && {hours} <= {most})"
        return {**inner, RULES: [*inner.get(RULES, ()), validation(within, self._words)]}

    def _check(self, value: str) -> str:
        if not to_timedelta(self.minimum) <= to_timedelta(value) <= to_timedelta(self.maximum):
            raise ValueError(self._words)
        return value


def _hours(text: str) -> int:
    return to_timedelta(text) // dt.timedelta(hours=1)
