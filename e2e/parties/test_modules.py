"""What the controllers and CRDs come from is pinned once, and trimmed only where we say."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from e2e.controlplane import BuildError
from e2e.parties.binaries import BINARIES, EXTERNAL_SECRETS, MODULES
from e2e.parties.trimmed import Trimmed


def required(folder: str, module: str) -> list[str]:
    pattern = rf"^(?:require |\t){re.escape(module)} (v\S+)"
    return re.findall(pattern, (MODULES / folder / "go.mod").read_text(), re.MULTILINE)


def trimmed() -> Trimmed:
    module = BINARIES["external-secrets"].module
    assert isinstance(module, Trimmed)
    return module


def test_the_source_that_is_pinned_is_the_version_whose_dependencies_are() -> None:
    pinned = required("external-secrets-source", EXTERNAL_SECRETS)
    assert pinned
    assert required("external-secrets", EXTERNAL_SECRETS) == pinned


def test_files_of_ours_take_the_place_of_those_that_name_every_cloud(tmp_path: Path) -> None:
    module = trimmed()
    built = module.laid_out(tmp_path)
    for path, ours in module.replaced:
        assert (built / "source" / path).read_text() == (module.folder / ours).read_text()
    assert (built / "go.sum").read_text() == (module.folder / "go.sum").read_text()


def test_a_file_that_the_source_no_longer_has_is_an_error(tmp_path: Path) -> None:
    module = dataclasses.replace(trimmed(), replaced=(("pkg/moved.go", "providers.go"),))
    with pytest.raises(BuildError, match=r"has no pkg/moved\.go"):
        module.laid_out(tmp_path)
