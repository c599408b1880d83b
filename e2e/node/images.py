"""Container images without a registry or a builder: archives of the OCI layout, made by hand."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.controlplane.build import goarch

PAUSE = "phiwarden.test/pause:1"
PEER = "phiwarden.test/peer:1"
COREDNS = "phiwarden.test/coredns:1"

_TYPE = "application/vnd.oci.image."
_NOBODY = "65532:65532"


@dataclass(frozen=True)
class Image:
    """A name, the only program in it, and the arguments that it runs with unless a pod says others."""

    name: str
    program: Path
    arguments: Sequence[str] = ()


def all_of(binaries: Mapping[str, Path]) -> tuple[Image, ...]:
    """Return the images that every node starts with."""
    return (
        Image(PAUSE, binaries["peer"], ("wait",)),
        Image(PEER, binaries["peer"], ("wait",)),
        Image(COREDNS, binaries["coredns"]),
    )


def write(folder: Path, image: Image) -> Path:
    """Write an image as an archive of the OCI layout; equal inputs make equal files."""
    archive = folder / f"{image.name.rpartition('/')[2].replace(':', '-')}.tar"
    entrypoint = f"/{image.program.name}"
    layer = _layer(image.program)
    config = {
        "architecture": goarch(),
        "os": "linux",
        "config": {"User": _NOBODY, "Entrypoint": [entrypoint], "Cmd": list(image.arguments)},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    blobs: dict[str, bytes] = {}

    def add(kind: str, content: bytes) -> dict[str, Any]:
        blobs[_digest(content)] = content
        return {"mediaType": _TYPE + kind, "digest": _digest(content), "size": len(content)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}manifest.v1+json",
        "config": add("config.v1+json", _json(config)),
        "layers": [add("layer.v1.tar", layer)],
    }
    named = add("manifest.v1+json", _json(manifest))
    named["annotations"] = {"io.containerd.image.name": image.name}
    with tarfile.open(archive, "w") as out:
        _put(out, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _put(out, "index.json", _json({"schemaVersion": 2, "manifests": [named]}))
        for digest, content in blobs.items():
            _put(out, f"blobs/{digest.replace(':', '/')}", content)
    return archive


def _layer(program: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as out:
        _put(out, program.name, program.read_bytes(), mode=0o755)
    return stream.getvalue()


def _put(out: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    out.addfile(entry, io.BytesIO(content))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
