"""How a node begins: what it needs, its images, and what is said when it does not start."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from e2e import debian
from e2e.controlplane import ProcessExitedError, StartError
from e2e.node import NotHereError, acquire, obstacle
from e2e.node.images import Image, write


def test_without_root_it_is_said_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotHereError, match="needs root: run `sudo make e2e-node`"):
        acquire()


def test_packages_that_cannot_be_installed_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian, "SBIN", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = obstacle()
    assert reason
    assert reason.startswith("missing on this machine: run `apt-get install conntrack gcc ip")


def test_equal_inputs_make_equal_images(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"not really one")
    image = Image("phiwarden.test/any:1", program, ("wait",))
    first = write(tmp_path, image).read_bytes()
    program.touch()
    archive = write(tmp_path, image)
    assert archive.read_bytes() == first
    with tarfile.open(archive) as packed:
        index = packed.extractfile("index.json")
        assert index
        (manifest,) = json.load(index)["manifests"]
    assert manifest["annotations"] == {"io.containerd.image.name": "phiwarden.test/any:1"}


@pytest.mark.usefixtures("here")
def test_a_component_that_ends_early_is_named_and_nothing_is_left() -> None:
    with pytest.raises(StartError, match=r"(?s)kube-proxy exited with .*-- kubelet:") as failed:
        acquire(flags={"kube-proxy": ("--no-such-flag",)})
    assert isinstance(failed.value.__cause__, ProcessExitedError)
