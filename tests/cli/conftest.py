"""Fixtures of the command line's tests."""

from __future__ import annotations

import pytest

from phiwarden.cli import check

from .run import TODAY


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock on a day on which the examples' agreements are in force."""
    monkeypatch.setattr(check, "today", lambda: TODAY)
