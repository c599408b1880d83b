"""The generated files are what the models and the rulebook say."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from phiwarden import generate
from phiwarden.api import crd
from phiwarden.api.crd_text import crd_text

ROOT = Path(__file__).parents[1]


def test_the_files_of_the_project_are_what_their_sources_say() -> None:
    assert generate.stale(ROOT) == [], "run make generate"


def test_yaml_reads_back_as_the_definition() -> None:
    assert yaml.safe_load(crd_text(crd.phiworkload())) == crd.phiworkload()


def test_the_same_models_give_the_same_text() -> None:
    assert crd_text(crd.phiworkload()) == crd_text(crd.phiworkload())


def test_check_names_a_file_that_was_edited_or_is_missing_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--root", str(tmp_path)]) == 0
    assert generate.main(["--check", "--root", str(tmp_path)]) == 0
    edited = tmp_path / "crds" / "phiworkloads.yaml"
    edited.write_text(edited.read_text().replace("phiw\n", "phi\n", 1))
    (tmp_path / "charts" / "phiwarden" / "crds" / "phiworkloads.yaml").unlink()
    assert generate.main(["--check", "--root", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "crds/phiworkloads.yaml" in said
    assert "charts/phiwarden/crds/phiworkloads.yaml" in said
    assert not (tmp_path / "charts" / "phiwarden" / "crds" / "phiworkloads.yaml").exists()
