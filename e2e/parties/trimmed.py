"""A Go module that is built without the parts of it that tests have no use for."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from e2e.controlplane import sources
from e2e.controlplane.build import Module
from e2e.controlplane.errors import BuildError


@dataclass(frozen=True)
class Trimmed(Module):
    """Source of another project, in which files of ours take the place of some.

    A copy, because Go lets nobody replace a file in its own cache. The go.mod in the folder, which
    resolves what is left, replaces the project's module by `./source`.
    """

    source: str = ""
    # The folder whose go.sum pins the source: no go.sum can name what is replaced.
    pins: Path = Path()
    # Path in the source, and the file in the folder that takes its place.
    replaced: tuple[tuple[str, str], ...] = ()

    def laid_out(self, scratch: Path) -> Path:
        """Return a new folder with the go.mod, the go.sum and, under source, the source."""
        built = scratch / "sources"
        built.mkdir()
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(self.folder / name, built / name)
        _extract(sources.archive(self.source, self.pins), built / "source")
        for path, ours in self.replaced:
            theirs = built / "source" / path
            if not theirs.is_file():
                raise BuildError(f"{self.source} has no {path} to put {self.folder / ours} in")
            shutil.copyfile(self.folder / ours, theirs)
        return built


def _extract(archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.namelist():
            # `<module>@<version>/<path>`, as every zip of the proxy; the module has slashes, too.
            _, _, rest = member.partition("@")
            _, _, path = rest.partition("/")
            if not path.startswith("docs/"):
                written = target / path
                written.parent.mkdir(parents=True, exist_ok=True)
                written.write_bytes(opened.read(member))
