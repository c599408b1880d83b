"""What an expression costs at most, in the API server's own measure.

A cost is a sum over everything that may be evaluated: branches are added where only one is taken,
and nothing is hoped for from a condition that ends an evaluation early. Loops within loops are
not multiplied blindly, though: an object has so many characters in all, however they are spread.

Prices: github.com/google/cel-go v0.26.0 interpreter/runtimecost.go and common/cost.go;
k8s.io/apiserver v0.36.3 pkg/cel/library/cost.go.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

from phiwarden.rulebook.model import RulebookError
from phiwarden.rulebook.sizes import ANYTHING, NOTHING, SCALAR, Bound, Value, lists, texts
from phiwarden.rulebook.syntax import (
    LOOPS,
    Call,
    Field,
    Index,
    Items,
    Literal,
    Name,
    Node,
    Table,
)

_READ: Final = 1
_CALL: Final = 1
_LIST: Final = 10
_MAP: Final = 30
_PER_CHARACTER: Final = 0.1
_PER_PATTERN_CHARACTER: Final = 0.25

_STEP: Final = {"all": 3, "exists": 4, "exists_one": 3, "filter": 13, "map": 12}
"""What one step of a loop costs beside its body: the macro's own names, calls and lists."""

_READINGS: Final = {
    "startsWith": 1,
    "endsWith": 1,
    "lowerAscii": 1,
    "substring": 1,
    "indexOf": 1,
    "lastIndexOf": 1,
    "isIP": 1,
    "cidr": 1,
    "split": 2,
}
"""How many times functions read their text."""

_PLAIN: Final = ("size", "string", "int", "!", "-x", "-", "*", "/", "%", "timestamp", "duration")
"""What costs the same for every value."""

_ADDRESS: Final = 16
"""Bytes of the longest address."""

_GUARDED: Final = {"size": "entry"}
"""Variables that tell the size of everything that the names beside them go through."""


@dataclass(frozen=True, slots=True)
class Cost:
    """An upper bound.

    Attributes:
        most: the cost.
        chiefly: what makes up most of it, in words.
        value: what the expression yields.
    """

    most: int
    chiefly: str
    value: Value


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where an expression stands.

    Attributes:
        times: how often it is evaluated.
        names: what its names mean there.
        loops: what is gone through around it, outermost first.
        ranges: the maps whose keys some names are.
    """

    times: float
    names: Mapping[str, Value]
    loops: tuple[str, ...]
    ranges: Mapping[str, Node]

    def characters(self, value: Value) -> float:
        """Return the characters of a text over all evaluations."""
        return min(value.text.total * value.walks, value.text.each * self.times)

    def entries(self, value: Value) -> float:
        """Return the entries of a list or map over all evaluations."""
        return min(value.many.total * value.walks, value.many.each * self.times)


def cost(node: Node, names: Mapping[str, Value]) -> Cost:
    """Return what an expression costs at most.

    Args:
        node: its tree.
        names: what its variables may hold; others may hold anything.

    Raises:
        RulebookError: it calls a function that has no price here.
    """
    meter = _Meter()
    value = meter.visit(node, _Scope(1, names, (), {}))
    chiefly = meter.spent.most_common(1)
    return Cost(math.ceil(meter.spent.total()), chiefly[0][0] if chiefly else "", value)


class _Meter:
    """Goes through a tree once, and notes what is spent on what."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    def _spend(self, amount: float, what: str, scope: _Scope) -> None:
        where = f" inside a loop over {' and over '.join(scope.loops)}" if scope.loops else ""
        self.spent[f"{what}{where}"] += math.ceil(amount)

    def visit(self, node: Node, scope: _Scope) -> Value:
        match node:
            case Literal(str() as text):
                return texts(len(text), math.inf)
            case Literal():
                return SCALAR
            case Name(name):
                self._spend(_READ * scope.times, "reading fields", scope)
                return scope.names.get(name, ANYTHING)
            case Field(of, name):
                self._spend(_READ * scope.times, "reading fields", scope)
                return self.visit(of, scope).at(name)
            case Index():
                return self._index(node, scope)
            case Items(items):
                self._spend(_LIST * scope.times, "making lists", scope)
                found = [self.visit(item, scope) for item in items]
                return lists(len(items), math.inf, _both(found, scope))
            case Table(entries):
                self._spend(_MAP * scope.times, "making maps", scope)
                keys = _both([self.visit(key, scope) for key, _ in entries], scope)
                values = _both([self.visit(value, scope) for _, value in entries], scope)
                return lists(len(entries), math.inf, values, key=keys)
            case Call(function, target, args) if target is not None and function in LOOPS:
                return self._loop(function, target, args, scope)
            case Call():
                return self._call(node, scope)

    def _index(self, node: Index, scope: _Scope) -> Value:
        self._spend(2 * _READ * scope.times, "reading fields", scope)
        found = self.visit(node.of, scope)
        self.visit(node.key, scope)
        match node.key:
            case Literal(str() as name):
                return found.at(name)
            case Name(name) if scope.ranges.get(name) == _present(node.of):
                # The key goes through this very map, and so its values are met once each.
                return replace(found.entry(), walks=scope.names[name].walks)
        return found.entry()

    def _loop(self, function: str, target: Node, args: tuple[Node, ...], scope: _Scope) -> Value:
        gone_through = self.visit(target, scope)
        match args:
            case (Name(name), *body) if body:
                pass
            case _:
                raise RulebookError(f"{function}() needs a name and a condition")
        each = gone_through.many.each
        steps = scope.entries(gone_through)
        item = gone_through.entry()
        ranges = {known: range_ for known, range_ in scope.ranges.items() if known != name}
        if gone_through.key is not None:
            item = gone_through.key.again(gone_through.walks)
            ranges[name] = _present(target)
        names = {known: value.again(max(each, 1)) for known, value in scope.names.items()}
        inside = _Scope(steps, {**names, name: item}, (*scope.loops, _told(target)), ranges)
        self._spend(_STEP[function] * steps, "going through the items", inside)
        self._spend((_LIST + 2 * _READ) * scope.times, "making lists", scope)
        for part in body[:-1]:
            self.visit(part, inside)
        found = self.visit(body[-1], inside)
        match function:
            case "filter":
                return gone_through
            case "map":
                return lists(each, steps, found)
        return SCALAR

    def _call(self, node: Call, scope: _Scope) -> Value:
        match node:
            case Call("&&", None, args):
                for arg in args:
                    self.visit(arg, scope)
                    scope = _narrowed(scope, arg)
                return SCALAR
            case Call("||", None, args):
                for arg in args:
                    self.visit(arg, scope)
                return SCALAR
            case Call("?:", None, (condition, one, other)):
                self.visit(condition, scope)
                chosen = self.visit(one, _narrowed(scope, condition))
                return _either([chosen, self.visit(other, scope)], scope)
            case Call("has", None, (Field(of, name),)):
                self._spend(_READ * scope.times, "reading fields", scope)
                return self.visit(of, scope).at(name)
            case Call("+", None, (first, *rest)):
                return reduce(
                    lambda left, right: self._added(left, self.visit(right, scope), scope),
                    rest,
                    self.visit(first, scope),
                )
        found = [
            self.visit(part, scope)
            for part in (*((node.target,) if node.target else ()), *node.args)
        ]
        return self._called(node, found, scope)

    def _added(self, left: Value, right: Value, scope: _Scope) -> Value:
        length = scope.characters(left) + scope.characters(right)
        entries = scope.entries(left) + scope.entries(right)
        self._spend(_PER_CHARACTER * length + scope.times, "joining texts", scope)
        return Value(
            Bound(left.text.each + right.text.each, length),
            Bound(left.many.each + right.many.each, entries),
            _items([left, right], replace(scope, times=entries)),
        )

    def _called(self, node: Call, found: list[Value], scope: _Scope) -> Value:
        def spend(amount: float) -> None:
            self._spend(amount, f"{node.function} on {_told(node.target or node.args[0])}", scope)

        match node.function, found:
            case (("==" | "!=" | "<" | "<=" | ">" | ">="), [left, right]):
                size = min(max(scope.characters(v), scope.entries(v)) for v in (left, right))
                spend(_PER_CHARACTER * size + scope.times)
            case "in", [_, among]:
                spend(max(scope.entries(among), scope.times))
            case (("matches" | "contains"), [text, part]):
                spend((_PER_CHARACTER * scope.characters(text) + scope.times) * _length(node, part))
            case "containsIP", [_, address]:
                sizes = 2 * _ADDRESS * scope.times + scope.characters(address)
                spend(_PER_CHARACTER * sizes + 2 * scope.times)
            case "sum", [items]:
                spend(scope.entries(items) + scope.times)
            case "max", [items]:
                item = items.entry()
                spend(_PER_CHARACTER * scope.characters(item) + scope.entries(items) + scope.times)
                return texts(item.text.each, item.text.each * scope.times)
            case "join", [items, *between]:
                return self._joined(items, between, scope, spend)
            case name, [text, *_] if name in _READINGS:
                spend(_READINGS[name] * _PER_CHARACTER * scope.characters(text) + scope.times)
                return _read(name, text, scope)
            case name, [value, *_] if name in _PLAIN:
                spend(_CALL * scope.times)
                return value if name == "string" else SCALAR
            case name, _:
                raise RulebookError(f"{name}() is not among the functions that a rule may call")
        return SCALAR

    def _joined(
        self,
        items: Value,
        between: list[Value],
        scope: _Scope,
        spend: Callable[[float], None],
    ) -> Value:
        count = scope.entries(items)
        parts = replace(scope, times=count)
        length = parts.characters(items.entry()) + sum(parts.characters(b) for b in between)
        spend(2 * _PER_CHARACTER * length + scope.times)
        return texts(length, length)


def _narrowed(scope: _Scope, condition: Node) -> _Scope:
    """Return the scope behind a condition on a size, such as `entry.size() <= 512`."""
    match condition:
        case Call("&&", None, args):
            return reduce(_narrowed, args, scope)
        case Call("<=" | "<", None, (Call("size", Name(name), ()), Literal(int() as most))):
            return _capped(scope, name, lambda bound: Bound(min(bound.each, most), bound.total))
        case Call("<=" | "<", None, (Field(Name("variables"), size), Literal(int() as most))):
            return _capped(
                scope,
                _GUARDED.get(size, ""),
                lambda bound: Bound(min(bound.each, most), min(bound.total, most)),
            )
    return scope


def _capped(scope: _Scope, name: str, cap: Callable[[Bound], Bound]) -> _Scope:
    known = scope.names.get(name)
    if known is None:
        return scope
    return replace(scope, names={**scope.names, name: replace(known, text=cap(known.text))})


def _either(values: list[Value], scope: _Scope) -> Value:
    """Return a value that is one of some, and at each evaluation maybe another."""
    return values[0] if all(value == values[0] for value in values) else _both(values, scope)


def _both(values: list[Value], scope: _Scope) -> Value:
    """Return an item of a list that holds all of some: as large as the largest, and all in all."""
    values = [value for value in values if value.many.each or value.text.each]
    if len(values) < 2:
        return values[0] if values else NOTHING
    many = Bound(max(v.many.each for v in values), sum(scope.entries(v) for v in values))
    text = Bound(max(v.text.each for v in values), sum(scope.characters(v) for v in values))
    fields = {
        name: _both([value.at(name) for value in values], scope)
        for name in sorted({name for value in values for name in value.fields})
    }
    inside = replace(scope, times=many.total)
    return Value(text, many, _items(values, inside), _key(values, inside), fields)


def _items(values: list[Value], scope: _Scope) -> Value:
    """Return an item of lists that are joined."""
    if all(value.item is None for value in values):
        return ANYTHING.again(sum(value.walks for value in values))
    return _both([value.entry() for value in values if value.many.each], scope)


def _key(values: list[Value], scope: _Scope) -> Value | None:
    """Return a key of maps that are joined; None where none of them is known as one."""
    if all(value.key is None for value in values):
        return None
    keys = [v.entry() if v.key is None else v.key.again(v.walks) for v in values]
    return _both(keys, scope)


def _present(node: Node) -> Node:
    """Return what is gone through where it is there: `has(x) ? x : {}` is x, or nothing."""
    match node:
        case Call("?:", None, (_, found, Table(()) | Items(()))):
            return found
    return node


def _length(node: Call, part: Value) -> int:
    """Return how often a search reads its text: by the length of what it searches for."""
    match node:
        case Call("matches", _, (Literal(str() as pattern),)):
            return math.ceil(_PER_PATTERN_CHARACTER * len(pattern))
        case Call("contains", _, _):
            return math.ceil(_PER_CHARACTER * part.text.each)
    raise RulebookError("a regular expression must stand in the rule as a literal text")


def _read(function: str, text: Value, scope: _Scope) -> Value:
    """Return what a function makes of a text that it reads."""
    if function != "split":
        return text
    return lists(text.text.each + 1, scope.characters(text) + scope.times, text)


def _told(node: Node) -> str:
    """Return a path as it is written; of anything else what it is made of."""
    match node:
        case Name(name):
            return name
        case Field(of, name):
            return f"{_told(of)}.{name}"
        case Index(of, _):
            return f"{_told(of)}[...]"
        case Call("?:", None, (_, one, _)):
            return _told(one)
        case Call(_, target, args) if target is not None or args:
            return _told(target if target is not None else args[0])
        case Items((first, *_)):
            return _told(first)
    return "a literal"
