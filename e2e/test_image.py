"""The product's image: what is in it, and that it runs with no rights and nothing to write to."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import ssl
import subprocess
import tarfile
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e import debian, feedback
from e2e.controlplane import kubeconfig, processes
from e2e.controlplane.ports import free_ports
from e2e.image import Image, build, container, layers, root
from e2e.product import NAMESPACE, RELEASE, Product
from e2e.waiting import until
from phiwarden import __version__

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="no image is built; it needs root, for a chroot: sudo"
)


@dataclass(frozen=True)
class Unpacked:
    """An image, read back from its archive alone."""

    image: Image
    manifest: dict[str, Any]
    settings: dict[str, Any]
    blobs: Path
    tree: Path

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run it as a container, to its end."""
        argv = container.command(self.tree, self.settings["config"], arguments=arguments, **options)
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def blob(folder: Path, descriptor: dict[str, Any]) -> Path:
    return folder / descriptor["digest"].replace(":", "/")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unpacked]:
    if missing := debian.missing(root.PROGRAMS):
        pytest.skip(f"no image is built; apt-get install {' '.join(missing)}")
    folder = tmp_path_factory.mktemp("image")
    image = build(folder)
    with tarfile.open(image.archive) as archive:
        archive.extractall(folder, filter="data")
    (named,) = json.loads((folder / "index.json").read_text())["manifests"]
    assert named["digest"] == image.digest
    blobs = folder / "blobs"
    manifest = json.loads(blob(blobs, named).read_text())
    settings = json.loads(blob(blobs, manifest["config"]).read_text())
    with layers.unpacked(*(blob(blobs, layer) for layer in manifest["layers"])) as tree:
        yield Unpacked(image, manifest, settings, blobs, tree)
    shutil.rmtree(folder)


def test_every_blob_is_what_its_name_says(unpacked: Unpacked) -> None:
    manifest = unpacked.manifest
    for descriptor in (manifest["config"], *manifest["layers"]):
        content = blob(unpacked.blobs, descriptor).read_bytes()
        assert len(content) == descriptor["size"]
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
    diffs = unpacked.settings["rootfs"]["diff_ids"]
    assert diffs == [layer["digest"] for layer in manifest["layers"]]


def test_the_same_product_makes_the_same_image(unpacked: Unpacked, tmp_path: Path) -> None:
    assert build(tmp_path).digest == unpacked.image.digest


def test_it_is_the_command_of_the_product(unpacked: Unpacked) -> None:
    said = unpacked.run("--version")
    assert (said.stdout, said.returncode) == (f"{__version__}\n", 0), said.stderr
    for name in ("controller", "admission"):
        helped = unpacked.run(name, "--help")
        assert helped.returncode == 0, helped.stderr
        assert f"usage: phiwarden {name}" in helped.stdout


def test_it_runs_as_nobody_and_can_write_nowhere(unpacked: Unpacked) -> None:
    status = unpacked.run(entrypoint=["cat", "/proc/self/status"])
    said = dict(line.split(":\t", 1) for line in status.stdout.splitlines())
    assert said["Uid"].split() == said["Gid"].split() == ["65532"] * 4
    assert {said[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert said["NoNewPrivs"] == "1"
    writable = "find / -xdev -writable -not -type l"
    found = unpacked.run(entrypoint=["sh", "-c", writable])
    assert found.stdout == "", found.stderr


def test_nothing_in_it_installs_or_compiles_or_names_the_machine_it_was_made_on(
    unpacked: Unpacked,
) -> None:
    tools = ("pip", "pip3", "gcc", "cc", "make", "curl", "wget", "apt-get")
    asked = "for each; do command -v $each; done; python3 -c 'import pip'"
    found = unpacked.run(entrypoint=["sh", "-c", asked, "sh", *tools])
    assert found.stdout == ""
    assert "No module named 'pip'" in found.stderr
    assert not list(unpacked.tree.glob("etc/apt/sources.list*"))
    assert not list(unpacked.tree.rglob("direct_url.json"))
    assert not (unpacked.tree / "etc" / "hostname").exists()


def test_it_holds_what_the_lock_holds_and_the_product(unpacked: Unpacked) -> None:
    home = unpacked.tree / layers.HOME
    held = {
        path.name.removesuffix(".dist-info").lower().replace("_", "-")
        for path in home.glob("*.dist-info")
    }
    locked = {
        line.split(" ")[0].replace("==", "-").lower().replace("_", "-")
        for line in layers.LOCK.read_text().splitlines()
        if "==" in line and "win32" not in line
    }
    assert held == {*locked, f"phiwarden-{__version__}"}


def in_cluster(product: Product, tree: Path, account: str) -> dict[str, str]:
    """Put a token where pods have it; return what tells them of the API server."""
    config = kubeconfig.read(product.cluster.create_token(account, NAMESPACE))
    # Not /var/run: it is a link to the root that it is read from, here the machine's.
    folder = tree / "run" / "secrets" / "kubernetes.io" / "serviceaccount"
    folder.mkdir(parents=True, exist_ok=True)
    (user,) = config["users"]
    (folder / "token").write_text(user["user"]["token"])
    (folder / "ca.crt").write_bytes(kubeconfig.ca_of(config) or b"")
    (folder / "namespace").write_text(NAMESPACE)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o555)
    server = urllib.parse.urlsplit(kubeconfig.server_of(config))
    return {
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }


@contextmanager
def started(
    product: Product,
    unpacked: Unpacked,
    account: str,
    arguments: list[str],
    settings: Mapping[str, str],
) -> Iterator[processes.Child]:
    """Run the image with the rights of a service account of the chart."""
    environment = {**settings, **in_cluster(product, unpacked.tree, account)}
    argv = container.command(
        unpacked.tree, unpacked.settings["config"], arguments=arguments, environment=environment
    )
    log = product.cluster.run_dir / f"image-{arguments[0]}.log"
    command = processes.Command(
        arguments[0],
        (shutil.which(argv[0]) or argv[0], *argv[1:]),
        log,
        {"PATH": os.environ["PATH"]},
    )
    child = processes.start(command)
    try:
        yield child
    finally:
        code = container.stop(child.process)
    assert code == 0, log.read_text()


def errors(child: processes.Child) -> list[str]:
    """Return what it logged as an error, such as an API server that it does not find."""
    return [line for line in child.command.log.read_text().splitlines() if '"error"' in line]


def answers(child: processes.Child, url: str) -> bool:
    child.check()
    try:
        with urllib.request.urlopen(
            url, timeout=5, context=ssl._create_unverified_context()
        ) as got:
            return bool(got.status == 200)
    except OSError:
        return False


def test_the_webhook_serves_from_it(unpacked: Unpacked, product: Product) -> None:
    with feedback.installed(product.cluster) as site:
        arguments = ["admission", f"--address={feedback.ADDRESS}", f"--port={site.port}"]
        with started(product, unpacked, f"{RELEASE}-admission", arguments, site.settings) as child:
            url = f"https://{feedback.ADDRESS}:{site.port}/readyz"
            until(lambda: answers(child, url), "the webhook is ready")
            assert errors(child) == []


def test_the_controller_runs_from_it(unpacked: Unpacked, product: Product) -> None:
    (port,) = free_ports(1, "127.0.0.1")
    url = f"http://127.0.0.1:{port}/healthz"
    arguments = ["controller", f"--liveness={url}"]
    with started(product, unpacked, RELEASE, arguments, product.settings) as child:
        until(lambda: answers(child, url), "the controller answers its probe")
        until(lambda: "controller.ready" in child.command.log.read_text(), "it has seen everything")
        assert errors(child) == []
