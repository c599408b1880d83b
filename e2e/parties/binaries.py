"""The controllers that are built: each from the project's own source, as its go.sum pins it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from e2e.controlplane import build
from e2e.controlplane.build import STRIP, Binary, Module
from e2e.parties.trimmed import Trimmed

MODULES = Path(__file__).with_name("modules")
EXTERNAL_SECRETS = "github.com/external-secrets/external-secrets"
_SNAPSHOTTER = "github.com/kubernetes-csi/external-snapshotter/v8"

_external_secrets = Trimmed(
    "external-secrets",
    STRIP,
    700,
    MODULES,
    source=EXTERNAL_SECRETS,
    pins=MODULES / "external-secrets-source",
    # With every cloud's provider it would be three times as much to build.
    replaced=(
        ("pkg/provider/register/register.go", "providers.go"),
        ("pkg/generator/register/register.go", "generators.go"),
    ),
)
_cert_manager = Module("cert-manager", STRIP, 990, MODULES)
_snapshotter = Module("external-snapshotter", STRIP, 870, MODULES)

BINARIES: Mapping[str, Binary] = {
    binary.name: binary
    for binary in (
        Binary("external-secrets", _external_secrets, EXTERNAL_SECRETS),
        Binary("cert-manager", _cert_manager, "phiwarden.dev/e2e/parties/cert-manager"),
        Binary("snapshot-controller", _snapshotter, f"{_SNAPSHOTTER}/cmd/snapshot-controller"),
    )
}


def ensure(names: Iterable[str] = tuple(BINARIES)) -> dict[str, Path]:
    """Return the path of each named controller; those that are missing are built, in minutes.

    Raises BuildError with the compiler's last lines.
    """
    return build.ensure(names, BINARIES)
