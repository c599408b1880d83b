"""A visitor runs the demo, and can trust what it says."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from e2e.demo.names import Names
from e2e.demo.narrator import Narrator
from e2e.demo.story import Result, Step, tell

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def narrator() -> Narrator:
    return Narrator(Console(file=io.StringIO(), width=100))


def happens(_: None) -> Result:
    return Result("it came back", 0.02)


def fails(_: None) -> Result:
    raise AssertionError("not within 20 s: it came back")


def test_a_step_that_does_not_happen_is_told_and_the_story_goes_on(narrator: Narrator) -> None:
    lines = tell([Step("One", "one", fails), Step("Two", "two", happens)], None, narrator)
    assert [(line.happened, line.ok) for line in lines] == [
        ("not within 20 s: it came back", False),
        ("it came back", True),
    ]
    assert isinstance(narrator.console.file, io.StringIO)
    assert "✗ not within 20 s: it came back" in narrator.console.file.getvalue()


def test_the_story_ends_where_the_rest_cannot_be_told(narrator: Narrator) -> None:
    lines = tell(
        [Step("One", "one", fails, vital=True), Step("Two", "two", happens)], None, narrator
    )
    assert [line.ok for line in lines] == [False]


def test_a_refusal_is_shown_word_for_word(narrator: Narrator) -> None:
    refusal = "Error: zone clinical of portal refuses this: PHI-IMG-001 a.b: c; fix: d | PHI-X e"
    narrator.refusal(refusal)
    assert isinstance(narrator.console.file, io.StringIO)
    assert " ".join(narrator.console.file.getvalue().split()) == refusal


def test_on_a_users_cluster_every_name_is_the_demos_own() -> None:
    manifest = {
        "kind": "PHIWorkload",
        "metadata": {"name": "portal"},
        "spec": {"zones": [{"name": "clinical", "namespace": "portal-clinical"}, {"name": "edge"}]},
    }
    names = Names("-1a2b")
    renamed = names.into(manifest)
    assert renamed["metadata"]["name"] == names.portal == "portal-1a2b"
    assert renamed["spec"]["zones"][0]["namespace"] == names.zone("clinical")
    deployment = {"kind": "Deployment", "metadata": {"name": "web", "namespace": "portal-edge"}}
    assert names.into(deployment)["metadata"] == {"name": "web", "namespace": "portal-1a2b-edge"}


@pytest.mark.usefixtures("binaries")
def test_the_demo_happens_from_its_first_step_to_its_last() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "e2e.demo"],
        cwd=ROOT,
        env={**os.environ, "KEEP": "0", "PHIWARDEN_E2E_USE_KUBECONFIG": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "✗" not in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 110
