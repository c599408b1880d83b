"""An image as a tar that container runtimes import: the layout of the OCI image specification 1.1."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_TYPE = "application/vnd.oci.image"


def write(
    made: Path,
    layers: Sequence[Path],
    config: Mapping[str, Any],
    *,
    reference: str,
    architecture: str,
) -> str:
    """Write an image; the same layers and configuration make the same bytes.

    Args:
        made: the tar to write.
        layers: uncompressed tars, the lowest first.
        config: what containers are started with, in the specification's words.
        reference: the name under which containerd keeps it, such as `example.test/app:1.0`.
        architecture: as Go calls it.

    Returns:
        The digest of the image's manifest, `sha256:...`.
    """
    described = [_layer(path) for path in layers]
    image = {
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in described]},
    }
    settings, its_config = _document(f"{_TYPE}.config.v1+json", image)
    manifest, its_manifest = _document(
        f"{_TYPE}.manifest.v1+json",
        {
            "schemaVersion": 2,
            "mediaType": f"{_TYPE}.manifest.v1+json",
            "config": settings,
            "layers": described,
        },
    )
    named = {
        **manifest,
        "annotations": {
            "io.containerd.image.name": reference,
            "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
        },
    }
    _, index = _document("", {"schemaVersion": 2, "manifests": [named]})
    with tarfile.open(made, "w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(tar, "index.json", index)
        _add(tar, _blob(manifest), its_manifest)
        _add(tar, _blob(settings), its_config)
        for layer, path in zip(described, layers, strict=True):
            with path.open("rb") as content:
                tar.addfile(_entry(_blob(layer), layer["size"]), content)
    return str(manifest["digest"])


def _layer(path: Path) -> dict[str, Any]:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return _descriptor(f"{_TYPE}.layer.v1.tar", digest, path.stat().st_size)


def _document(media_type: str, value: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    content = json.dumps(value, sort_keys=True).encode()
    return _descriptor(media_type, hashlib.sha256(content).hexdigest(), len(content)), content


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def _blob(descriptor: Mapping[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(_entry(name, len(content)), io.BytesIO(content))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry
