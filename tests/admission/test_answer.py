"""What whoever makes a request is told."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.admission import wording
from phiwarden.admission.answer import SILENCE, Answer, Attempt, Spokesman, worth_judging
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Example, Severity
from phiwarden.rulebook.shapes import WORKLOADS

DEPLOYMENT = WORKLOADS.kinds[0]
ZONE = examples.ZONE
JUDGE = standard_judge()
SPOKESMAN = Spokesman.of(JUDGE.rules)
BAD = Example(
    container={
        "image": "nginx",
        "securityContext": {"privileged": True, "readOnlyRootFilesystem": True},
    }
)
W = Example(pod={"nodeSelector": None})
"""Breaks PHI-RES-001, which only warns in administrative zones."""


def attempt(example: Example = BAD, **fields: Any) -> Attempt:
    obj = examples.manifest(DEPLOYMENT, examples.pod_template(example))
    usual = {
        "username": "developer",
        "groups": frozenset(["system:authenticated"]),
        "operation": "CREATE",
        "namespace": "portal-clinical",
        "obj": obj,
    }
    return Attempt(**{**usual, **fields})


def answer(tried: Attempt, zone: ZoneBoundary = ZONE) -> Answer:
    return SPOKESMAN.answer(tried, zone, JUDGE.failures(tried.obj, zone))


def test_a_refusal_is_written_for_whoever_reads_it() -> None:
    told = answer(attempt())
    assert not told.allowed
    assert told.warnings == ()
    assert told.message == (
        "Deployment app breaks 3 rules of zone clinical of portal (direct-care, data phi). A"
        " privileged container, or one that can become so, owns the node and with it the patient"
        " data of every pod there.\n"
        "\n"
        "PHI-POD-001  No container gains privileges\n"
        "  spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation\n"
        "    privilege escalation is not switched off (found absent)\n"
        "  spec.template.spec.containers[0].securityContext.privileged\n"
        "    container is privileged (found true)\n"
        "  spec.template.spec.containers[0].securityContext.capabilities.drop\n"
        "    container keeps the runtime's capabilities (found absent)\n"
        "  fix: set securityContext.allowPrivilegeEscalation to false, drop ALL capabilities, add"
        " none other\n"
        "       than NET_BIND_SERVICE, and leave privileged and seLinuxOptions out\n"
        "\n"
        "PHI-IMG-001  Every image is pinned by digest\n"
        "  spec.template.spec.containers[0].image\n"
        "    image is not pinned by digest (found nginx)\n"
        "  fix: name the image by digest: registry/repository@sha256:<64 hex digits>\n"
        "\n"
        "PHI-IMG-002  Every image comes from a registry that the zone approves\n"
        "  spec.template.spec.containers[0].image\n"
        "    image comes from a registry that the zone does not approve (found nginx)\n"
        "  fix: push the image to a registry listed in the zone's images.registries, and name it"
        " in full\n"
        "\n"
        "More about a rule, with good and bad examples:\n"
        "  kubectl phi explain PHI-POD-001\n"
        "\n"
        "If it cannot be mended now, ask for an exception; somebody else has to approve it:\n"
        "  kubectl phi request-exception Deployment/app -n portal-clinical --rule PHI-IMG-001"
        " --rule PHI-IMG-002 --rule PHI-POD-001"
    )


def test_there_is_no_way_to_an_exception_where_there_can_be_none() -> None:
    unnamed = attempt()
    generated = {**unnamed.obj, "metadata": {"generateName": "app-"}}
    assert "exception" not in answer(attempt(obj=generated)).message
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "x"},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["198.51.100.9"]}],
    }
    told = answer(attempt(obj=slice_))
    assert not told.allowed
    assert "exception" not in told.message


@pytest.mark.parametrize("level", ["enforce", "warn", "observe"])
def test_a_good_object_is_met_with_silence(level: str) -> None:
    assert answer(attempt(Example()), replace(ZONE, enforcement=level)) == SILENCE


def test_observing_tells_nobody() -> None:
    assert answer(attempt(), replace(ZONE, enforcement="observe")) == SILENCE


def test_warning_names_every_rule_with_its_place_and_fix() -> None:
    told = answer(attempt(), replace(ZONE, enforcement="warn"))
    assert told.allowed
    assert [warning.split()[0] for warning in told.warnings] == [
        "PHI-POD-001",
        "PHI-IMG-001",
        "PHI-IMG-002",
    ]
    assert told.warnings[1] == (
        "PHI-IMG-001 would be refused by an enforcing zone: spec.template.spec.containers[0].image;"
        " fix: name the image by digest: registry/repository@sha256:<64 hex digits>"
    )
    assert "and 2 more" in told.warnings[0]


@pytest.mark.parametrize("level", ["enforce", "warn"])
def test_a_rule_that_only_warns_tells_the_whole_story(level: str) -> None:
    told = answer(attempt(W), replace(ZONE, enforcement=level, impact="administrative"))
    (warning,) = told.warnings
    assert told.allowed
    assert warning.startswith("PHI-RES-001 spec.template.spec.nodeSelector: pod is not pinned")
    assert "(found absent); fix: " in warning


def test_a_refusal_warns_besides_of_what_would_only_be_warned_of() -> None:
    both = Example(container={"image": "nginx"}, pod={"nodeSelector": None})
    told = answer(attempt(both), replace(ZONE, impact="administrative"))
    assert not told.allowed
    assert "PHI-RES-001" not in told.message
    assert [warning.split()[0] for warning in told.warnings] == ["PHI-RES-001"]


def failure(rule: str, number: int = 0, severity: Severity = Severity.DENY) -> Failure:
    path = f"spec.containers[{number}].image"
    return Failure(rule, severity, path, path, "is wrong", "nginx", "mend it " * 60)


def test_many_places_are_counted() -> None:
    many = [failure("PHI-IMG-001", number) for number in range(40)]
    message = wording.refusal("Pod", "app", ZONE, many, SPOKESMAN.rules)
    assert "and 28 more places" in message
    assert message.count("fix: ") == 1


@given(
    st.lists(
        st.builds(
            failure,
            st.from_regex(r"PHI-[A-Z]{3}-[0-9]{3}", fullmatch=True),
            st.integers(0, 99),
            st.sampled_from([Severity.DENY, Severity.WARN]),
        ),
        max_size=60,
    )
)
def test_warnings_fit_into_what_the_api_server_passes_on(failures: list[Failure]) -> None:
    denied = [found for found in failures if found.severity is Severity.DENY]
    warned = [found for found in failures if found.severity is Severity.WARN]
    lines = wording.warnings(denied, warned)
    assert len(lines) <= wording.WARNINGS
    assert all(len(line) <= 256 and line.isprintable() for line in lines)
    assert sum(map(len, lines)) < 4096 - 256
    rules = {(found.rule, found.severity) for found in failures}
    if len(rules) > wording.WARNINGS:
        assert lines[-1] == f"and {len(rules) - 9} more rules: kubectl phi check"


@pytest.mark.parametrize("name", ["\x1b[2Japp", "app\nDeployment ok", "ä", "a" * 200])
def test_a_name_that_is_not_fit_for_a_terminal_is_not_shown(name: str) -> None:
    bad = copy.deepcopy(dict(attempt().obj))
    bad["metadata"] = {"name": name}
    told = answer(attempt(obj=bad))
    assert name not in told.message
    assert told.message.startswith("Deployment (name not shown) breaks 3 rules")


def test_a_name_that_is_yet_to_be_made_up_is_shown_by_its_start() -> None:
    assert attempt(obj={"metadata": {"generateName": "app-"}}).name == "app-"


OLD = examples.manifest(DEPLOYMENT, examples.pod_template(BAD))


@pytest.mark.parametrize(
    ("fields", "worth"),
    [
        pytest.param({}, True, id="a new object"),
        pytest.param({"operation": "UPDATE", "old": OLD}, False, id="nothing changed"),
        pytest.param(
            {"operation": "UPDATE", "old": examples.manifest(DEPLOYMENT, {"spec": {}})},
            True,
            id="the template changed",
        ),
        pytest.param({"operation": "UPDATE"}, False, id="no old object"),
        pytest.param({"operation": "DELETE"}, False, id="a removal"),
        pytest.param({"operation": "CONNECT"}, False, id="a connection"),
        pytest.param(
            {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            False,
            id="a controller that makes pods",
        ),
    ],
)
def test_only_what_the_policies_judge_is_judged(fields: dict[str, Any], worth: bool) -> None:
    assert worth_judging(attempt(**fields)) is worth
