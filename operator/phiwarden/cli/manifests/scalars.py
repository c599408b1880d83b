"""Scalars of YAML as kubectl reads them.

kubectl's reader (go-yaml 2) is neither YAML 1.1 nor 1.2: `yes` and `on` are
booleans, `010` is eight and `08` is eight too, and a day stays text. A manifest
must mean the same here as there.
https://github.com/yaml/go-yaml/blob/v2.4.3/resolve.go
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from functools import lru_cache
from typing import Final

Scalar = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE"), True),
    **dict.fromkeys(("on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE"), False),
    **dict.fromkeys(("off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER: Final = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)"
    r"|0[oO]?(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*))"
)
_BASES: Final = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TAG: Final = "tag:yaml.org,2002:"
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    f"{_TAG}bool": (bool,),
    f"{_TAG}int": (int,),
    f"{_TAG}float": (int, float),
    f"{_TAG}null": (type(None),),
}


@lru_cache(maxsize=4096)
def plain(text: str) -> Scalar:
    """Return what an unquoted scalar without a tag stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text if text[0] == "." else text.replace("_", "")
    if (number := _integer(digits)) is not None:
        return number
    if _FLOAT.fullmatch(digits) and math.isfinite(value := float(digits)):
        return value
    return text


def _integer(text: str) -> int | None:
    match = _INTEGER.fullmatch(text)
    if match is None or len(text) > 80:
        return None
    base = str(match.lastgroup)
    number = int(match["sign"] + match[base], _BASES[base])
    return number if -(1 << 63) <= number < 1 << 64 else None


def tagged(tag: str, text: str) -> Scalar:
    """Return what a scalar with an explicit tag stands for; unknown tags say nothing.

    Raises:
        ValueError: the text is not what the tag says.
    """
    if tag == f"{_TAG}binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode(errors="replace")
        except binascii.Error as error:
            raise ValueError("!!binary holds invalid base64") from error
    if tag not in _KINDS:
        return text
    value = plain(text)
    if type(value) not in _KINDS[tag]:
        raise ValueError(f"this is not what its tag !!{tag.removeprefix(_TAG)} says")
    return float(value) if tag == f"{_TAG}float" and type(value) is int else value
