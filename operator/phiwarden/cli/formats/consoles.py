"""Tables as text, whatever stands in them."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

from rich.console import Console


def written(write: Callable[[Console], None], *, width: int, color: bool) -> str:
    """Return what is written on a console, which takes nothing of it for markup.

    Args:
        write: writes on the console.
        width: columns.
        color: whether it may use colours.
    """
    out = StringIO()
    write(
        Console(
            file=out,
            width=width,
            color_system="standard" if color else None,
            force_terminal=color,
            highlight=False,
            markup=False,
            emoji=False,
        )
    )
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
