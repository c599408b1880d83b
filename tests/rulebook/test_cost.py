"""The bound of a cost holds, is no wild guess, and knows what an object has in all."""

from typing import Any

import pytest

from phiwarden.rulebook import budget, bulk
from phiwarden.rulebook.chart import installed
from phiwarden.rulebook.cost import cost
from phiwarden.rulebook.dialect import PORTABLE
from phiwarden.rulebook.model import RulebookError, rulebook
from phiwarden.rulebook.sizes import Bound, Value, lists, record, texts
from phiwarden.rulebook.subjects import CARRIERS
from phiwarden.rulebook.syntax import parse

OBJECT = {
    "name": "x" * 200,
    "number": 7,
    "words": [f"word{number:04}" for number in range(40)],
    "table": {f"key{number:02}": "x" * 30 for number in range(20)},
    "deep": [{"words": [f"word{number:04}" for number in range(10)]} for _ in range(8)],
}

# What cel-go 0.26.0 counts for that object, in the environment of k8s.io/apiserver v0.36.3.
COUNTED = [
    (3, "object.name == 'x'"),
    (22, "object.name.startsWith('x')"),
    (65, "object.name.matches('^[a-z0-9]+$')"),
    (42, "object.name.contains('needle in it')"),
    (44, "object.name.lowerAscii() == object.name"),
    (43, "object.name.split('x').size()"),
    (23, "object.name.substring(0, 5).endsWith('y')"),
    (22, "object.name.indexOf('y')"),
    (46, "object.name + object.name + 'tail'"),
    (243, "object.words.all(word, word.size() > 0)"),
    (243, "object.words.exists(word, word == 'none')"),
    (84, "object.words.exists_one(word, word == 'none')"),
    (564, "object.words.filter(word, word != '').size()"),
    (643, "object.words.map(word, word + '!').join(',')"),
    (3, "'none' in object.words"),
    (6100, "object.words.all(word, object.words.exists(other, other == word))"),
    (163, "object.table.all(key, object.table[key].size() >= 0)"),
    (503, "object.table.all(key, [object.table[key]].all(value, value.matches('^x*$')))"),
    (611, "object.deep.all(item, item.words.all(word, !word.matches('^[A-Z]+$')))"),
    (75, "object.deep.all(item, !has(item.none) && item.words.size() < 100)"),
    (2, "has(object.none) ? object.none.size() : [1, 2, 3].size()"),
    (1, "{'a': 1, 'b': 2}.size()"),
    (7, "isIP('203.0.113.7') && cidr('203.0.113.0/24').containsIP('203.0.113.7')"),
    (4, "string(object.number) + 'x'"),
    (8, "!(object.number > 3) || object.number % 2 == 1"),
]


def exactly(node: Any) -> Value:
    """Return the sizes of an object as it is."""
    match node:
        case str():
            return texts(len(node), len(node))
        case list():
            return lists(len(node), len(node), together([exactly(item) for item in node]))
        case dict():
            known = {key: exactly(value) for key, value in node.items()}
            keys = together([exactly(key) for key in node])
            size = Bound(len(node), len(node))
            return Value(Bound(0, 0), size, together(list(known.values())), keys, known)
    return texts(20, 20)


def together(values: list[Value]) -> Value:
    """Return siblings as one: each as large as the largest, and all in all."""
    fields = {name for value in values for name in value.fields}
    return Value(
        summed([value.text for value in values]),
        summed([value.many for value in values]),
        together(items) if (items := [v.item for v in values if v.item is not None]) else None,
        together(keys) if (keys := [v.key for v in values if v.key is not None]) else None,
        {name: together([v.fields[name] for v in values if name in v.fields]) for name in fields},
    )


def summed(bounds: list[Bound]) -> Bound:
    return Bound(max(bound.each for bound in bounds), sum(bound.total for bound in bounds))


@pytest.mark.parametrize(("counted", "expression"), COUNTED)
def test_the_bound_is_above_what_is_counted_and_near_it(counted: int, expression: str) -> None:
    bound = cost(parse(expression), {"object": exactly(OBJECT)}).most
    assert counted <= bound <= 3 * counted + 50


def most(expression: str, **names: Value) -> int:
    return cost(parse(expression), {"object": record(**names)}).most


def test_what_an_object_has_in_all_bounds_loops_within_loops() -> None:
    """A thousand words in all cost as much in one list as in a hundred."""
    words = lists(1000, 1000, texts(100, 10_000))
    nested = "object.lists.all(list, list.all(word, word.matches('^[a-z]{1,20}$')))"
    flat = "object.words.all(word, word.matches('^[a-z]{1,20}$'))"
    assert most(nested, lists=lists(100, 100, words)) < 2 * most(flat, words=words)


def test_what_does_not_change_in_a_loop_is_paid_for_each_time() -> None:
    ten, hundred = (lists(size, size, texts(10, 10 * size)) for size in (10, 100))
    text = texts(5000, 5000)
    expression = "object.items.all(item, object.text.matches('^[a-z]{1,20}$'))"
    assert most(expression, items=hundred, text=text) > 9 * most(expression, items=ten, text=text)


def test_a_condition_on_the_size_bounds_what_stands_behind_it() -> None:
    text = texts(1_000_000, 1_000_000)
    loop = "[object.text].all(entry, {})"
    free = most(loop.format("entry.matches('^[a-z]*$')"), text=text)
    for guarded in (
        "entry.size() <= 100 && entry.matches('^[a-z]*$')",
        "entry.size() < 100 && (entry != '' && entry.matches('^[a-z]*$'))",
        "variables.size <= 100 && entry.matches('^[a-z]*$')",
        "entry.size() <= 100 ? entry.matches('^[a-z]*$') : false",
    ):
        assert most(loop.format(guarded), text=text) < free / 100
    behind = "entry.matches('^[a-z]*$') && entry.size() <= 100"
    assert most(loop.format(behind), text=text) >= free


def test_what_costs_most_is_named_with_the_loops_around_it() -> None:
    expression = "container.env.exists(entry, entry.value.matches('^[a-z]{1,200}$'))"
    assert (
        cost(parse(expression), {}).chiefly
        == "matches on entry.value inside a loop over container.env"
    )


@pytest.mark.parametrize("function", sorted(PORTABLE))
def test_every_function_that_a_rule_may_call_has_a_price(function: str) -> None:
    on_something = PORTABLE[function]
    argument = "'a'" if function in {"matches", "contains", "containsIP", "split"} else ""
    called = f"object.x.{function}({argument})" if on_something else f"{function}(object.x)"
    assert cost(parse(called), {}).most > 0


def test_a_function_without_a_price_is_refused() -> None:
    with pytest.raises(RulebookError, match="upperAscii"):
        cost(parse("object.x.upperAscii()"), {})


POLICIES = {
    manifest["metadata"]["name"]: manifest
    for manifest in installed("system:serviceaccount:a:b", ["system:masters"])
    if manifest["kind"] == "ValidatingAdmissionPolicy"
}
CARRYING_PODS = {
    name
    for subject in CARRIERS
    for name in POLICIES
    if name.startswith(f"phiwarden-{subject.name}")
}


@pytest.mark.parametrize("name", sorted(POLICIES.keys() - CARRYING_PODS))
def test_the_verdict_on_the_largest_object_stays_within_the_budget(name: str) -> None:
    found = budget.costs(POLICIES[name])
    assert found["clean"].most <= budget.PER_EXPRESSION, found["clean"].chiefly
    assert 2 * sum(bound.most for bound in verdict(found).values()) <= budget.PER_POLICY


@pytest.mark.parametrize("name", sorted(CARRYING_PODS))
def test_the_verdict_on_pods_is_bounded_by_their_bulk(name: str) -> None:
    """The bound takes everything to be large at once; PHI-GRD-004 bounds the sum (rulebook/bulk)."""
    assert budget.PER_EXPRESSION < budget.costs(POLICIES[name])["clean"].most < 4_100_000


def test_the_rule_about_bulk_names_the_bound() -> None:
    (rule,) = (rule for rule in rulebook() if rule.id == "PHI-GRD-004")
    assert f"variables.bulk > {bulk.MOST}" in rule.checks[0].offends
    assert str(bulk.MOST) in rule.checks[0].found


MESSAGE = ("broken", "fixes", "remedies", "text")


def verdict(found: dict[str, Any]) -> dict[str, Any]:
    return {
        name: bound
        for name, bound in found.items()
        if name not in MESSAGE and not name.startswith("failures")
    }
