"""CEL in Python as the API server speaks it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, Final

import cel
from cel import stdlib

from phiwarden.rulebook.model import RulebookError


def program(expression: str, owner: str) -> cel.Program:
    """Compile an expression.

    Args:
        expression: portable CEL.
        owner: whose it is, for the message.

    Raises:
        RulebookError: it does not compile.
    """
    try:
        # The library's own functions cannot be replaced: its `matches` compiles the pattern at
        # each call, and its `size` of a text counts bytes.
        ours = expression.replace(".matches(", f".{_MATCHES}(").replace(".size()", f".{_SIZE}()")
        return cel.compile(ours)
    except ValueError as error:
        raise RulebookError(f"{owner}: {error}") from error


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    # RE2's `$` is the end of the text; Python's also matches before a last line break.
    return re.compile(_DOLLAR.sub(lambda match: match[1] or r"\Z", pattern))


# An escaped character or a class, which stay as they are, or else the sign itself.
_DOLLAR: Final = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\$")

# Python takes these for an `i` where case does not matter; RE2 does not.
_DOTTED: Final = str.maketrans("\u0130\u0131", "\u00f8\u00f8")


def _matches(text: str, pattern: str) -> bool:
    if not text.isascii() and pattern.startswith("(?i)"):
        text = text.translate(_DOTTED)
    return _pattern(pattern).search(text) is not None


def _lower_ascii(text: str) -> str:
    return text.lower() if text.isascii() else str(stdlib.lower_ascii(text))


def _is_ip(text: str) -> bool:
    """Tell as Kubernetes does: no zone, and no IPv4 address in IPv6 clothes."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return "%" not in text and getattr(address, "ipv4_mapped", None) is None


def _contains_ip(network: str, address: str) -> bool:
    return ip_address(address) in ip_network(network)


_MATCHES: Final = "isMatchedBy"
_SIZE: Final = "count"

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    _MATCHES: _matches,
    _SIZE: len,
    # Of the network library: https://kubernetes.io/docs/reference/using-api/cel/
    "isIP": _is_ip,
    "cidr": str,
    "containsIP": _contains_ip,
    "indexOf": stdlib.index_of,
    "join": stdlib.join,
    "lowerAscii": _lower_ascii,
    "split": stdlib.split,
    "substring": stdlib.substring,
}
"""Functions of a context beyond the library's own."""

_BUILT_IN: Final = {
    "size": True,
    "contains": True,
    "startsWith": True,
    "endsWith": True,
    "matches": True,
    "string": False,
    "int": False,
}

_ALONE: Final = ("isIP", "cidr")

PORTABLE: Final = _BUILT_IN | {
    name: name not in _ALONE for name in FUNCTIONS if name not in (_MATCHES, _SIZE)
}
"""Functions that a rule may call, and whether they are called on something, as `x.size()` is."""
