"""Where binaries and sources come from; a stand-in for the Go command makes them, in no time."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2e.controlplane import BuildError, build, sources
from e2e.controlplane.progress import Progress
from e2e.controlplane.toolchain import MODULES

ROOT = Path(__file__).parents[1]
GO = """#!/bin/sh
[ "$1" = env ] && echo "go$GO_VERSION" && exit
echo "$1" >> "$GO_LOG"
if [ "$1" = mod ]; then
  [ "$2 $3 $GOFLAGS" = "download -json -mod=readonly" ] || exit 2
  [ -n "$GO_FAILS" ] && echo '{"Error": "checksum mismatch"}' && echo "SECURITY ERROR" >&2 && exit 1
  echo "source of $4" > "$GO_LOG.zip"
  echo '{"Path": "'"$4"'", "Zip": "'"$GO_LOG.zip"'"}'
  exit
fi
[ "$1" = build ] || exit 2
echo "go: downloading example.test/module v1.0.0"
echo example.test/module/package
[ -n "$GO_FAILS" ] && echo "x.go:1:2: undefined: y" && exit 1
while [ "$1" != -o ]; do shift; done
echo "#!/bin/sh" > "$2/kwok"
"""


@pytest.fixture(autouse=True)
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go command that is new enough, an empty cache, and a log with a line for each build."""
    command = tmp_path / "bin" / "go"
    command.parent.mkdir()
    command.write_text(GO)
    command.chmod(0o755)
    log = tmp_path / "go.log"
    log.touch()
    monkeypatch.setenv("PATH", str(command.parent), prepend=os.pathsep)
    monkeypatch.setenv("PHIWARDEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GO_VERSION", "99.1")
    monkeypatch.setenv("GO_LOG", str(log))
    monkeypatch.delenv("GO_FAILS", raising=False)
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return log


def test_what_is_missing_is_built_once_and_found_from_then_on(go: Path) -> None:
    first = build.ensure(["kwok"])["kwok"]
    assert first.is_file()
    assert build.ensure(["kwok"]) == {"kwok": first}
    assert go.read_text().splitlines() == ["build"]


def test_processes_that_ask_at_once_build_once(go: Path) -> None:
    script = "from e2e.controlplane import build; build.ensure(['kwok'])"

    def ask(_: int) -> int:
        argv = [sys.executable, "-c", script]
        return subprocess.run(argv, cwd=ROOT, stderr=subprocess.DEVNULL, check=False).returncode

    with ThreadPoolExecutor() as several:
        assert list(several.map(ask, range(4))) == [0, 0, 0, 0]
    assert go.read_text().splitlines() == ["build"]


def test_binaries_that_are_already_there_are_preferred(
    go: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "etcd").touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    found = build.ensure(["etcd", "kwok"])
    assert found["etcd"] == assets / "etcd"
    assert found["kwok"] == build.cached(build.BINARIES["kwok"])


def test_a_failed_build_shows_the_compilers_words_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GO_FAILS", "1")
    with pytest.raises(BuildError, match=r"(?s)undefined: y.*KUBEBUILDER_ASSETS"):
        build.ensure(["kwok"])
    cached = build.cached(build.BINARIES["kwok"])
    assert [path.name for path in cached.parent.iterdir()] == [".lock"]


MODULE = "k8s.io/pod-security-admission"


def test_the_source_of_a_module_is_downloaded_once_and_found_without_go_from_then_on(
    go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sources.archive(MODULE)
    assert first.read_text() == f"source of {MODULE}\n"
    assert first.name == f"pod-security-admission@v0.{build.KUBERNETES.removeprefix('1.')}.zip"
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setenv("GO_FAILS", "1")
    assert sources.archive(MODULE) == first
    assert go.read_text().splitlines() == ["mod"]


def test_a_source_that_does_not_match_go_sum_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_FAILS", "1")
    with pytest.raises(BuildError, match="SECURITY ERROR"):
        sources.archive(MODULE)
    assert not list(tmp_path.rglob("*.zip"))


def test_a_module_that_the_build_does_not_pin_is_an_error_and_no_download(go: Path) -> None:
    with pytest.raises(BuildError, match=r"go\.sum pins 0 versions of example\.test/other"):
        sources.archive("example.test/other")
    assert not go.read_text()


def test_other_inputs_are_another_place_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    kwok = build.BINARIES["kwok"]
    before = build.cached(kwok)
    monkeypatch.setattr(build, "goarch", lambda: "other")
    assert build.cached(kwok) != before


@pytest.mark.parametrize(
    ("package", "output"),
    [("k8s.io/kubernetes/cmd/kubectl", "kubectl"), ("go.etcd.io/etcd/server/v3", "server")],
)
def test_the_output_is_named_as_the_go_command_names_it(package: str, output: str) -> None:
    module = build.BINARIES["etcd"].module
    assert build.Binary("any", module, package).output == output


def test_the_version_stamped_is_the_version_built() -> None:
    go_mod = (MODULES / "kubernetes" / "go.mod").read_text()
    assert f"\tk8s.io/kubernetes v{build.KUBERNETES} " in go_mod


def test_progress_counts_packages_and_leaves_other_lines_to_the_error() -> None:
    stream = io.StringIO()
    progress = Progress("Building x", 10, stream)
    progress.start()
    assert progress.saw("go: downloading example.test/module v1.0.0")
    assert progress.saw("example.test/module/package")
    assert not progress.saw("x.go:1:2: undefined: y")
    progress.finish("done")
    assert stream.getvalue().splitlines() == [
        "Building x: starting (0:00)",
        "Building x: done (0:00)",
    ]
