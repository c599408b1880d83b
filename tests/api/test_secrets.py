"""Names of entries in stores."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from phiwarden.api.secrets import Locator


def test_a_long_name_that_is_none_is_refused_at_once() -> None:
    # An expression that can be met in many ways takes for ever to find that it is not met at all.
    with pytest.raises(ValidationError, match="without white space"):
        TypeAdapter(Locator).validate_python(f"{'a/' * 500} ")
