"""A platform engineer declares a workload, and is told at once what cannot be.

Everything here is the API server's own answer to a PHIWorkload: no operator
runs, so what is refused is refused whether or not one does.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from e2e.controlplane import ControlPlane, wait_until
from phiwarden.api.workload import WorkloadSpec
from tests.api.declarations import (
    ACCEPTED,
    EXAMPLES,
    TRANSITIONS,
    Changes,
    Manifest,
    Transition,
    changed,
    portal,
)
from tests.api.drawn import EDGES, Values, values
from tests.api.rejections import BAD_NAMES, REJECTED, Rejected

ROOT = Path(__file__).parents[1]
CRD = "crd/phiworkloads.phiwarden.dev"
SECONDS = 60.0


@pytest.fixture(scope="module", autouse=True)
def api(cluster: ControlPlane) -> None:
    """Have the API served, whoever else installed it."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", f"-f={ROOT / 'crds'}")
    cluster.kubectl("wait", "--for=condition=Established", CRD, f"--timeout={SECONDS:.0f}s")


@pytest.fixture
def name(cluster: ControlPlane) -> Iterator[str]:
    """A name for a workload of the test's own, which is removed after it."""
    unique = f"declared-{uuid.uuid4().hex[:8]}"
    yield unique
    cluster.kubectl("delete", "phiworkload", unique, "--ignore-not-found", "--wait=false")


def create(cluster: ControlPlane, manifest: Manifest, *, check: bool = True) -> Any:
    return cluster.kubectl(
        "create", "--dry-run=server", "-o=json", "-f=-", input=json.dumps(manifest), check=check
    )


def renamed(manifest: Manifest, name: str) -> Manifest:
    """Return a manifest under another name, which `$` stands for in its values."""
    text = json.dumps(manifest).replace('"$-', f'"{name}-').replace('"portal-', f'"{name}-')
    return changed(json.loads(text), {"metadata.name": name})


def answers(stderr: str) -> list[tuple[str, str]]:
    """Return the fields that an answer names, each with what it says of it."""
    lines = stderr.split(" is invalid: ", 1)[-1].split("\n* ")
    found = (line.strip().removeprefix("* ").partition(": ") for line in lines)
    return [(field, words) for field, _, words in found if field]


def assert_refused(stderr: str, path: str, says: tuple[str, ...]) -> None:
    of_field = [words for field, words in answers(stderr) if field == path]
    assert of_field, stderr
    assert any(all(word in words for word in says) for words in of_field), stderr


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case.what)
def test_a_bad_declaration_is_refused_with_the_field_and_the_offender(
    cluster: ControlPlane, case: Rejected
) -> None:
    answer = create(cluster, changed(portal(), case.changes), check=False)
    assert answer.returncode != 0, "it was accepted"
    assert_refused(answer.stderr, case.path, case.says)


@pytest.mark.parametrize("bad", BAD_NAMES)
def test_a_workload_whose_name_cannot_begin_a_namespaces_is_refused(
    cluster: ControlPlane, bad: str
) -> None:
    answer = create(cluster, changed(portal(), {"metadata.name": bad}), check=False)
    assert answer.returncode != 0, "it was accepted"
    assert_refused(answer.stderr, "metadata.name", (BAD_NAMES[bad],))


@pytest.mark.parametrize("what", ACCEPTED)
def test_a_good_declaration_is_accepted_and_what_is_stored_is_parsed(
    cluster: ControlPlane, what: str
) -> None:
    stored = json.loads(create(cluster, changed(portal(), ACCEPTED[what])).stdout)
    WorkloadSpec.model_validate(stored["spec"])


@pytest.mark.parametrize("file", ["phiworkload.yaml", "billing.yaml"])
def test_an_example_is_accepted_as_it_is_written(cluster: ControlPlane, file: str) -> None:
    cluster.kubectl("create", "--dry-run=server", f"-f={EXAMPLES / file}")


def test_a_misspelt_field_is_refused(cluster: ControlPlane) -> None:
    answer = create(cluster, changed(portal(), {"zones[0].namepace": "x"}), check=False)
    assert 'unknown field "spec.zones[0].namepace"' in answer.stderr


def test_what_is_left_out_is_stored_with_scalar_defaults_alone(cluster: ControlPlane) -> None:
    declared = changed(portal(), {"zones[2]": {"name": "analytics", "data": "deidentified"}})
    stored = json.loads(create(cluster, declared).stdout)["spec"]
    assert stored["enforcement"] == "enforce"
    assert stored["zones"][2] == {
        "name": "analytics",
        "data": "deidentified",
        "adopt": False,
        "exposure": "none",
    }


@pytest.mark.parametrize("server_side", [False, True], ids=["update", "server-side apply"])
@pytest.mark.parametrize("case", TRANSITIONS, ids=lambda case: case.what)
def test_a_stored_declaration_changes_only_as_it_may(
    cluster: ControlPlane, name: str, case: Transition, server_side: bool
) -> None:
    def apply(changes: Changes, *, check: bool) -> Any:
        declared = json.dumps(renamed(changed(portal(), changes), name))
        how = ["apply", "--server-side"] if server_side else ["replace"]
        return cluster.kubectl(*how, "-f=-", input=declared, check=check)

    first = json.dumps(renamed(changed(portal(), case.before), name))
    how = ["apply", "--server-side"] if server_side else ["create"]
    cluster.kubectl(*how, "-f=-", input=first)
    answer = apply(case.after, check=False)
    if not case.path:
        assert answer.returncode == 0, answer.stderr
        return
    assert answer.returncode != 0, "it was accepted"
    assert_refused(answer.stderr, case.path, case.says)


def test_a_status_may_leave_out_what_it_does_not_know(cluster: ControlPlane, name: str) -> None:
    cluster.kubectl("create", "-f=-", input=json.dumps(renamed(portal(), name)))
    status = {
        "conditions": [{"type": "Ready", "status": "False"}],
        "zones": [{"name": "edge", "violations": [{"kind": "Deployment"}]}],
        "remediations": [{"action": "Held"}],
    }
    cluster.kubectl(
        "patch",
        "phiworkload",
        name,
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps({'status': status})}",
    )
    got = cluster.kubectl("get", "phiworkload", name, "-o=json").stdout
    assert json.loads(got)["status"] == status


def test_a_table_shows_what_matters_under_the_short_name(cluster: ControlPlane, name: str) -> None:
    cluster.kubectl("create", "-f=-", input=json.dumps(renamed(portal(), name)))
    status = {
        "conditions": [
            {"type": "Ready", "status": "True", "message": "all stands"},
            {"type": "Compliant", "status": "False"},
        ],
        "violations": 3,
        "quarantined": 1,
    }
    cluster.kubectl(
        "patch",
        "phiw",
        name,
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps({'status': status})}",
    )
    head, row = cluster.kubectl("get", "phiw", name).stdout.splitlines()
    assert head.split()[:8] == [
        "NAME",
        "IMPACT",
        "ENVIRONMENT",
        "ENFORCEMENT",
        "READY",
        "COMPLIANT",
        "VIOLATIONS",
        "QUARANTINED",
    ]
    expected = [name, "direct-care", "production", "enforce", "True", "False", "3", "1"]
    assert row.split()[:8] == expected
    wide = cluster.kubectl("get", "phiw", name, "-o=wide").stdout
    assert "digital-health" in wide
    assert "all stands" in wide


def test_the_category_phi_lists_workloads(cluster: ControlPlane, name: str) -> None:
    cluster.kubectl("create", "-f=-", input=json.dumps(renamed(portal(), name)))
    assert f"phiworkload.phiwarden.dev/{name}" in cluster.kubectl("get", "phi", "-o=name").stdout


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("spec.flows", "Permitted flows; everything else is refused"),
        ("spec.flows.deidentifiedBy", "PHI-DAT-002"),
        ("spec.zones.quota.cpu", "Sum of CPU requests in cores"),
        ("spec.zones.quota.memory", "Sum of memory limits in bytes"),
        ("spec.externals.agreement.expires", "Last day on which it is in force"),
        ("spec.rollback.keepRevisions", "PHI-REL-001"),
        ("status.zones.state", "Enforced: the boundary stands"),
    ],
)
def test_explain_tells_what_a_field_means(cluster: ControlPlane, field: str, words: str) -> None:
    def explained() -> str | None:
        # The API server publishes the description of a new API a moment after it serves it.
        answer = cluster.kubectl("explain", f"phiworkload.{field}", check=False)
        return answer.stdout if answer.returncode == 0 else None

    told = wait_until(explained, f"kubectl explain phiworkload.{field}", SECONDS)
    assert words in re.sub(r"\s+", " ", told)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=values)
@example(drawn=EDGES)
def test_parsing_and_the_api_server_agree_on_every_value(
    cluster: ControlPlane, drawn: Values
) -> None:
    answer = create(cluster, drawn.declared(), check=False)
    refused = {field for field, _ in answers(answer.stderr)} if answer.returncode else set()
    assert refused == drawn.refused()
