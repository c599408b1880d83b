"""Finds each binary of the control plane, or builds it from the Go module proxy."""

from __future__ import annotations

import hashlib
import os
import platform
import queue
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.controlplane.cache import cache_dir, locked
from e2e.controlplane.errors import BuildError
from e2e.controlplane.progress import Progress
from e2e.controlplane.toolchain import MODULES, go_for

KUBERNETES = "1.36.3"
STRIP = "-s -w"
_VERSION = "-X k8s.io/component-base/version."
_STAMP = " ".join(
    (
        STRIP,
        f"{_VERSION}gitVersion=v{KUBERNETES}",
        *(f"{_VERSION}{part}" for part in ("gitMajor=1", "gitMinor=36")),
    )
)
_GOARCH = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_TAIL_LINES = 25
_ADVICE = (
    "Try again if a download failed: what was compiled is kept. Set GOMAXPROCS=1 if the memory ran"
    " out. Or point KUBEBUILDER_ASSETS at a folder that has the binaries."
)


@dataclass(frozen=True)
class Module:
    """A folder with a go.mod of its own: what one resolution of versions has to agree on."""

    name: str
    ldflags: str
    packages: int  # compiled in all, about
    parent: Path = MODULES
    # Only for what needs a C library; it is then linked into the binary.
    tags: str = ""
    cgo: bool = False

    @property
    def folder(self) -> Path:
        """Where its go.mod, go.sum and, if the code is our own, its sources are."""
        return self.parent / self.name

    @property
    def flags(self) -> tuple[str, ...]:
        """The options of `go build`."""
        tags = ("-tags", self.tags) if self.tags else ()
        return ("-trimpath", "-buildvcs=false", "-ldflags", self.ldflags, *tags)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of `go build`."""
        return {"CGO_ENABLED": "1" if self.cgo else "0", "GOOS": "linux", "GOARCH": goarch()}

    def laid_out(self, scratch: Path) -> Path:
        """Return the folder to build in; one that is made for this build is made under scratch."""
        return self.folder


@dataclass(frozen=True)
class Binary:
    """A command and the Go package it is built from."""

    name: str
    module: Module
    package: str

    @property
    def output(self) -> str:
        """The file name that the Go command chooses: the package's, less a major version."""
        parts = self.package.split("/")
        return parts[-2] if parts[-1].removeprefix("v").isdigit() else parts[-1]


KUBERNETES_MODULE = Module("kubernetes", _STAMP, 2750)
_etcd = Module("etcd", STRIP, 570)
_helm = Module("helm", STRIP, 1190)
_kwok = Module("kwok", STRIP, 1120)
_cyclonus = Module("cyclonus", STRIP, 410)

BINARIES: Mapping[str, Binary] = {
    binary.name: binary
    for binary in (
        Binary("kube-apiserver", KUBERNETES_MODULE, "k8s.io/kubernetes/cmd/kube-apiserver"),
        Binary(
            "kube-controller-manager",
            KUBERNETES_MODULE,
            "k8s.io/kubernetes/cmd/kube-controller-manager",
        ),
        Binary("kube-scheduler", KUBERNETES_MODULE, "k8s.io/kubernetes/cmd/kube-scheduler"),
        Binary("kubectl", KUBERNETES_MODULE, "k8s.io/kubernetes/cmd/kubectl"),
        Binary("etcd", _etcd, "go.etcd.io/etcd/server/v3"),
        Binary("helm", _helm, "helm.sh/helm/v4/cmd/helm"),
        Binary("kwok", _kwok, "sigs.k8s.io/kwok/cmd/kwok"),
        Binary("cyclonus", _cyclonus, "phiwarden.dev/e2e/controlplane/cyclonus"),
    )
}


def ensure(
    names: Iterable[str] = tuple(BINARIES), known: Mapping[str, Binary] = BINARIES
) -> dict[str, Path]:
    """Return the path of each named binary; builds those that are missing, once per machine.

    Looked for in $KUBEBUILDER_ASSETS, then in the cache. A first build of everything takes
    minutes; processes that ask at the same time wait for the one that builds. Raises BuildError
    with the compiler's last lines.
    """
    wanted = [known[name] for name in names]
    for module in dict.fromkeys(binary.module for binary in wanted):
        of_module = [binary for binary in wanted if binary.module == module]
        if _missing(of_module):
            with locked(cached(of_module[0]).parent / ".lock"):
                if missing := _missing(of_module):
                    _build(module, missing)
    return {binary.name: _find(binary) or cached(binary) for binary in wanted}


def cached(binary: Binary) -> Path:
    """Return where the cache keeps a binary: a digest of all its inputs is part of the path."""
    module = binary.module
    digest = hashlib.sha256()
    for part in (
        *(path.read_bytes() for path in sorted(module.folder.iterdir())),
        "\0".join(module.flags).encode(),
        *((b"cgo",) if module.cgo else ()),
        goarch().encode(),
    ):
        digest.update(len(part).to_bytes(8, "big") + part)
    return cache_dir() / "bin" / f"{binary.module.name}-{digest.hexdigest()[:16]}" / binary.name


def _find(binary: Binary) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    candidates = [Path(assets).absolute() / binary.name] if assets else []
    return next((path for path in [*candidates, cached(binary)] if path.is_file()), None)


def _missing(binaries: Iterable[Binary]) -> list[Binary]:
    return [binary for binary in binaries if _find(binary) is None]


def goarch() -> str:
    """Return what Go, and the images of containers, call the architecture of this machine."""
    machine = platform.machine().lower()
    return _GOARCH.get(machine, machine)


def _build(module: Module, binaries: list[Binary]) -> None:
    go = go_for(module.folder)
    names = ", ".join(binary.name for binary in binaries)
    final = cached(binaries[0]).parent
    with tempfile.TemporaryDirectory(dir=final, prefix=".building-") as scratch:
        argv = [str(go.command), "build", "-v", *module.flags, "-o", f"{scratch}/"]
        argv += [binary.package for binary in binaries]
        env = {**go.environment(), **module.environment}
        sources = module.laid_out(Path(scratch))
        _run(argv, sources, env, Progress(f"Building {names}", module.packages))
        for binary in binaries:
            (Path(scratch) / binary.output).rename(final / binary.name)


def _run(argv: list[str], cwd: Path, env: dict[str, str], progress: Progress) -> None:
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    progress.start()
    with subprocess.Popen(
        argv, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            threading.Thread(target=_read, args=(process, lines), daemon=True).start()
            while (line := _next(lines)) is not None:
                if line and not progress.saw(line):
                    tail.append(line)
                progress.tick()
            code = process.wait()
        except BaseException:
            process.kill()
            raise
    progress.finish("done" if code == 0 else "failed")
    if code != 0:
        raise BuildError(
            "\n".join([f"`{' '.join(argv)}` in {cwd} exited with {code}:", *tail, _ADVICE])
        )


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    for line in process.stdout or ():
        lines.put(line.rstrip())
    lines.put(None)


def _next(lines: queue.SimpleQueue[str | None]) -> str | None:
    """Return the next line, "" when a moment passes without one, None at the end."""
    try:
        return lines.get(timeout=0.5)
    except queue.Empty:
        return ""
