"""Puts the image together."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from e2e.image import containerfile, layers, oci, root
from phiwarden import __version__


@dataclass(frozen=True)
class Image:
    """An image as a tar.

    Attributes:
        archive: to import with `ctr -n k8s.io images import`.
        repository: its name, without tag.
        tag: as the chart would choose it.
        digest: of its manifest, `sha256:...`.
    """

    archive: Path
    repository: str
    tag: str
    digest: str

    @property
    def tagged(self) -> str:
        """Its name as the archive gives it."""
        return f"{self.repository}:{self.tag}"

    @property
    def pinned(self) -> str:
        """Its name by digest, as workloads of a zone must give it."""
        return f"{self.repository}@{self.digest}"


def build(folder: Path, repository: str = "docker.io/library/phiwarden") -> Image:
    """Build the image of the product as it stands, into a folder.

    The root and the dependencies come from the cache; what changes with every line of code is
    made anew, in a few seconds.

    Raises:
        BuildError: a part could not be made; it says why, and what to do.
    """
    made = folder / "phiwarden.tar"
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        own = scratch / "layer.tar"
        layers.product(layers.wheel(scratch), own)
        digest = oci.write(
            made,
            [root.ensure(), layers.dependencies(), own],
            containerfile.config(),
            reference=f"{repository}:{__version__}",
            architecture=_architecture(),
        )
    return Image(made, repository, __version__, digest)


def _architecture() -> str:
    """Return the machine's, which Debian calls as Go does."""
    asked = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    )
    return asked.stdout.strip()
