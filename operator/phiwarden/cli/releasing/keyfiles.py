"""Keys from files, pipes and the environment. Nothing of a private key is ever said."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from phiwarden.cli.manifests.sources import STDIN
from phiwarden.cli.releasing.files import NotReadable
from phiwarden.releases.keys import (
    Key,
    PassphraseNeeded,
    SigningKey,
    UnreadableKey,
    public_key,
    signing_key,
)

_MOST: Final = 64 * 1024
"""Bytes of a key file that are looked at; keys have a few hundred."""


def private_key(
    file: str | None, variable: str | None, passphrase_variable: str | None
) -> SigningKey:
    """Return the private key of a file, of a pipe (`-`), or of an environment variable.

    Args:
        file: path of the key, or `-`.
        variable: name of the environment variable that holds it, in place of a file.
        passphrase_variable: name of the one that holds its passphrase.

    Raises:
        NotReadable: there is none, or it cannot be used.
    """
    if file is not None:
        where, content = f"--key {file}", _content(file)
    else:
        where, content = f"--key-env {variable}", _variable("--key-env", variable or "")
    passphrase = _variable("--passphrase-env", passphrase_variable) if passphrase_variable else None
    try:
        return signing_key(content, passphrase)
    except PassphraseNeeded as error:
        advice = "name the environment variable that holds it: --passphrase-env NAME"
        raise NotReadable(f"{where}: {error}: {advice}") from error
    except UnreadableKey as error:
        raise NotReadable(f"{where}: {error}") from error


def public_keys(files: Iterable[str]) -> tuple[Key, ...]:
    """Return the public keys of some files, each under the name of its file.

    Raises:
        NotReadable: one of them is none.
    """
    found = []
    for file in files:
        try:
            found.append(public_key(Path(file).name, _content(file)))
        except UnreadableKey as error:
            raise NotReadable(f"--key {file}: {error}") from error
    return tuple(found)


def _content(file: str) -> bytes:
    if file == STDIN:
        return sys.stdin.buffer.read(_MOST)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(_MOST)
    except OSError as error:
        raise NotReadable(f"--key {file}: cannot be read: {error.strerror or error}") from error


def _variable(option: str, name: str) -> bytes:
    value = os.environ.get(name, "")
    if not value:
        raise NotReadable(f"{option} {name}: there is no such environment variable, or it is empty")
    return value.encode("utf-8", "surrogateescape")
