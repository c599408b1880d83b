"""Python's judge survives whatever a file can hold, and reads it as the API server would."""

import copy
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import POD_SHAPES, PODS

(POD,) = PODS.kinds
KINDS = [kind for shape in POD_SHAPES for kind in shape.kinds]
GOOD = examples.manifest(POD, examples.pod_template(Example()))
ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.sampled_from(["\ud800", "\x00", 2**63, -(2**64), 2**4000, float("nan"), b"x"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.text(max_size=5), st.integers(), st.none()), inner, max_size=3
        ),
    ),
    max_leaves=8,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything in an object."""
    found = [path] if path else []
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, value in items:
        found += places(value, (*path, key))
    return found


def replaced(obj: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(obj)
    node = changed
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return changed


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(data=st.data(), value=ANYTHING)
def test_anything_in_any_place_is_judged(data: st.DataObject, value: Any) -> None:
    obj = examples.manifest(data.draw(st.sampled_from(KINDS)), examples.pod_template(Example()))
    path = data.draw(st.sampled_from(places(obj)))
    standard_judge().failures(replaced(obj, path, value), examples.ZONE)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    kind=st.sampled_from(["Pod", "Deployment", "CronJob", "Service", "NetworkPolicy", "Other", ""]),
    body=ANYTHING,
)
def test_any_body_of_any_kind_is_judged(kind: str, body: Any) -> None:
    for obj in ({"kind": kind, "spec": body}, {"kind": kind, "metadata": body}, {"kind": body}):
        standard_judge().failures(obj, examples.ZONE)


@pytest.mark.parametrize("path", places(GOOD), ids=str)
def test_a_null_field_is_an_absent_one(path: tuple[Any, ...]) -> None:
    if isinstance(path[-1], int):
        return
    absent = replaced(GOOD, path, None)
    node = absent
    for step in path[:-1]:
        node = node[step]
    node.pop(path[-1])
    null = standard_judge().failures(replaced(GOOD, path, None), examples.ZONE)
    assert null == standard_judge().failures(absent, examples.ZONE)


def test_a_null_user_of_a_container_leaves_the_pods_user_in_force() -> None:
    obj = copy.deepcopy(GOOD)
    obj["spec"]["securityContext"]["runAsUser"] = 0
    obj["spec"]["containers"][0]["securityContext"]["runAsUser"] = None
    assert [f.rule for f in standard_judge().failures(obj, examples.ZONE)] == ["PHI-POD-002"]


def test_depth_does_not_matter() -> None:
    deep: Any = {}
    for _ in range(50_000):
        deep = {"a": deep}
    for obj in ({**GOOD, "x": deep}, replaced(GOOD, ("spec", "affinity"), deep)):
        assert standard_judge().failures(obj, examples.ZONE) == ()
    while deep:  # Taken apart by hand: to free it in one go would need as deep a stack.
        deep = deep["a"]


@pytest.mark.parametrize(
    ("field", "small", "large"),
    [
        ("containers", 100, 1000),
        ("volumes", 300, 3000),
        ("env", 300, 3000),
        ("annotations", 1000, 10_000),
    ],
)
def test_time_grows_with_size_and_no_faster(field: str, small: int, large: int) -> None:
    def took(count: int) -> float:
        obj = copy.deepcopy(GOOD)
        container = obj["spec"]["containers"][0]
        match field:
            case "containers":
                obj["spec"]["containers"] = [{**container, "image": "x"} for _ in range(count)]
            case "volumes":
                volume = {"name": "v", "hostPath": {"path": "/"}}
                obj["spec"]["volumes"] = [dict(volume) for _ in range(count)]
            case "env":
                container["env"] = [{"name": f"TOKEN_{i}", "value": "x"} for i in range(count)]
            case "annotations":
                obj["metadata"]["annotations"] = {f"k{i}": "a://b:c@d" for i in range(count)}
        begun = time.perf_counter()
        assert standard_judge().failures(obj, examples.ZONE)
        return time.perf_counter() - begun

    took(small)
    fast = min(took(small) for _ in range(3))
    slow = min(took(large) for _ in range(2))
    # Ten times as much may take some more than ten times as long, but not a hundred times.
    assert slow < fast * (large / small) * 4
