"""What stands for what, when an object has an exception."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest

from phiwarden.api.exception import LONGEST, LONGEST_EMERGENCY
from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.exceptions import exceptable, excused
from phiwarden.rulebook.model import Example, rulebook
from phiwarden.rulebook.shapes import WORKLOADS

UNTIL = "2027-01-01T00:00:00Z"
DEPLOYMENT, *_ = WORKLOADS.kinds
TAGGED = Example(container={"image": "registry.hospital.example/portal/api:1", "args": ["-v"]})


def zone(*entries: str) -> Any:
    return replace(examples.ZONE, exceptions=tuple(f"{entry}/{UNTIL}" for entry in entries))


def made(
    kind: str, name: str, *owners: tuple[str, str], controller: bool = True, group: str = "apps/v1"
) -> dict[str, Any]:
    listed = [
        {
            "apiVersion": "batch/v1" if k in ("Job", "CronJob") else group,
            "kind": k,
            "name": n,
            "controller": controller,
        }
        for k, n in owners
    ]
    return {"kind": kind, "metadata": {"name": name, "ownerReferences": listed}}


@pytest.mark.parametrize(
    ("obj", "entry", "counts"),
    [
        (made("Deployment", "api"), "Deployment/api", True),
        (made("Deployment", "api"), "Deployment/api-2", False),
        (made("StatefulSet", "api"), "Deployment/api", False),
        (made("ReplicaSet", "api-5d8f", ("Deployment", "api")), "Deployment/api", True),
        (made("Pod", "api-5d8f-x", ("ReplicaSet", "api-5d8f")), "Deployment/api", True),
        (made("Pod", "api-b-5d8f-x", ("ReplicaSet", "api-b-5d8f")), "Deployment/api", False),
        (made("Pod", "api-5d8f-x", ("ReplicaSet", "api")), "Deployment/api", False),
        (made("Pod", "api-0", ("StatefulSet", "api")), "StatefulSet/api", True),
        (made("Job", "api-29000000", ("CronJob", "api")), "CronJob/api", True),
        (made("Pod", "p", ("Job", "api-29000000")), "CronJob/api", True),
        (made("Pod", "p", ("Job", "api-by-hand")), "CronJob/api", False),
        (made("Pod", "p", ("ReplicaSet", "api-5d8f"), controller=False), "Deployment/api", False),
        (made("Pod", "api"), "Deployment/api", False),
        # No controller makes these, whatever owner they name.
        (made("Deployment", "evil", ("Deployment", "api")), "Deployment/api", False),
        (made("CronJob", "evil", ("CronJob", "api")), "CronJob/api", False),
        (
            made("ReplicaSet", "evil", ("Deployment", "api"), group="evil.example/v1"),
            "Deployment/api",
            False,
        ),
    ],
)
def test_what_controllers_make_of_a_template_stands_for_it(
    obj: dict[str, Any], entry: str, counts: bool
) -> None:
    found = excused(zone(f"PHI-IMG-001/{entry}"), obj)
    assert found == (frozenset({"PHI-IMG-001"}) if counts else frozenset())


def test_only_the_rule_that_is_named_may_be_broken() -> None:
    obj = examples.manifest(DEPLOYMENT, examples.pod_template(TAGGED), name="api")
    broken = {failure.rule for failure in standard_judge().failures(obj, zone())}
    assert broken == {"PHI-IMG-001"}
    for entry in ("PHI-IMG-002/Deployment/api", "PHI-IMG-001/Deployment/app"):
        assert {f.rule for f in standard_judge().failures(obj, zone(entry))} == broken
    assert standard_judge().failures(obj, zone("PHI-IMG-001/Deployment/api")) == ()


def test_what_keeps_the_boundary_has_no_exceptions() -> None:
    found = exceptable(rulebook())
    assert {"PHI-IMG-001", "PHI-POD-001", "PHI-NET-001", "PHI-REL-002"} <= found
    assert not {rule for rule in found if rule.startswith("PHI-GRD-")}
    # Of a shell, a deletion or a write of a Secret nothing is stored that would tell the time.
    assert not {"PHI-IDN-004", "PHI-VOL-004", "PHI-SEC-004"} & found


def test_the_api_server_allows_terms_as_long_as_python_does() -> None:
    (rule,) = (rule for rule in rulebook() if rule.id == "PHI-GRD-007")
    (asked,) = (check.offends for check in rule.checks if "duration('72h')" in check.offends)
    terms = re.findall(r"(?:([a-z-]+)' \? )?duration\('([0-9]+)h'\)", asked)
    hours = {impact.value: int(term / dt.timedelta(hours=1)) for impact, term in LONGEST.items()}
    emergency = int(LONGEST_EMERGENCY / dt.timedelta(hours=1))
    assert {impact: int(term) for impact, term in terms if impact} == {
        impact: term for impact, term in hours.items() if impact != "direct-care"
    }
    assert [int(term) for impact, term in terms if not impact] == [emergency, hours["direct-care"]]
