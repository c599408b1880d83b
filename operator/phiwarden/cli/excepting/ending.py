"""How commands about exceptions end that could not do what they were asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from phiwarden.cli.asking import stopped
from phiwarden.cli.excepting.deciding import Changed
from phiwarden.cli.excepting.reading import NotThere
from phiwarden.cli.excepting.spelling import Misspelt
from phiwarden.cli.formats.refused_text import refused_text
from phiwarden.cluster.client import ClusterError, Refused, Unreachable

REFUSED: Final = 1
"""Exit code of what the API server, or somebody who was asked, said no to."""

_SAID_NO: Final = (401, 403, 409, 422)


@contextmanager
def ending(command: str, namespace: str) -> Iterator[None]:
    """End a command with words and an exit code, whatever becomes of the block."""
    try:
        yield
    except (Misspelt, NotThere) as error:
        raise stopped(command, str(error)) from error
    except Changed as changed:
        message = f"This is not what you looked at: {changed}. Nothing was decided."
        raise stopped(command, message, REFUSED) from changed
    except Unreachable as error:
        raise stopped(command, f"the API server cannot be reached: {error.__cause__}") from error
    except Refused as refused:
        if refused.code not in _SAID_NO:
            raise stopped(command, str(refused)) from refused
        raise stopped(command, refused_text(namespace, refused.message), REFUSED) from refused
    except ClusterError as error:
        raise stopped(command, str(error)) from error
