"""Label selectors, held to their documentation (tests/reach/oracle.py)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.selectors import NotASelector, selector_of, selects
from tests.reach import oracle

_keys = st.sampled_from(["app", "tier"])
_values = st.sampled_from(["a", "b", "true", ""])
_expressions = st.one_of(
    st.builds(
        lambda key, operator, values: {"key": key, "operator": operator, "values": values},
        _keys,
        st.sampled_from(["In", "NotIn"]),
        st.lists(_values, min_size=1, max_size=2),
    ),
    st.builds(
        lambda key, operator, more: {"key": key, "operator": operator, **more},
        _keys,
        st.sampled_from(["Exists", "DoesNotExist"]),
        st.sampled_from([{}, {"values": []}, {"values": None}]),
    ),
)
_selectors = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": st.none() | st.dictionaries(_keys, _values),
        "matchExpressions": st.none() | st.lists(_expressions, max_size=2),
    },
)


@given(_selectors, st.dictionaries(_keys, _values))
def test_a_selector_selects_what_the_documentation_says(
    selector: dict[str, Any], labels: dict[str, str]
) -> None:
    assert selects(selector_of(selector), labels) == oracle.selects(selector, labels)


def test_equal_selectors_are_equal_however_they_are_written() -> None:
    one = selector_of({"matchLabels": {"a": "1", "b": "2"}})
    other = {"key": "a", "operator": "In", "values": ["1"]}
    assert one == selector_of({"matchLabels": {"b": "2"}, "matchExpressions": [other]})
    assert selector_of({}) == selector_of({"matchLabels": None}) == ()


@pytest.mark.parametrize(
    ("requirement", "field"),
    [
        ({"operator": "Like"}, "matchExpressions[0].operator: must be one of In"),
        ({}, "matchExpressions[0].operator"),
        ({"operator": "In"}, "matchExpressions[0].values: In takes at least one"),
        ({"operator": "Exists", "values": ["a"]}, "matchExpressions[0].values: Exists takes none"),
    ],
)
def test_what_the_api_server_would_refuse_is_no_selector(
    requirement: dict[str, Any], field: str
) -> None:
    with pytest.raises(NotASelector) as refused:
        selector_of({"matchExpressions": [{"key": "a", **requirement}]})
    assert str(refused.value).startswith(field)
