"""The one sequence of bytes that stands for a statement.

JSON as in RFC 8785 (https://www.rfc-editor.org/rfc/rfc8785), of what releases
are made of and no more: objects, lists, strings, integers and booleans. Times
are strings, whole seconds in UTC.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from phiwarden.api.release import Statement
from phiwarden.api.values import instant

LARGEST: Final = 2**53 - 1
"""Integers beyond it are not the same in every reader of JSON."""


class NotCanonical(ValueError):
    """A value has no canonical form; says where it stands, and why."""


def encoded(value: Any) -> bytes:
    """Return the canonical bytes of a value.

    Raises:
        NotCanonical: something in it is nothing of what releases are made of.
    """
    text = json.dumps(_plain(value, "the value"), ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def statement_bytes(statement: Statement) -> bytes:
    """Return the bytes that a key signs for a statement; what is left out is not in them."""
    return encoded(statement_fields(statement))


def statement_fields(statement: Statement) -> dict[str, Any]:
    """Return the fields that are signed; of a signed release, all but its envelope."""
    fields = set(Statement.model_fields)
    return statement.model_dump(include=fields, by_alias=True, exclude_none=True)


def digest(content: bytes) -> str:
    """Return the digest of bytes, as images have it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _plain(value: Any, path: str) -> Any:
    match value:
        case bool():
            return value
        case str():
            return _text(str(value), path)
        case int():
            if abs(value) > LARGEST:
                raise NotCanonical(f"{path}: {value} is beyond what every reader of JSON can hold")
            return int(value)
        case dt.datetime():
            if value.tzinfo is None or value.microsecond:
                raise NotCanonical(f"{path}: a time must be a whole second of a known time zone")
            return instant(value)
        case Mapping():
            return _object(value, path)
        case list() | tuple():
            return [_plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    raise NotCanonical(f"{path}: {type(value).__name__} has no canonical form")


def _object(value: Mapping[Any, Any], path: str) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise NotCanonical(f"{path}: the name of a field must be a string")
        _text(key, path)
    # Sorted by UTF-16, which is not the order of code points beyond 16 bits.
    return {
        str(key): _plain(value[key], f"{path}.{key}")
        for key in sorted(value, key=lambda key: key.encode("utf-16-be"))
    }


def _text(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonical(f"{path}: half of a surrogate pair is no text") from error
    return text
