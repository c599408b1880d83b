"""Objects made to break the judge: both the API server and Python answer, soon and readably."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from e2e import zones
from e2e.product import Product
from e2e.rest import Answer, Rest, connect
from e2e.waiting import until
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example, Severity
from phiwarden.rulebook.policies import MESSAGE_LIMIT
from phiwarden.rulebook.shapes import PODS, WORKLOADS

Body = dict[str, Any]
(POD,) = PODS.kinds
DEPLOYMENT = WORKLOADS.kinds[0]
MEGABYTE = 1_000_000
SECONDS = 30.0
"""What a request may take at most: by then kubectl has given up."""
"""What a verdict may take on a busy machine; the slowest takes a tenth of it."""

CODE = ("variables.pod", "startsWith(", ".exists(", ".filter(", "failed expression")
"""What a message shows that fell back to the text of a rule."""


@pytest.fixture(scope="module")
def engineer(product: Product) -> Rest:
    return connect(product.cluster.kubeconfig_for("platform-engineer"))


@pytest.fixture(scope="module")
def zone(product: Product, engineer: Rest) -> Iterator[str]:
    with zones.zone(connect(product.cluster.kubeconfig), zones.unique(examples.ZONE)) as name:
        path = collection(POD, name)
        until(
            lambda: engineer.create(path, pod(hostPID=True), dry_run=True).code == 403, "enforced"
        )
        yield name


def _template() -> Body:
    return copy.deepcopy(examples.pod_template(Example()))


def pod(metadata: Body | None = None, **spec: Any) -> Body:
    template = _template()
    template["spec"] |= spec
    template["metadata"] |= metadata or {}
    return examples.manifest(POD, template)


def container(**fields: Any) -> Body:
    return pod(containers=[{**_template()["spec"]["containers"][0], **fields}])


def containers(count: int, **fields: Any) -> Body:
    usual = _template()["spec"]["containers"][0]
    return pod(containers=[{**usual, "name": f"c{i}", **fields} for i in range(count)])


def env(count: int, name: str) -> Body:
    return container(env=[{"name": f"{name}_{i}", "value": f"value {i}"} for i in range(count)])


PASSES: dict[str, Callable[[], Body]] = {
    "a hundred containers": lambda: containers(100),
    "a thousand variables": lambda: env(1000, "SETTING"),
    "a value of 100 kB": lambda: container(env=[{"name": "X", "value": "a" * 100_000}]),
    "an annotation of 250 kB": lambda: pod({"annotations": {"k": "x" * 250_000}}),
    "an annotation nested ten thousand deep": lambda: pod(
        {"annotations": {"k": "[" * 10_000 + "]" * 10_000}}
    ),
    "a thousand volumes": lambda: pod(
        volumes=[{"name": f"v{i}", "emptyDir": {}} for i in range(1000)]
    ),
    "null fields and empty lists": lambda: pod(
        volumes=None,
        initContainers=[],
        hostNetwork=None,
        affinity={},
        containers=[
            {
                **_template()["spec"]["containers"][0],
                "env": None,
                "args": [],
                "ports": [],
                "livenessProbe": None,
                "lifecycle": {},
            }
        ],
    ),
}


@pytest.mark.parametrize("case", PASSES)
def test_what_is_large_but_right_passes(zone: str, engineer: Rest, case: str) -> None:
    obj = PASSES[case]()
    assert ask(engineer, zone, obj).ok
    assert judge(obj) == []


REFUSED: dict[str, Callable[[], Body]] = {
    "a thousand bad containers": lambda: containers(1000, image="nginx", securityContext=None),
    "twenty bad containers": lambda: containers(20, image="nginx"),
    "ten thousand passwords": lambda: env(10_000, "PASSWORD"),
    "three thousand folders of the node": lambda: pod(
        volumes=[{"name": f"v{i}", "hostPath": {"path": "/x"}} for i in range(3000)]
    ),
    "a password in ten thousand words": lambda: container(args=[*["x"] * 10_000, "--password=x"]),
    "an image of a megabyte": lambda: container(image="docker.io/" + "a/" * (MEGABYTE // 2)),
    "a found value with control characters": lambda: container(image="nginx\n\x1b[2J\u202e'); x"),
    "a found value in another script": lambda: container(image="\u0440egistry/\U0001f600"),
    "a found value with the separator": lambda: container(image="nginx | PHI-OK fine"),
    "an empty selector of regions": lambda: pod(nodeSelector={}),
    "null for what is asked of every container": lambda: container(securityContext=None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_large_or_odd_and_wrong_is_refused_readably(
    zone: str, engineer: Rest, case: str
) -> None:
    obj = REFUSED[case]()
    answer = ask(engineer, zone, obj)
    assert not answer.ok
    assert answer.code == 422 or "PHI-" in answer.message or "too many to list" in answer.message
    readable(answer)
    assert judge(obj)


BULKY: dict[str, Callable[[], Body]] = {
    "ten thousand variables": lambda: env(10_000, "SETTING"),
    "a value of a megabyte": lambda: container(env=[{"name": "X", "value": "a" * MEGABYTE}]),
    "a megabyte of almost keys": lambda: container(
        env=[{"name": "X", "value": "-----BEGIN " * (MEGABYTE // 11)}]
    ),
    "a megabyte of almost logins": lambda: container(
        args=["a://b:" * (MEGABYTE // 6), "://" + "a" * MEGABYTE]
    ),
    "a megabyte of almost options": lambda: container(args=["--" + "password" * (MEGABYTE // 8)]),
    "a name of a megabyte": lambda: container(
        env=[{"name": "_token1" * (MEGABYTE // 7) + "x", "value": "x"}]
    ),
}


@pytest.mark.parametrize("case", BULKY)
def test_what_is_too_much_to_look_through_is_refused_for_that(
    zone: str, engineer: Rest, case: str
) -> None:
    obj = BULKY[case]()
    answer = ask(engineer, zone, obj)
    assert answer.code == 403
    assert "PHI-GRD-004 spec.containers: " in answer.message
    readable(answer)
    assert "PHI-GRD-004" in judge(obj)


def test_the_largest_object_that_the_api_server_takes_is_judged_in_time(
    zone: str, engineer: Rest
) -> None:
    obj = containers(1000)
    ask(engineer, zone, obj)
    assert judge(obj) == []


def test_a_thousand_failures_do_not_hide_which_rule_was_broken(zone: str, engineer: Rest) -> None:
    answer = ask(engineer, zone, REFUSED["a thousand bad containers"]())
    head, _, _ = answer.message.partition(" refuses this: ")
    assert "broken: PHI-IMG-001, PHI-IMG-002" in head
    assert "PHI-IMG-001 spec.containers[c0].image" in answer.message
    assert answer.message.endswith(" ...")


MALFORMED: tuple[Body, ...] = (
    {"spec": None},
    {"spec": {"containers": None}},
    {"spec": {"containers": []}},
    {"spec": {"containers": "x"}},
    {"spec": {"containers": [None]}},
    {"spec": {"containers": [{"name": "app", "image": 5}]}},
    {"spec": {"containers": [{"name": "app", "env": {}}]}},
    {"spec": {"volumes": {"name": "x"}}},
    {"spec": []},
)


@pytest.mark.parametrize("number", range(len(MALFORMED)))
def test_what_is_no_object_at_all_is_refused_by_the_api_server_and_survived_by_python(
    zone: str, engineer: Rest, number: int
) -> None:
    for kind in (POD, DEPLOYMENT):
        head = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "app"}}
        part = MALFORMED[number]
        obj = {**head, **(part if kind is POD else {"spec": {"template": part}})}
        assert engineer.create(collection(kind, zone), obj, dry_run=True).code in (400, 403, 422)
        standard_judge().failures(obj, examples.ZONE)


def test_a_warning_of_a_thousand_failures_is_cut_and_not_lost(
    product: Product, engineer: Rest
) -> None:
    boundary = replace(zones.unique(examples.ZONE), enforcement="warn")
    with zones.zone(connect(product.cluster.kubeconfig), boundary) as name:
        obj = containers(300, image="nginx")
        path = collection(POD, name)
        answer = until(
            lambda: found if (found := engineer.create(path, obj, dry_run=True)).warnings else None,
            "the caller is warned",
        )
        assert answer.ok
        assert "PHI-IMG-002" in answer.warnings[0]


def ask(engineer: Rest, zone: str, obj: Body) -> Answer:
    begun = time.perf_counter()
    answer = engineer.create(collection(POD, zone), obj, dry_run=True)
    took = time.perf_counter() - begun
    print(f"API server: {answer.code} in {took * 1000:.0f} ms")
    assert took < SECONDS
    return answer


def judge(obj: Body) -> list[str]:
    begun = time.perf_counter()
    failures = standard_judge().failures(obj, examples.ZONE)
    took = time.perf_counter() - begun
    print(f"Python: {len(failures)} failures in {took * 1000:.0f} ms")
    assert took < SECONDS
    return [failure.rule for failure in failures if failure.severity is Severity.DENY]


def readable(answer: Answer) -> None:
    assert len(answer.message) < MESSAGE_LIMIT + 400
    assert not [part for part in CODE if part in answer.message], answer.message
    # The API server's own validation may quote what was sent; a policy shows nothing unprintable.
    if answer.code == 403:
        assert answer.message.isascii()
        assert answer.message.isprintable()
