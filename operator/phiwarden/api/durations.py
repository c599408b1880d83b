"""Lengths of time, as declarations write them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from phiwarden.api.base import RULES, Matches, validation

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}

_FORM: Final = Matches(
    r"[1-9][0-9]{0,4}[mhd]",
    "must be a whole number of minutes, hours or days, such as 10m, 24h or 90d",
)


@dataclass(frozen=True)
class Units:
    """The two units that a duration may have.

    Attributes:
        smaller: letter of the smaller one.
        larger: letter of the larger one.
        ratio: how many of the smaller are one of the larger.
        form: what such a duration looks like.
    """

    smaller: str
    larger: str
    ratio: int
    form: Matches


LONG: Final = Units(
    smaller="h",
    larger="d",
    ratio=24,
    form=Matches(
        r"[1-9][0-9]{0,4}[hd]",
        "must be a whole number of hours or days, such as 24h or 90d",
    ),
)
SHORT: Final = Units(
    smaller="m",
    larger="h",
    ratio=60,
    form=Matches(
        r"[1-9][0-9]{0,4}[mh]",
        "must be a whole number of minutes or hours, such as 10m or 2h",
    ),
)

Duration = Annotated[str, Field(min_length=2, max_length=6), LONG.form]
"""A number of hours or days."""

ShortDuration = Annotated[str, Field(min_length=2, max_length=6), SHORT.form]
"""A number of minutes or hours."""


def to_timedelta(text: str) -> dt.timedelta:
    """Return a duration as a value.

    Raises:
        ValueError: it is no whole number of minutes, hours or days.
    """
    _FORM.check(text)
    return dt.timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


@dataclass(frozen=True)
class DurationBounds:
    """Annotation of a duration that lies between two others, or is one of them."""

    minimum: str
    maximum: str
    units: Units = LONG

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
        units = self.units
        size = (
            "int(self.substring(0, size(self) - 1))"
            f" * (self.endsWith('{units.larger}') ? {units.ratio} : 1)"
        )
        least, most = (_count(bound, units) for bound in (self.minimum, self.maximum))
        # What has not the form is told so by the other rule, and by that alone.
        within = f"!{units.form.cel('self')} || ({size} >= {least} && {size} <= {most})"
        return {**inner, RULES: [*inner.get(RULES, ()), validation(within, self._words)]}

    def _check(self, value: str) -> str:
        if not to_timedelta(self.minimum) <= to_timedelta(value) <= to_timedelta(self.maximum):
            raise ValueError(self._words)
        return value


def _count(text: str, units: Units) -> int:
    """Return a duration as a number of the smaller unit."""
    return to_timedelta(text) // to_timedelta(f"1{units.smaller}")
