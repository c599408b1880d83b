"""The place where objects are compared, and the report of what was compared there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.differential.comparing import Tally
from e2e.differential.place import Place, prepared
from e2e.rest import Rest


@pytest.fixture(scope="module")
def place(root: Rest, engineer: Rest) -> Iterator[Place]:
    with prepared(root, engineer) as made:
        yield made


@pytest.fixture(scope="module")
def report() -> Iterator[Tally]:
    """What all tests together compared; shown by `pytest -s`."""
    tally = Tally()
    yield tally
    print(f"\n{tally}")
