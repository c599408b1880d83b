"""Whoever reaches into a running pod: with a shell, a tunnel, a debug container, through the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from e2e import zones
from e2e.guard.boundary import Zone, refused
from e2e.rest import STRATEGIC, Answer, Rest
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import PODS, SERVICE

RULE = "PHI-IDN-004"
(POD,) = PODS.kinds
GOOD = examples.manifest(POD, examples.pod_template(Example()), name="running")
DEBUG = examples.pod_template(Example(), "ephemeralContainers")["spec"]["ephemeralContainers"]
PORTS = {"selector": {"app": "app"}, "ports": [{"port": 8443}]}

CONNECTS = (
    ("POST", "pods/running/exec", {"command": "sh", "stdin": "true"}),
    ("GET", "pods/running/exec", {"command": "sh", "stdout": "true"}),
    ("POST", "pods/running/attach", {"stdin": "true"}),
    ("GET", "pods/running/attach", {"stdout": "true"}),
    ("POST", "pods/running/portforward", {"ports": "8443"}),
    ("GET", "pods/running/portforward", {"ports": "8443"}),
    ("GET", "pods/running/proxy", {}),
    ("PUT", "pods/running:8443/proxy/patients", {}),
    ("DELETE", "pods/https:running:8443/proxy/patients/1", {}),
    ("GET", "services/running/proxy", {}),
    ("POST", "services/https:running:8443/proxy/patients", {}),
)


def filled(engineer: Rest, namespace: str) -> str:
    """Put a pod and a Service in a namespace."""
    assert engineer.create(collection(POD, namespace), GOOD).ok
    service = {"metadata": {"name": "running"}, "spec": PORTS}
    assert engineer.create(collection(SERVICE, namespace), service).ok
    return namespace


def reach(who: Rest, namespace: str, method: str, way: str, query: dict[str, str]) -> Answer:
    return who.request(method, f"{zones.CORE}/{namespace}/{way}", **query)


def debug(who: Rest, namespace: str) -> Answer:
    change = {"spec": {"ephemeralContainers": DEBUG}}
    path = f"{collection(POD, namespace)}/running/ephemeralcontainers"
    return who.request("PATCH", path, change, content=STRATEGIC)


@pytest.fixture(scope="module")
def entered(zone: Zone) -> Iterator[Zone]:
    """The zone, with something in it to reach into."""
    filled(zone.engineer, zone.name)
    yield zone
    for kind in (POD, SERVICE):
        zone.engineer.delete(f"{collection(kind, zone.name)}/running")


@pytest.mark.parametrize(("method", "way", "query"), CONNECTS)
def test_nobody_reaches_into_a_pod(
    entered: Zone, root: Rest, method: str, way: str, query: dict[str, str]
) -> None:
    """Not even those who may change the boundary itself: they would leave no trace."""
    for who in (entered.engineer, root, entered.operator):
        refused(reach(who, entered.name, method, way, query), RULE, "cannot")
    answer = reach(entered.engineer, entered.name, method, way, query)
    assert answer.code == 403
    subresource = way.split("/")[2]
    assert f"opens a way into a running pod (found {subresource})" in answer.message
    assert "kubectl logs" in answer.message


def test_nobody_adds_a_debug_container(entered: Zone, root: Rest) -> None:
    for who in (entered.engineer, entered.developer, root):
        refused(debug(who, entered.name), RULE, "cannot")
    stored = root.get(f"{collection(POD, entered.name)}/running").body["spec"]
    assert "ephemeralContainers" not in stored


def test_logs_and_the_pod_itself_are_read_all_the_same(entered: Zone) -> None:
    path = f"{collection(POD, entered.name)}/running"
    assert entered.developer.get(path).ok
    # The simulated kubelet has no logs; no policy has anything to do with that.
    assert RULE not in entered.developer.get(f"{path}/log").message


@pytest.mark.parametrize(
    ("data", "environment", "shut"),
    [
        ("phi", "production", True),
        ("none", "production", True),
        ("synthetic", "production", True),
        ("deidentified", "test", True),
        ("phi", "development", True),
        ("synthetic", "staging", False),
        ("none", "development", False),
    ],
)
def test_where_no_patient_data_is_and_nothing_leads_to_it_sessions_are_free(
    root: Rest, engineer: Rest, data: str, environment: str, shut: bool
) -> None:
    boundary = replace(zones.unique(examples.ZONE), data=data, environment=environment)
    with zones.zone(root, boundary) as namespace:
        filled(engineer, namespace)
        answers = [reach(engineer, namespace, *way) for way in CONNECTS]
        answers.append(debug(engineer, namespace))
        assert [RULE in answer.message for answer in answers] == [shut] * len(answers)
        assert answers[-1].ok is not shut


def test_a_zone_that_only_warns_says_so(root: Rest, engineer: Rest) -> None:
    boundary = replace(zones.unique(examples.ZONE), enforcement="warn")
    with zones.zone(root, boundary) as namespace:
        filled(engineer, namespace)
        answer = debug(engineer, namespace)
        assert answer.ok, answer.message
        assert any(RULE in warning for warning in answer.warnings)
        way, query = "pods/running/exec", {"command": "sh"}
        assert RULE not in reach(engineer, namespace, "POST", way, query).message


KUBELET = (
    ("GET", "exec/{}/running/app", {"command": "id"}),
    ("POST", "run/{}/running/app", {"cmd": "id"}),
    ("POST", "attach/{}/running/app", {}),
    ("POST", "portForward/{}/running", {}),
    ("POST", "checkpoint/{}/running/app", {}),
    ("GET", "cri/exec/token", {}),
    ("GET", "logs/", {}),
    ("GET", "metrics/../exec/{}/running/app", {"command": "id"}),
    ("GET", "/exec/{}/running/app", {"command": "id"}),
    ("GET", "%65xec/{}/running/app", {"command": "id"}),
    ("GET", "", {}),
)


@pytest.fixture(scope="module")
def kubelet(root: Rest) -> str:
    (node, *_) = root.get("/api/v1/nodes").body["items"]
    return f"/api/v1/nodes/{node['metadata']['name']}/proxy"


@pytest.mark.parametrize(("method", "way", "query"), KUBELET)
def test_nobody_asks_a_kubelet_to_run_commands(
    entered: Zone, root: Rest, kubelet: str, method: str, way: str, query: dict[str, str]
) -> None:
    for who in (entered.engineer, root):
        answer = who.request(method, f"{kubelet}/{way.format(entered.name)}", **query)
        refused(answer, RULE, "cannot")


@pytest.mark.parametrize(
    "way", ["healthz", "metrics", "metrics/cadvisor", "stats/summary", "pods/"]
)
def test_a_kubelet_is_asked_how_it_is(entered: Zone, kubelet: str, way: str) -> None:
    """The simulated node has no kubelet that could answer; no policy has anything against it."""
    assert RULE not in entered.engineer.get(f"{kubelet}/{way}").message
