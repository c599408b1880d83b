"""Rules as people name them, and the nearest to one that is none."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Final

from phiwarden.cli.formats.printable import printable

_PREFIX: Final = "PHI-"
_SHOWN: Final = 80


class NoSuchRule(ValueError):
    """There is no rule of that name; says which may have been meant."""


def named(asked: str, known: Collection[str]) -> str:
    """Return the identifier of a rule, however it is spelled: img-001 is PHI-IMG-001.

    Raises:
        NoSuchRule: it is none of the known ones.
    """
    wanted = asked.upper()
    for name in (wanted, _PREFIX + wanted):
        if name in known:
            return name
    whole = wanted if wanted.startswith(_PREFIX) else _PREFIX + wanted
    near = difflib.get_close_matches(whole, known, n=3, cutoff=0.7)
    advice = f"did you mean {' or '.join(near)}?" if near else "kubectl phi explain lists them"
    raise NoSuchRule(f"no rule {printable(asked, _SHOWN)}: {advice}")
