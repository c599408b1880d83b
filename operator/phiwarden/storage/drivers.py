"""Storage drivers: what proves that their volumes are encrypted, read from drivers.yaml.

What an entry may say is explained at the head of that file.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator


class Encryption(StrEnum):
    """Whether data at rest is encrypted, and whose the key is."""

    CUSTOMER_KEY = "ENCRYPTED_CUSTOMER_KEY"
    PLATFORM_KEY = "ENCRYPTED_PLATFORM_KEY"
    UNENCRYPTED = "UNENCRYPTED"
    UNKNOWN = "UNKNOWN"

    @property
    def proven(self) -> bool:
        """Whether it is known to be encrypted, with whichever key."""
        return self in (Encryption.CUSTOMER_KEY, Encryption.PLATFORM_KEY)


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Data):
    """One thing that must hold: about a parameter, an annotation, a driver's object or a Secret.

    Of the first four fields one says what is looked at, of the others one what it must be. An
    empty text counts as absent, as it does to the drivers.
    """

    parameter: str | None = None
    annotation: str | None = None
    object: str | None = None
    secret_key: str | None = None

    is_: Annotated[
        Literal["given", "absent", "there", "missing"] | tuple[str, ...] | None, Field(alias="is")
    ] = None
    is_not: tuple[str, ...] | None = None
    boolean: bool | Literal["invalid"] | None = None
    """As Go's strconv.ParseBool reads it."""
    word: str | None = None
    """Among words that spaces part, whatever their case."""
    contains: str | None = None
    starts: str | None = None
    starts_not: str | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        looked_at = (self.parameter, self.annotation, self.object, self.secret_key)
        asked = (self.is_, self.is_not, self.boolean, self.word, self.contains)
        for fields in (looked_at, (*asked, self.starts, self.starts_not)):
            if sum(field is not None for field in fields) != 1:
                raise ValueError("a condition looks at one thing and asks one thing")
        return self


class Answer(_Data):
    """A verdict, and the words for what it rests on."""

    verdict: Encryption
    evidence: str


class Proof(Answer):
    """A verdict that holds under conditions; `key` names the parameter that names the key."""

    when: Annotated[tuple[Condition, ...], Field(min_length=1)]
    key: str | None = None


class Trap(_Data):
    """What is told beside a verdict, under conditions: all of the time if there are none."""

    say: str
    when: tuple[Condition, ...] = ()


class Making(_Data):
    """Parameters of a class that is made on request; `$key` stands for the customer's key."""

    short: Annotated[str, Field(pattern=r"^[a-z0-9]{2,12}$")]
    plain: Mapping[str, str]
    keyed: Mapping[str, str] | None = None


class Example(_Data):
    """What the driver makes of some evidence. With `attributes` there is no class to look at."""

    verdict: Encryption
    parameters: Mapping[str, str] | None = None
    attributes: Mapping[str, str] | None = None
    annotations: dict[str, str] = {}
    objects: dict[str, str] = {}
    secret_keys: Annotated[tuple[str, ...] | None, Field(alias="secretKeys")] = None


class Driver(_Data):
    """A storage driver."""

    title: str
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    source: str
    case: Literal["sensitive", "insensitive"]
    prefix: str = ""
    proofs: tuple[Proof, ...] = ()
    otherwise: Answer
    always: bool = False
    volume: Literal["everything", "proofs", "nothing"]
    clones: Literal["own", "inherit"]
    restores: Literal["own", "inherit", "either"] | None = None
    makes: Making | None = None
    traps: tuple[Trap, ...] = ()
    examples: Annotated[tuple[Example, ...], Field(min_length=2)]


class _Table(_Data):
    drivers: tuple[Driver, ...]


_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def drivers() -> tuple[Driver, ...]:
    """Return every driver that is known, in the order of the table."""
    text = (files("phiwarden.storage") / "drivers.yaml").read_text(encoding="utf-8")
    return _Table.model_validate(yaml.load(text, Loader=_Loader)).drivers  # noqa: S506 - safe, in C


@cache
def _by_name() -> Mapping[str, Driver]:
    return {name: driver for driver in drivers() for name in driver.names}


def driver_of(name: str) -> Driver | None:
    """Return the driver that a provisioner's name stands for, None for one that is not known."""
    return _by_name().get(name)
