"""Envelopes of signed bytes: DSSE, version 1.

https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from phiwarden.api.release import Envelope, Signature

PAYLOAD_TYPE: Final = "application/vnd.phiwarden.release.v1alpha1+json"


class Malformed(ValueError):
    """An envelope cannot be read.

    Attributes:
        field: of the envelope, such as `signatures[0].sig`; "" for all of it.
        problem: what is wrong with it.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature as bytes.

    Attributes:
        key_id: hint which key it is by, "" for none; nobody vouches for it.
        signature: the bytes.
    """

    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """What is in an envelope.

    Attributes:
        payload: the bytes that were signed.
        payload_type: how they are to be read.
        signatures: at least one.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[Signed, ...]

    @property
    def message(self) -> bytes:
        """Return what signatures are over."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding: type and bytes with their lengths before them."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def opened(envelope: Envelope) -> Opened:
    """Return what is in an envelope.

    Raises:
        Malformed: something in it is no base64, or there is no signature.
    """
    if not envelope.signatures:
        raise Malformed("signatures", "there is none")
    return Opened(
        _decoded("payload", envelope.payload),
        envelope.payload_type,
        tuple(
            Signed(each.keyid or "", _decoded(f"signatures[{index}].sig", each.sig))
            for index, each in enumerate(envelope.signatures)
        ),
    )


def closed(content: Opened) -> Envelope:
    """Return an envelope with a content."""
    return Envelope(
        payload=_encoded(content.payload),
        payload_type=content.payload_type,
        signatures=tuple(
            Signature(keyid=each.key_id or None, sig=_encoded(each.signature))
            for each in content.signatures
        ),
    )


def from_json(text: str | bytes) -> Envelope:
    """Return an envelope that another tool wrote; fields that it has beyond are passed over.

    Raises:
        Malformed: it is no JSON, or has not the form of an envelope.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unambiguous)
    except UnicodeDecodeError as error:
        raise Malformed("", "is not UTF-8 text") from error
    except RecursionError as error:
        raise Malformed("", "is nested too deep") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Malformed("", f"is no JSON: {error.msg} ({where})") from error
    try:
        return Envelope.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        steps = (f"[{s}]" if isinstance(s, int) else f".{s}" for s in first["loc"])
        raise Malformed("".join(steps).removeprefix("."), first["msg"]) from error


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(twice[:80], "stands there twice")
    return found


_STANDARD: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_URL_SAFE: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}", re.ASCII)


def _decoded(field: str, text: str) -> bytes:
    """Return the bytes of base64, in either alphabet and in its one form."""
    if _STANDARD.fullmatch(text):
        standard = text
    elif _URL_SAFE.fullmatch(text):
        standard = text.replace("-", "+").replace("_", "/")
    else:
        raise Malformed(field, "must be base64, without white space and in one alphabet")
    try:
        content = base64.b64decode(standard, validate=True)
    except binascii.Error as error:
        raise Malformed(field, "is base64 that was cut off, or has not its padding (=)") from error
    if not content:
        raise Malformed(field, "is empty")
    if _encoded(content) != standard:
        raise Malformed(field, "is base64 whose last character carries bits that stand for nothing")
    return content


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
