"""What the Containerfile says of a running container, so that it is said once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONTAINERFILE = Path(__file__).resolve().parents[2] / "Containerfile"


def config() -> dict[str, Any]:
    """Return ENV, USER, WORKDIR and ENTRYPOINT of the last stage, in the OCI specification's words.

    Raises:
        KeyError: one of USER, WORKDIR and ENTRYPOINT is not there.
    """
    said: dict[str, str] = {}
    variables: list[str] = []
    for line in CONTAINERFILE.read_text().splitlines():
        instruction, _, rest = line.partition(" ")
        match instruction:
            case "FROM":
                said.clear()
                variables.clear()
            case "ENV":
                variables.append(rest)
            case "USER" | "WORKDIR" | "ENTRYPOINT":
                said[instruction] = rest
    return {
        "User": said["USER"],
        "WorkingDir": said["WORKDIR"],
        "Entrypoint": json.loads(said["ENTRYPOINT"]),
        "Env": variables,
    }
