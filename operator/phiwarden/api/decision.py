"""What somebody decides on what another asks for: the same of exceptions and of releases."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from phiwarden.api.base import ApiModel


class Identity(ApiModel):
    """Who somebody is to the API server; `kubectl auth whoami` tells both."""

    username: Annotated[
        str, Field(min_length=1, max_length=253, description="User name, as the API server has it.")
    ]
    uid: Annotated[
        str | None,
        Field(max_length=253, description="Its uid, where the API server knows one."),
    ] = None

    def may_be(self, other: Identity) -> bool:
        """Return whether two identities may be one person, as far as the API server knows."""
        if self.username.lower() == other.username.lower():
            return True
        return bool(self.uid) and self.uid == other.uid


class DecisionType(StrEnum):
    """What becomes of what was asked for."""

    APPROVED = "Approved"
    DENIED = "Denied"


class Decision(ApiModel):
    """What somebody with the right to approve said."""

    type: Annotated[DecisionType, Field(description="Approved or Denied. Denied is final.")]
    by: Annotated[Identity, Field(description="Who decides: the user who writes this.")]
    reason: Annotated[
        str | None, Field(max_length=1000, description="Why, for those who asked.")
    ] = None
