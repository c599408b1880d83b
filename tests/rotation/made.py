"""Secrets, their deliveries and declarations to decide about."""

from __future__ import annotations

import datetime as dt
from typing import Any

from phiwarden.api.secrets import DeclaredSecret
from phiwarden.rotation.model import Delivery, LastChange, Secret

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
YOUNG = NOW - 10 * DAY
OLD = NOW - 91 * DAY


def declared(**fields: Any) -> DeclaredSecret:
    return DeclaredSecret.model_validate({"name": "db", "zone": "clinical", **fields})


def secret(**fields: Any) -> Secret:
    usual = {"uid": "u", "created": NOW - 200 * DAY, "keys": frozenset({"password"})}
    return Secret(**{**usual, "written": YOUNG, **fields})


def delivery(**fields: Any) -> Delivery:
    usual = {"kind": "VaultStaticSecret", "name": "db", "secret": "db", "ready": True}
    return Delivery(**{**usual, **fields})


def change(**fields: Any) -> LastChange:
    usual = {"uid": "u", "time": YOUNG, "proven": False, "written": YOUNG}
    return LastChange(**{**usual, **fields})
