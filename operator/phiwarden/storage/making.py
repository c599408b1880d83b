"""StorageClasses that are made on request: which, of what, and under which name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from phiwarden.storage.drivers import Making, driver_of, drivers

_KEY: Final = "$key"


class CannotMake(ValueError):
    """No class can be made of what was asked for; the message says why."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A StorageClass to make.

    Attributes:
        name: the same for the same driver and parameters, and for no others.
        provisioner: its driver.
        parameters: what the driver goes by.
    """

    name: str
    provisioner: str
    parameters: Mapping[str, str]


def makers() -> dict[str, Making]:
    """Return the drivers that classes can be made for, by the name of the provisioner."""
    return {driver.names[0]: driver.makes for driver in drivers() if driver.makes is not None}


def recipe(provisioner: str, key: str = "") -> Recipe:
    """Return the class whose volumes are encrypted, with a key of the customer's if one is named.

    Raises:
        CannotMake: the driver is none that this is known of, or takes no key.
    """
    making = makers().get(provisioner)
    if making is None:
        reason = "is not known here" if driver_of(provisioner) is None else "needs more than a key"
        raise CannotMake(
            f"no StorageClass can be made for {provisioner}, which {reason}: make one, and name it"
            " in storageClassName"
        )
    written = making.keyed if key else making.plain
    if written is None:
        raise CannotMake(f"{provisioner} takes no key of the customer's")
    parameters = {name: key if value == _KEY else value for name, value in written.items()}
    text = json.dumps([provisioner, parameters], sort_keys=True, separators=(",", ":"))
    digest = blake2b(text.encode(), digest_size=6).hexdigest()
    return Recipe(f"phiwarden-{making.short}-{digest}", provisioner, parameters)
